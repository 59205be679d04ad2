"""Helpers that know nothing of images: text, TOML, files, signals."""
