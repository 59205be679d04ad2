"""The approved-images list: which images may be run, and what enforces it."""
