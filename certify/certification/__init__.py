"""One image: launch it, run the checks, judge."""
