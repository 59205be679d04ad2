"""Removal of old results from a ledger, never of what stands. The choice itself is pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, delete, or_, select

from certify.ledger.database import LedgerPart
from certify.ledger.queries import ROW, knows_its_image
from certify.ledger.rows import batched
from certify.ledger.schema import results_table
from certify.model.terms import Status

BATCH = 500


class Recorded(NamedTuple):
    """A result, as much as its retention depends on."""

    id: int
    reference: str
    platform: str
    profile: str
    identity: str
    digest: str | None
    image_id: str | None
    inconclusive: bool
    knows_image: bool
    """True if the result tells where its tag points."""
    finished_at: datetime


class Retention(LedgerPart):
    """Removal of results from one ledger."""

    def prune(
        self, keep: int | None, before: datetime | None, *, dry_run: bool = False
    ) -> tuple[int, int]:
        """Remove old results, never what stands; return how many, and how many are left.

        See :func:`prunable`. A ``dry_run`` only counts.
        """
        with self._database.writing() as connection:
            results = _read(connection)
            chosen = prunable(results, keep=keep, before=before)
            _remove(connection, () if dry_run else chosen)
        return len(chosen), len(results) - len(chosen)

    def forget(
        self, references: Collection[str], *, dry_run: bool = False
    ) -> tuple[int, list[str]]:
        """Remove all results under some references; return how many there are.

        If other references depend on them, nothing is removed, and these are returned, too; see
        :func:`forgettable`. A ``dry_run`` only counts.
        """
        with self._database.writing() as connection:
            chosen, depends = forgettable(_read(connection), references)
            _remove(connection, () if dry_run or depends else chosen)
        return len(chosen), depends

    def forget_never_found(self, references: Collection[str]) -> None:
        """Remove the results of those references that never led to an image.

        Versions up to 0.2 recorded them.
        """
        for part in batched(sorted(references), BATCH):
            named = ROW.reference.in_(part)
            found = select(ROW.reference).where(named, or_(ROW.digest != "", ROW.image_id != ""))
            with self._database.writing() as connection:
                connection.execute(delete(results_table).where(named, ROW.reference.not_in(found)))


def _read(connection: Connection) -> list[Recorded]:
    """Return all results in the order of their recording."""
    query = select(
        ROW.id, ROW.reference, ROW.platform, ROW.profile, ROW.identity, ROW.digest, ROW.image_id,
        ROW.status == Status.INCONCLUSIVE.value, knows_its_image(results_table), ROW.finished_at,
    ).order_by(ROW.id)  # fmt: skip
    return [Recorded(*row) for row in connection.execute(query)]


def _remove(connection: Connection, ids: Collection[int]) -> None:
    """Delete results by their numbers."""
    for part in batched(sorted(ids), BATCH):
        connection.execute(delete(results_table).where(ROW.id.in_(part)))


def prunable(
    results: Sequence[Recorded], *, keep: int | None = None, before: datetime | None = None
) -> set[int]:
    """Return the results that may go, of all in the order of recording.

    These are not among the last ``keep`` of their reference, platform and profile, and are older
    than ``before``; None is no condition. What stands for an image to which a reference leads
    stays, and so do the last results of each reference. Of an image to which none leads any more,
    what stands goes only if nothing of it is left: an older verdict must not come back.
    """
    image_of, identities = _images(results), _identities(results)
    last: dict[tuple[str, ...], Recorded] = {}
    for each in results:
        last["points", each.reference, each.platform] = (
            each if each.knows_image else last.get(("points", each.reference, each.platform), each)
        )
        key = (each.reference, each.platform, each.profile)
        last["any", *key] = each
        last["known" if each.knows_image else "lost", *key] = each
    pointing = [each for name, each in last.items() if name[0] == "points" and each.knows_image]
    kept = {each.id for each in last.values()}
    standing = [(images, _standing(results, images)) for images in (identities, image_of)]
    for images, stands in standing:
        pointed = {images[each.id] for each in pointing}
        kept |= {number for (image, _), number in stands.items() if image in pointed}
    rank: Counter[tuple[str, str, str]] = Counter()
    chosen = set()
    for each in reversed(results):
        key = (each.reference, each.platform, each.profile)
        rank[key] += 1
        beyond = keep is None or rank[key] > keep
        if beyond and (before is None or each.finished_at < before) and each.id not in kept:
            chosen.add(each.id)
    for images, stands in standing:
        left = {(images[each.id], each.profile) for each in results if each.id not in chosen}
        chosen -= {number for group, number in stands.items() if group in left}
    return chosen


def forgettable(
    results: Sequence[Recorded], references: Collection[str]
) -> tuple[set[int], list[str]]:
    """Return the results under some references, and the other references that depend on them.

    Another reference depends on a result that stands for an image that it has results of, too:
    without it, an older verdict would come back.
    """
    chosen = {each.id for each in results if each.reference in references}
    depends: set[str] = set()
    for images in (_identities(results), _images(results)):
        stands = _standing(results, images)
        depends |= {
            each.reference
            for each in results
            if each.id not in chosen and stands[images[each.id], each.profile] in chosen
        }
    return chosen, sorted(depends)


def _standing(
    results: Iterable[Recorded], image_of: Mapping[int, tuple[str, str]]
) -> dict[tuple[tuple[str, str], str], int]:
    """Return the number of the result in force for each image and profile."""
    found: dict[tuple[tuple[str, str], str], Recorded] = {}
    for each in results:
        group = (image_of[each.id], each.profile)
        if group not in found or not each.inconclusive or found[group].inconclusive:
            found[group] = each
    return {group: each.id for group, each in found.items()}


def _identities(results: Iterable[Recorded]) -> dict[int, tuple[str, str]]:
    """Return the image of each result by its identity alone, as the matrix has it."""
    return {each.id: (each.identity, each.platform) for each in results}


def _images(results: Iterable[Recorded]) -> dict[int, tuple[str, str]]:
    """Return one name of the image of each result; a digest and an ID seen together are one."""
    parent: dict[tuple[str, str], tuple[str, str]] = {}

    def root(name: tuple[str, str]) -> tuple[str, str]:
        while parent.setdefault(name, name) != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    names = {}
    for each in results:
        own = [(n, each.platform) for n in (each.identity, each.digest, each.image_id) if n]
        for other in own[1:]:
            parent[root(other)] = root(own[0])
        names[each.id] = own[0]
    return {number: root(name) for number, name in names.items()}
