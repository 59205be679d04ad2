"""The health check of a service: how often it is asked, and the program that it lacks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

USUAL_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""The folders in which engines look for programs if an image has no PATH."""
_SECOND = 10**9
"""A second in nanoseconds, the unit of engines."""
_LACKS = re.compile(
    r"^(?:/\S+|\w*sh): (?:(?:line )?\d+: )?([\w./+-]{1,80}): (?:command )?not found$|"
    r'exec: "?([^" ]{1,80})"?: (?:executable file not found|stat \S+: no such file)',
    re.MULTILINE,
)
"""The words of a shell or an engine about a program that is missing, or whose interpreter is."""
_ENDS_IT = re.compile(
    r"(?<![\w./-])(?:/(?:usr/)?bin/)?(?:p?kill|killall)(?=\s|$)(?!\s+-(?:s\s+)?0\b)"
    r"(?:\$\([^)]*\)|[^|;&()'\"`\n])*"
)
"""A command in a health check that sends a signal; signal 0 only asks whether somebody is there."""


class Defect(NamedTuple):
    """A program that a health check calls and the image lacks, and what helps."""

    cause: str
    remedy: str


def asked_often(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Return the lines of a Compose file by which an image's health check is asked each second.

    Its interval says how often a service that runs is asked, and Docker's default, 30 s, puts off
    the first time, too. None if it has no health check, or one that is asked more often. One that
    ends a service that does not answer (``curl … || kill 1``) only fails then: with its own
    interval, the service would have had the time to start.
    """
    check = configuration.get("Healthcheck") or {}
    is_often = 0 < check.get("Interval", 0) < _SECOND
    test = check.get("Test", ["NONE"])
    if test == ["NONE"] or is_often:
        return {}
    asked = {"interval": "1s"}
    harmless = [_ENDS_IT.sub("false ", each) for each in test]
    return {"healthcheck": asked | ({"test": harmless} if harmless != test else {})}


def defect(
    output: str, variables: Iterable[str], first_line: Callable[[str], str | None]
) -> Defect | None:
    """Return what a health check lacks by its output; None if nothing, or if that is unknown.

    ``first_line`` returns the first line of a file in the image, None if it is not there.
    """
    found = _LACKS.search(output)
    if not found:
        return None
    program = found[1] or found[2]
    path = dict(each.partition("=")[::2] for each in variables).get("PATH") or USUAL_PATH
    places = [program] if "/" in program else [f"{each}/{program}" for each in path.split(":")]
    line = next((line for each in places if (line := first_line(each)) is not None), None)
    calls = f"its HEALTHCHECK calls {program}"
    if line is None:
        remedy = f"Install {program} in the image, or ask by what is there in HEALTHCHECK."
        return Defect(f"{calls}, which the image does not have", remedy)
    if line.startswith("#!") and line.endswith("\r"):
        remedy = f"Write it with line feeds alone: sed -i 's/\\r$//' {program}."
        return Defect(f"{calls}, whose lines end as those of Windows do", remedy)
    interpreter = (line[2:].split() or [""])[0] if line.startswith("#!") else ""
    if not interpreter or first_line(interpreter) is not None:
        return None
    remedy = f"Install what has {interpreter} in the image, or write the script for /bin/sh."
    return Defect(
        f"{calls}, whose first line names {interpreter}, which the image does not have", remedy
    )
