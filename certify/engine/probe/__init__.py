"""Certify's own small programs for containers, and an image that carries them."""
