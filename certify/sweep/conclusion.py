"""The end of a sweep: a result for each of its images, and the changes since the sweep before.

A sweep of a whole list ends like that, and so do the sweeps of its shards when they are joined.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256

from certify.ledger.changes import Change, ChangeKind, SweepEntry, find_changes, sweep_entry
from certify.ledger.matrix_rows import MatrixRow
from certify.ledger.rows import BATCH_SIZE, batched
from certify.ledger.store import Ledger
from certify.ledger.summaries import Summary
from certify.ledger.sweeps import FinishedSweep, name_of
from certify.model.result import Result
from certify.model.result_key import ResultKey
from certify.model.terms import Status
from certify.publish.recorder import Recorder
from certify.publish.site.build import version
from certify.sweep.expand import UnlistedPattern, matches_pattern
from certify.sweep.inside import explained
from certify.sweep.news import News, news_of
from certify.sweep.results import ResultsByKey, entries_to_compare, hold
from certify.sweep.shards import Shard


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
        _forget_mistakes(recorder.ledger, changes or ())
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
    entries = entries_to_compare(found.keys, found.new, in_force, old, found.left_out)
    changes = explained(ledger, find_changes(old, entries)) if before else None
    del old  # one for each image, too
    if shard:
        named = (replace(e, recording=found.recordings.get(e.key, "")) for e in entries)
        entries = [*named, *found.unknown]
    ledger.sweeps.finish(number, entries)
    return changes


def _forget_mistakes(ledger: Ledger, changes: Iterable[Change]) -> None:
    """Take names out of the ledger that left the list and never led to an image.

    While any list has such a name, the matrix shows it; once corrected, nothing is left of it.
    """
    ledger.retention.forget_unresolved(
        {
            each.image.reference
            for each in changes
            if each.kind is ChangeKind.VANISHED and each.image.profile and not each.image.identity
        }
    )


def news_in(recorder: Recorder, end: Conclusion) -> list[News]:
    """Return what a person should hear of after a sweep."""
    ledger = recorder.ledger
    unclear = [each for each in end.results if each.verdict.status is Status.INCONCLUSIVE]
    before: set[ResultKey] = set()
    with recorder.errors_noted():
        for part in batched(unclear, BATCH_SIZE):
            rows = ledger.matrix_rows(None, {each.image.reference for each in part})
            past = ledger.history_points(rows)
            before |= {
                key for key, points in past.items()
                if [each.status for each in points[-2:]] == [Status.INCONCLUSIVE] * 2
            }  # fmt: skip
    return news_of(end.changes, end.results, before, recorder.layout)


def unlisted_entry(unlisted: UnlistedPattern) -> SweepEntry:
    """Return the entry of a glob that could not be expanded: one inconclusive image."""
    return _unknown(unlisted.pattern, unlisted.trouble.message)


def of_patterns(unknown: Iterable[SweepEntry]) -> Callable[[SweepEntry], bool]:
    """Return a function that returns True if an image is one of those that a glob would list."""
    patterns = [each.reference for each in unknown]
    return lambda image: any(matches_pattern(glob, image.reference) for glob in patterns)


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
    new: ResultsByKey = {}
    for part in batched(list(recordings.items()), BATCH_SIZE):
        read = ledger.recorded(name for _, name in part)
        hold(new, {key: read[name] for key, name in part if name in read})
    # An image that is not found may have moved to a shard that did not end.
    left_out = (lambda _: True) if lost else of_patterns(globs)
    unended = (_unknown(name_of(source, str(each)), "this shard did not end") for each in lost)
    return Found(
        source=source,
        keys=frozenset(images),
        new=new,
        recordings=recordings,
        unknown=(*globs, *unended),
        left_out=left_out,
    )


def _unknown(name: str, cause: str) -> SweepEntry:
    return SweepEntry(name, "", "", "", Status.INCONCLUSIVE, cause=cause)
