"""Small static programs for containers, made from certify alone."""
