"""The operating system that an image holds, by its own account: os-release(5)."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from certify.util.text import one_line


def parse_os_release(text: str) -> dict[str, str]:
    """Return the keys and values of os-release(5): shell assignments without expansion."""
    found = {}
    for line in text.splitlines():
        key, equals, value = line.strip().partition("=")
        if equals and not key.startswith("#"):
            try:
                words = shlex.split(value)
            except ValueError:
                words = [value]
            found[key] = " ".join(words)
    return found


def os_fact(release: Mapping[str, str]) -> dict[str, str | None]:
    """Return the fields of :class:`certify.model.result.Os`, fit for a terminal."""
    keys = {"id": "ID", "version_id": "VERSION_ID", "pretty_name": "PRETTY_NAME"}
    return {
        name: one_line(release[key], limit=100) if release.get(key) else None
        for name, key in keys.items()
    }
