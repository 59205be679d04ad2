"""The end of a distribution's support, by its os-release(5) and by ``support.toml``. Pure."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from datetime import date
from functools import cache

from certify.util.toml import packaged


@cache
def _releases() -> dict[str, dict[str, date]]:
    tables = packaged("certify.judge", "support.toml")
    return {name: table["releases"] for name, table in tables.items()}


def end_of_support(release: Mapping[str, str]) -> date | None:
    """Return the last day of a release's support; None if nobody has named one.

    ``release`` holds the keys and values of os-release(5). The vendor may extend the support of an
    image that was built before, so the later of its own ``SUPPORT_END`` and the table's day holds.
    """
    found = []
    with contextlib.suppress(ValueError):
        found.append(date.fromisoformat(release.get("SUPPORT_END", "")))
    version = release.get("VERSION_ID", "")
    for key, day in _releases().get(release.get("ID", ""), {}).items():
        if version == key or version.startswith(f"{key}."):
            found.append(day)
    return max(found, default=None)
