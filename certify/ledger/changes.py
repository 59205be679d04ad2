"""Changes between two sweeps: images newly broken, newly fixed, appeared or vanished. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from certify.model.result import Result
from certify.model.result_key import ResultKey
from certify.model.terms import Grade, Status


@dataclass(frozen=True, slots=True)
class SweepEntry:
    """The result of one image under one profile, as much as sweeps compare."""

    reference: str
    platform: str
    """Empty if unknown."""
    profile: str
    identity: str
    """The digest, or else the image ID; empty if the reference could not be resolved."""
    status: Status
    grade: Grade | None = None
    boot_seconds: float | None = None
    cause: str = ""
    """The first reason of the verdict; empty if there is none."""
    recording: str = ""
    """The name of the result in every ledger if it was new; empty if it stood before."""
    document: str = ""
    """The result as JSON in the sweep of a shard, if the name never led to an image: such a result
    is recorded nowhere else."""

    @property
    def key(self) -> ResultKey:
        """The key, the same in every sweep."""
        return ResultKey(self.reference, self.platform, self.profile)


def sweep_entry(result: Result) -> SweepEntry:
    """Return the entry of a result in a sweep."""
    return SweepEntry(
        **ResultKey.of(result)._asdict(),
        identity=result.image.identity,
        status=result.verdict.status,
        grade=result.verdict.grade,
        boot_seconds=result.startup.boot_seconds,
        cause=next((reason.cause for reason in result.verdict.reasons), ""),
    )


class ChangeKind(StrEnum):
    """A kind of change, in the words that people read."""

    BROKEN = "newly broken"
    FIXED = "newly fixed"
    UNCLEAR = "no longer clear"
    MOVED = "moved"
    APPEARED = "appeared"
    VANISHED = "vanished"

    @property
    def json_name(self) -> str:
        """The name in JSON output, which stays the same for the programs that read it."""
        return "newly mended" if self is ChangeKind.FIXED else self.value


@dataclass(frozen=True, slots=True)
class Change:
    """One image that differs between two sweeps."""

    kind: ChangeKind
    before: SweepEntry | None
    after: SweepEntry | None
    inside: str = ""
    """What changed inside an image that is newly broken, likely culprits first."""

    @property
    def moved(self) -> bool:
        """True if the reference led to two images."""
        return bool(self.before and self.after and self.before.identity != self.after.identity)

    @property
    def image(self) -> SweepEntry:
        """The newer entry, or else the older."""
        found = self.after or self.before
        assert found is not None
        return found


def find_changes(before: Iterable[SweepEntry], after: Iterable[SweepEntry]) -> list[Change]:
    """Return a change for each image that differs, ordered by kind, then by reference.

    Entries without a profile are no images, but parts of a list about which nothing is known.
    """
    left, found = {each.key: each for each in before if each.profile}, list[Change]()
    for new in (each for each in after if each.profile):
        old = left.pop(new.key, None)
        if (kind := _kind(old, new)) is not None:
            found.append(Change(kind, old, new))
    found += [Change(ChangeKind.VANISHED, old, None) for old in left.values()]
    order = list(ChangeKind)
    return sorted(found, key=lambda change: (order.index(change.kind), change.image.key))


def _kind(before: SweepEntry | None, after: SweepEntry) -> ChangeKind | None:
    if before is None:
        return ChangeKind.APPEARED
    became = {
        Status.REJECTED: ChangeKind.BROKEN,
        Status.CERTIFIED: ChangeKind.FIXED,
        Status.INCONCLUSIVE: ChangeKind.UNCLEAR,
    }
    if before.status is not after.status:
        return became[after.status]
    return ChangeKind.MOVED if before.identity != after.identity else None


def group_by_cause(entries: Sequence[SweepEntry]) -> list[tuple[str, list[SweepEntry]]]:
    """Group the entries that are not certified by their cause, the largest groups first.

    If the causes of a group differ only in the names of their images, an ellipsis replaces the
    name.
    """
    groups: dict[str, list[SweepEntry]] = defaultdict(list)
    for each in entries:
        if each.status is not Status.CERTIFIED:
            groups[_cause_without_name(each)].append(each)
    named = [
        (images[0].cause if len(images) == 1 else cause, images) for cause, images in groups.items()
    ]
    return sorted(named, key=lambda group: (-len(group[1]), group[0]))


def _cause_without_name(image: SweepEntry) -> str:
    """Return the cause with an ellipsis for the image's name, in full or shortened."""
    last = image.reference.rpartition("/")[2]
    name = re.split("[:@]", last)[0]
    if name not in image.cause:  # a pattern for each image costs a millisecond
        return image.cause
    own = rf"{re.escape(last)}(?![\w-]|\.\w)|{re.escape(name)}@sha256:[0-9a-f]{{64}}"
    return re.sub(rf"(?<![^\s'\"(])(?:[^\s'\"(]*/)?(?:{own})", "…", image.cause)
