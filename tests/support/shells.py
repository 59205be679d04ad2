"""The shells in which what certify runs in images is tried."""

from __future__ import annotations

SHELLS = {"dash": ["dash"], "bash": ["bash", "--posix"], "busybox": ["busybox", "sh"]}
"""Their commands, by name."""
