"""What outcomes mean: profiles, verdicts and the causes behind failures. Nothing here does I/O
beyond reading the package's own data, and nothing here knows a container engine.
"""
