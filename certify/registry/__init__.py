"""Registries of images: their contents, and the protocol and logins to read them."""
