"""Exit codes, the same for every command."""

CERTIFIED, REJECTED, USAGE, INCONCLUSIVE, INTERRUPTED = 0, 1, 2, 3, 130
