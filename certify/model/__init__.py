"""The values that flow through certify."""
