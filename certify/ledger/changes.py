"""What changed between two sweeps: broken, mended, appeared, vanished. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from certify.model.result import Result
from certify.model.terms import Grade, Status


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep found of one image under one profile."""

    reference: str
    platform: str
    profile: str
    identity: str
    """Digest, or else image id; empty if it could not be resolved."""
    status: Status
    grade: Grade | None = None
    boot_seconds: float | None = None
    cause: str = ""
    """The first reason of a verdict that is not a plain yes."""

    @property
    def key(self) -> tuple[str, str, str]:
        """What is compared from sweep to sweep."""
        return self.reference, self.platform, self.profile


def swept(result: Result) -> Swept:
    """What a result is to a sweep."""
    reasons = result.verdict.reasons
    first = reasons[0] if reasons else None
    return Swept(
        reference=result.image.reference,
        platform=result.image.platform or "",
        profile=result.profile,
        identity=result.image.digest or result.image.image_id or "",
        status=result.verdict.status,
        grade=result.verdict.grade,
        boot_seconds=result.startup.boot_seconds,
        cause=(f"{first.check}: {first.text}" if first.check else first.text) if first else "",
    )


class Kind(StrEnum):
    """How an image changed."""

    BROKEN = "newly broken"
    MENDED = "newly mended"
    UNCLEAR = "no longer clear"
    MOVED = "moved"
    APPEARED = "appeared"
    VANISHED = "vanished"


@dataclass(frozen=True, slots=True)
class Change:
    """One image that is not as it was."""

    kind: Kind
    before: Swept | None
    after: Swept | None

    @property
    def image(self) -> Swept:
        """The newer side, or else the older."""
        found = self.after or self.before
        assert found is not None
        return found


def changes(before: Iterable[Swept], after: Iterable[Swept]) -> list[Change]:
    """Every image that changed, by kind and reference."""
    old = {each.key: each for each in before}
    new = {each.key: each for each in after}
    found = [
        Change(kind, old.get(key), new.get(key))
        for key in old.keys() | new.keys()
        if (kind := _kind(old.get(key), new.get(key))) is not None
    ]
    order = list(Kind)
    return sorted(found, key=lambda change: (order.index(change.kind), change.image.key))


def _kind(before: Swept | None, after: Swept | None) -> Kind | None:
    if before is None:
        return Kind.APPEARED
    if after is None:
        return Kind.VANISHED
    became = {
        Status.REJECTED: Kind.BROKEN,
        Status.CERTIFIED: Kind.MENDED,
        Status.INCONCLUSIVE: Kind.UNCLEAR,
    }
    if before.status is not after.status:
        return became[after.status]
    return Kind.MOVED if before.identity != after.identity else None


def alike(found: Sequence[Swept]) -> list[tuple[str, list[Swept]]]:
    """Images that are not certified, grouped by what is wrong; the largest groups first.

    Where the same is said of several images, each by its name, an ellipsis stands for that.
    """
    groups: dict[str, list[Swept]] = defaultdict(list)
    for each in found:
        if each.status is not Status.CERTIFIED:
            groups[_nameless(each)].append(each)
    said = [
        (images[0].cause if len(images) == 1 else cause, images) for cause, images in groups.items()
    ]
    return sorted(said, key=lambda group: (-len(group[1]), group[0]))


def _nameless(image: Swept) -> str:
    """What is wrong with it, without its own name, however much of that was written."""
    last = image.reference.rpartition("/")[2]
    name = re.split("[:@]", last)[0]
    own = rf"{re.escape(last)}(?![\w-]|\.\w)|{re.escape(name)}@sha256:[0-9a-f]{{64}}"
    return re.sub(rf"(?<![^\s'\"(])(?:[^\s'\"(]*/)?(?:{own})", "…", image.cause)
