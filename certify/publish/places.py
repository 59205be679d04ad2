"""Problems of images, each with a file and a line, the form that tools for source code read."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from certify.model.result import AppliedWaiver, Reason, Result
from certify.model.terms import Level, Status
from certify.publish import phrases
from certify.publish.matrix_data import problem_checks
from certify.util.text import one_line


class Place(NamedTuple):
    """A line of a file."""

    file: str
    line: int


def path_in_repository(path: Path) -> str:
    """Return the path of a file from the top of its Git repository, as code hosts name it.

    Outside of one it is the path from the working directory, if the file is below that.
    """
    whole = Path(
        os.path.normpath(path.absolute())
    )  # as named: code hosts know links by their names
    top = next((each for each in whole.parents if (each / ".git").exists()), Path.cwd())
    return whole.relative_to(top).as_posix() if whole.is_relative_to(top) else str(path)


Places = Mapping[str, Place]
"""Files and lines that name images, such as those of a list, by reference."""
NOWHERE: Places = {}
Severity = Literal["error", "warning", "note", "unknown"]
VERDICT = "verdict"
"""The rule for a reason that no check stands for, such as a revocation."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with an image, or kept from being known."""

    result: Result
    place: Place
    rule: str
    title: str
    """The claim of the check; the same for every image."""
    level: Severity
    """``unknown`` means that the host, the network or a registry kept it from being answered."""
    text: str
    remedy: str
    waiver: AppliedWaiver | None = None

    @property
    def fingerprint(self) -> str:
        """An identifier that stays the same from run to run, whatever the digest."""
        named = (self.result.image.reference, self.result.profile, self.result.image.platform or "")
        return hashlib.sha256("\n".join((*named, self.rule)).encode("utf-8", "replace")).hexdigest()

    @property
    def message(self) -> str:
        """Image, cause and remedy in one line."""
        name = one_line(f"{self.result.image.reference} [{self.result.profile}]", 300)
        remedy = f" → {one_line(self.remedy, 600)}" if self.remedy else ""
        return f"{name}: {one_line(self.text, 600)}{remedy}"


def place_of(result: Result, places: Places) -> Place:
    """Return where an image is named; without a list, the repository counts as its file."""
    reference = result.image.reference
    return places.get(reference) or Place(one_line(result.image.repository or reference), 1)


def findings(results: Iterable[Result], places: Places) -> Iterator[Finding]:
    """Yield what is wrong with each image: reasons of the verdict, then other failed checks."""
    for result in results:
        place = place_of(result, places)
        reasons = {reason.check for reason in result.verdict.reasons}
        yield from (_of_reason(result, place, reason) for reason in result.verdict.reasons)
        inconclusive = result.verdict.status is Status.INCONCLUSIVE
        for check in problem_checks(result):
            unknown = phrases.mark_of(check) is phrases.Mark.UNKNOWN
            if check.id in reasons or (unknown and inconclusive):  # the reasons say enough of it
                continue
            failed: Severity = "note" if check.level is Level.INFO else "warning"
            yield Finding(
                result, place, check.id, check.title, "unknown" if unknown else failed,
                check.message, check.remedy, check.waiver,
            )  # fmt: skip


def _of_reason(result: Result, place: Place, reason: Reason) -> Finding:
    title = next((each.title for each in result.checks if each.id == reason.check), "")
    rejected = result.verdict.status is Status.REJECTED
    return Finding(
        result, place, reason.check or VERDICT, title or "The image is certified.",
        "error" if rejected else "unknown", reason.text, reason.remedy,
    )  # fmt: skip
