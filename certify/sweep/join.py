"""Joins the sweeps of a list's shards to one of the whole list."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress

from pydantic import ValidationError

from certify.ledger.changes import SweepEntry
from certify.ledger.rows import BATCH_SIZE, batched
from certify.ledger.store import Ledger
from certify.ledger.sweeps import FinishedSweep, name_of
from certify.model.result import Result
from certify.model.result_key import ResultKey
from certify.model.shard import Shard
from certify.sweep.conclusion import Found
from certify.sweep.results import ResultsByKey, hold
from certify.sweep.unknown import of_patterns, unknown_entry


def join_shards(ledger: Ledger, shards: Sequence[FinishedSweep]) -> Found:
    """Return what the sweeps of one list's shards have found together.

    A shard that did not end is reported as unknown. If two have the same image, because its tag
    moved while they ran, the one that ended last decides. Raises
    :class:`~certify.model.errors.LedgerUnavailable`.
    """
    by_shard = {Shard.parse(each.shard): each for each in shards}
    count, source = max(by_shard).count, shards[0].source
    found: dict[ResultKey, SweepEntry] = {}
    for each in sorted(shards, key=lambda each: each.finished_at):
        found |= {entry.key: entry for entry in ledger.sweeps.entries(each.id)}
    globs = [entry for entry in found.values() if not entry.profile]
    images = {key: entry for key, entry in found.items() if entry.profile}
    lost = [shard for n in range(count) if (shard := Shard(n + 1, count)) not in by_shard]
    recordings = {key: each.recording for key, each in images.items() if each.recording}
    # An image that is not found may have moved to a shard that did not end.
    left_out = (lambda _: True) if lost else of_patterns(globs)
    unended = (unknown_entry(name_of(source, str(each)), "this shard did not end") for each in lost)
    never_found = _never_found(images.values())
    return Found(
        source=source,
        keys=frozenset(images),
        new=_recorded(ledger, recordings) | never_found,
        recordings=recordings,
        unknown=(*globs, *unended),
        left_out=left_out,
        never_found=frozenset(never_found),
    )


def _recorded(ledger: Ledger, recordings: dict[ResultKey, str]) -> ResultsByKey:
    """Return the results that the ledger has of the shards."""
    new: ResultsByKey = {}
    for part in batched(list(recordings.items()), BATCH_SIZE):
        read = ledger.recorded(name for _, name in part)
        hold(new, {key: read[name] for key, name in part if name in read})
    return new


def _never_found(images: Iterable[SweepEntry]) -> ResultsByKey:
    """Return the results of names that never led to an image, which only the shards have."""
    found: ResultsByKey = {}
    for each in images:
        with suppress(ValidationError):  # it is missed, and reported, in the end
            if each.document:
                found[each.key] = Result.model_validate_json(each.document)
    return found
