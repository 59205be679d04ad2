"""What to certify: references to images and lists of them."""
