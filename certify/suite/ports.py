"""The ports that an image exposes."""

from __future__ import annotations

import re
from collections.abc import Iterable

_EXPOSED = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?(?:/tcp)?", re.ASCII)


def tcp_ports(exposed: Iterable[str]) -> list[int]:
    """Return the TCP ports among exposed ones: ``80/tcp``, ``80``, or ``8000-8010/tcp``.

    What is no port, as only a builder other than Docker's writes it, is left out.
    """
    found: set[int] = set()
    for each in exposed:
        if parts := _EXPOSED.fullmatch(each):
            first, last = int(parts[1]), int(parts[2] or parts[1])
            found.update(range(max(first, 1), min(last, 65535) + 1))
    return sorted(found)
