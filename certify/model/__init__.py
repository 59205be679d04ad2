"""Values that all parts of certify share."""
