"""Profiles, verdicts and the causes behind failures, as pure functions.

Nothing here reads a file but the package's own data, or knows a container engine.
"""
