"""Certificates in a database: what is certified, and how every image ever fared."""
