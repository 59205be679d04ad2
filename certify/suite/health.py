"""The health check of a service: how often it is asked, and the program that it lacks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_SECOND = 10**9
"""In nanoseconds, as engines have it."""
_LACKS = re.compile(
    r"([\w./+-]{1,80}): (?:command )?not found\b|"
    r'exec: "?([^" ]{1,80})"?: executable file not found'
)


def asked_often(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Return the lines of a Compose file by which an image's health check is asked each second.

    Its interval says how often a service that runs is asked, and Docker's default, 30 s, puts off
    the first time, too. None if it has no health check, or one that is asked more often.
    """
    check = configuration.get("Healthcheck") or {}
    is_often = 0 < check.get("Interval", 0) < _SECOND
    if check.get("Test", ["NONE"]) == ["NONE"] or is_often:
        return {}
    return {"healthcheck": {"interval": "1s"}}


def missing_program(output: str) -> str:
    """Return the program that a health check calls and the image does not have; empty if none."""
    found = _LACKS.search(output)
    return (found[1] or found[2]) if found else ""
