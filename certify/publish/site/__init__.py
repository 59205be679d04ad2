"""The site under ``reports/``: the matrix, a page per image, and a comparison of two images."""
