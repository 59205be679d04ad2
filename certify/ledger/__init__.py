"""The database of results, sweeps and revocations."""
