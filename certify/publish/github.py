"""Results as GitHub workflow commands: an annotation for each that is not certified.

The format is from GitHub's documentation, "Workflow commands for GitHub Actions":
``::error title=…::message``, with ``%``, line ends and, in properties, ``:`` and ``,`` escaped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from certify.model.result import Result
from certify.model.terms import Status
from certify.publish import phrases
from certify.publish.places import NOWHERE, Places
from certify.util.text import one_line

_LEVELS = {Status.REJECTED: "error", Status.INCONCLUSIVE: "warning"}
_LONGEST = 4000


def workflow_commands(results: Sequence[Result], places: Places = NOWHERE) -> str:
    """Return a line for each result that is not certified, then one with the totals.

    GitHub shows each beside its image in ``places``, if it is named there.

    Output of an image cannot become a command: a command begins a line, and every line here
    begins with one of certify's own.
    """
    lines = [*_commands(results, places), f"certify: {phrases.tally(results)}"]
    return "\n".join(lines) + "\n"


def _commands(results: Sequence[Result], places: Places) -> Iterator[str]:
    for result in results:
        level = _LEVELS.get(result.verdict.status)
        if level is None:
            continue
        title = f"{phrases.verdict_of(result)} {one_line(result.image.reference)}"
        reasons = [one_line(reason.cause, 600) for reason in result.verdict.reasons]
        remedies = [f"→ {one_line(reason.remedy, 600)}" for reason in result.verdict.reasons[:1]]
        message = "\n".join([*reasons, *remedies])[:_LONGEST]
        named = one_line(f"{title} ({result.profile})", 500)
        place = places.get(result.image.reference)
        where = f"file={_property(place.file)},line={place.line}," if place else ""
        yield f"::{level} {where}title={_property(named)}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
