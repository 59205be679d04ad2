"""Signed statements about images: made, attached to the image's registry, and believed or not."""
