"""The key of a result."""

from __future__ import annotations

Key = tuple[str, str, str]
"""Reference, platform and profile: what a sweep asks about, and compares with the one before."""
