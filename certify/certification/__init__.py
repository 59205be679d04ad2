"""The certification of one image: launch it, run the checks, judge."""
