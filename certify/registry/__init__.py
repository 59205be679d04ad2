"""Registries of images: what they hold, and how they are asked."""
