"""The end of a sweep: a result for each of its images, and the changes since the sweep before.

A sweep of a whole list ends like that, and so do the sweeps of its shards when they are joined.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256

from certify.ledger.changes import Change, SweepEntry, find_changes, sweep_entry
from certify.ledger.matrix_rows import MatrixRow
from certify.ledger.rows import BATCH_SIZE, batched, document_of
from certify.ledger.store import Ledger
from certify.ledger.summaries import Summary
from certify.model.result import Result
from certify.model.result_key import ResultKey
from certify.model.shard import Shard
from certify.model.terms import Status
from certify.publish.recorder import Recorder
from certify.publish.site.build import version
from certify.sweep.inside import explained
from certify.sweep.news import News, news_of
from certify.sweep.results import ResultsByKey, entries_to_compare


@dataclass(frozen=True, slots=True)
class WholeResults:
    """Whole results of a sweep, in order; those that stood before are read from the ledger.

    They can be read repeatedly, and never all of them are in memory.
    """

    recorder: Recorder
    results: Sequence[Result]
    """New results, and summaries of those that stood before."""
    rows: Mapping[ResultKey, MatrixRow]
    """What the ledger has of those."""
    keys: Sequence[ResultKey]
    recordings: Mapping[ResultKey, str]
    """The names of new results in the ledger, of which there may be summaries, too."""

    def __iter__(self) -> Iterator[Result]:
        """Yield the results; a summary stands for one that the ledger does not give."""
        return self.read(range(len(self.keys)))

    @property
    def stamps(self) -> Sequence[str]:
        """A text for each result that stood before, which changes with it; else an empty one."""
        return [self._stamp(*each) for each in zip(self.keys, self.results, strict=True)]

    def _stamp(self, key: ResultKey, known: Result) -> str:
        if (row := self.rows.get(key)) is None:
            return ""
        reasons = [each.text for each in known.verdict.reasons]  # one is that it is revoked
        facts = version(), self.recorder.ledger.name, row.id, key, known.verdict.status, reasons
        return sha256(repr(facts).encode()).hexdigest()[:32]

    def read(self, places: Sequence[int]) -> Iterator[Result]:
        """Yield the results at some places, a few hundred in memory at a time."""
        ledger = self.recorder.ledger
        for part in batched([(self.keys[n], self.results[n]) for n in places], BATCH_SIZE):
            read: ResultsByKey = {}
            with self.recorder.errors_noted():
                rows = [self.rows[key] for key, _ in part if key in self.rows]
                read = {row.key: result for row, result in ledger.results(rows)}
                read |= self._recorded(
                    [key for key, known in part if isinstance(known, Summary)], read
                )
            for key, known in part:
                whole = read.get(key, known)
                advice = {"recommendation": known.recommendation}
                yield whole.model_copy(update=advice) if known.recommendation else whole

    def _recorded(self, keys: Sequence[ResultKey], read: ResultsByKey) -> ResultsByKey:
        """Return new results of which there are summaries."""
        names = {
            self.recordings[key]: key for key in keys if key in self.recordings and key not in read
        }
        recorded = self.recorder.ledger.recorded(names)
        whole = self.recorder.reject_revoked(recorded.values())
        return {names[name]: result for name, result in zip(recorded, whole, strict=True)}


@dataclass(frozen=True, slots=True)
class Found:
    """What a sweep has found: its images, and new results for some of them."""

    source: str
    """The list, with the options that narrow it down."""
    keys: frozenset[ResultKey]
    new: ResultsByKey
    recordings: Mapping[ResultKey, str]
    """The names of the new results in the ledger."""
    unknown: tuple[SweepEntry, ...] = ()
    """Parts of the list about which nothing is known, as inconclusive entries."""
    left_out: Callable[[SweepEntry], bool] = field(default=lambda _: False)
    """Returns True for an image of the last sweep that belongs to an unknown part."""
    hosts: frozenset[str] = frozenset()
    """The kinds of hosts that certified; empty if others did."""
    never_found: frozenset[ResultKey] = frozenset()
    """The keys of names that never led to an image; their new results are not recorded."""


@dataclass(frozen=True, slots=True)
class Conclusion:
    """The end of a sweep, as people and exit codes should see it."""

    results: list[Result]
    """One for each image, ordered by key; a summary of what stood before."""
    whole: Iterable[Result]
    """The same, as read from the ledger one after another."""
    entries: list[SweepEntry]
    """The same, and the parts of the list about which nothing is known."""
    changes: list[Change] | None
    """The changes since the last sweep of the list; None if there was none, and for a shard."""
    source: str
    never_found: frozenset[ResultKey] = frozenset()
    """The keys of names that never led to an image."""
    elsewhere: int = 0
    """The number of images that other sweeps certified meanwhile."""


def conclude(
    recorder: Recorder,
    number: int,
    found: Found,
    missing: Callable[[ResultKey, str], Result] | None = None,
    shard: Shard | None = None,
) -> Conclusion:
    """End the sweep of a number: record its entries, and return a result for each image.

    The result of an image is the new one, or else the one in force, or else what ``missing``
    returns for an error; without it, the image is only reported as an error. A shard compares
    nothing: that is for those who join the shards.
    """
    recorder.settle()
    new = dict(zip(found.new, recorder.reject_revoked(found.new.values()), strict=True))
    standing: list[MatrixRow] | None = None
    rows: dict[ResultKey, MatrixRow] = {}
    in_force: ResultsByKey = {}
    changes = None
    with recorder.errors_noted():
        standing = recorder.ledger.matrix_rows(hosts=found.hosts)
        rows = {row.key: row for row in standing if row.key in found.keys}
        in_force = {row.key: short for row, short in recorder.ledger.summaries([*rows.values()])}
        changes = _record_end(recorder.ledger, number, replace(found, new=new), in_force, shard)
    error = next(iter(recorder.errors), "another process has changed the ledger meanwhile")
    results, keys = [], []
    for key in sorted(found.keys):
        if (result := new.get(key) or in_force.get(key)) is None and missing is not None:
            result = missing(key, error)
        if result is None:
            recorder.errors.append(f"the ledger has no result of {key.reference}")
        else:
            results.append(result)
            keys.append(key)
    results = recorder.recommend(results, standing)
    unchanged = {key: row for key, row in rows.items() if key not in new and key in in_force}
    return Conclusion(
        results,
        WholeResults(recorder, results, unchanged, keys, found.recordings),
        [*map(sweep_entry, results), *found.unknown],
        changes,
        found.source,
        found.never_found,
    )


def _record_end(
    ledger: Ledger,
    number: int,
    found: Found,
    in_force: Mapping[ResultKey, Result],
    shard: Shard | None,
) -> list[Change] | None:
    """Record the entries of a sweep; return the changes since the last one of its list."""
    before = [] if shard else ledger.sweeps.finished(1, found.source)
    old = ledger.sweeps.entries(before[0].id) if before else []
    old = [each for each in old if each.profile]
    entries = entries_to_compare(found.keys, found.new, in_force, old, found.left_out)
    changes = explained(ledger, find_changes(old, entries)) if before else None
    del old  # one for each image, too
    if shard:
        entries = [_of_shard(each, found) for each in entries]
    ledger.sweeps.finish(number, [*entries, *found.unknown])
    ledger.retention.forget_never_found({key.reference for key in found.never_found})
    return changes


def _of_shard(entry: SweepEntry, found: Found) -> SweepEntry:
    """Return an entry with what those who join shards need to find a new result."""
    if entry.key in found.never_found and (result := found.new.get(entry.key)):
        return replace(entry, document=document_of(result))
    return replace(entry, recording=found.recordings.get(entry.key, ""))


def news_in(recorder: Recorder, end: Conclusion) -> list[News]:
    """Return what a person should hear of after a sweep."""
    ledger = recorder.ledger
    unclear = [each for each in end.results if each.verdict.status is Status.INCONCLUSIVE]
    changed = {each.image.key for each in end.changes or ()}
    before = set() if end.changes is None else {*end.never_found} - changed
    with recorder.errors_noted():
        for part in batched(unclear, BATCH_SIZE):
            rows = ledger.matrix_rows(None, {each.image.reference for each in part})
            past = ledger.history_points(rows)
            before |= {
                key for key, points in past.items()
                if [each.status for each in points[-2:]] == [Status.INCONCLUSIVE] * 2
            }  # fmt: skip
    return news_of(end.changes, end.results, before, end.never_found, recorder.layout)
