"""The approved-images list: which images may run, its publication, and its enforcement."""
