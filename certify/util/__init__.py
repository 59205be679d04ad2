"""Helpers without any knowledge of images: text, TOML, HTTP, files, signals."""
