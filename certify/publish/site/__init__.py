"""The site under ``reports/``: the matrix, a page for each image, and one that compares two."""
