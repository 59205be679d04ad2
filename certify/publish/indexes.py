"""One verdict for an index, from the results of all its platforms. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from certify.model.result import Index, Result
from certify.model.terms import Status
from certify.util.text import one_line


def index_verdicts(results: Iterable[Result]) -> list[Index]:
    """Return a verdict for each index whose platforms were all to be certified."""
    found: dict[tuple[str, str], dict[str, Status | None]] = {}
    for result in results:
        image = result.image
        if len(image.platforms) > 1:
            key = image.reference, result.profile
            known = found.setdefault(key, dict.fromkeys(image.platforms))
            if image.platform:
                known[image.platform] = result.verdict.status
    return [
        Index(reference=reference, profile=profile, status=_status(each), platforms=each)
        for (reference, profile), each in found.items()
    ]


def index_text(index: Index) -> str:
    """Return the verdict in a sentence, with the platforms that are not certified."""
    others = [
        f"{one_line(each)} {status.value if status else 'has no result'}"
        for each, status in index.platforms.items()
        if status is not Status.CERTIFIED
    ]
    name = f"{one_line(index.reference)} [{one_line(index.profile)}]"
    count = len(index.platforms)
    if not others:
        return f"{name} is certified on all {count} platforms"
    return f"{name} is not certified on all {count} platforms: {', '.join(others)}"


def _status(platforms: dict[str, Status | None]) -> Status:
    found = set(platforms.values())
    if found == {Status.CERTIFIED}:
        return Status.CERTIFIED
    return Status.REJECTED if Status.REJECTED in found else Status.INCONCLUSIVE
