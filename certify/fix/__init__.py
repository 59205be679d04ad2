"""The Dockerfile that makes an image native."""
