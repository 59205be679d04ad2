"""One sweep: from its plan to its results, and the changes since the sweep before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from certify.certification.events import Events
from certify.certification.options import Options
from certify.engine.client import Engine
from certify.judge.profile import Profile
from certify.ledger.changes import Change, find_changes
from certify.ledger.store import BATCH_SIZE, batched
from certify.model.approved import Revocation
from certify.model.platform import normalize_platform
from certify.model.result import Image, Result
from certify.model.result_key import ResultKey
from certify.model.revocation import reject_if_revoked
from certify.model.terms import Status
from certify.publish.recorder import Recorder
from certify.sweep.expand import ListedImage, UnlistedPattern
from certify.sweep.news import News, news_of
from certify.sweep.plan import Item, make_plan
from certify.sweep.resolution import Resolver
from certify.sweep.results import ResultCollector, ResultsByKey, entries_to_compare
from certify.sweep.scheduler import Capacity, Scheduler
from certify.sweep.units import Unit, make_units, split_by_pull_limit


@dataclass(frozen=True, slots=True)
class SweepPlan:
    """The plan of a sweep, and the units of work that follow from it."""

    items: list[Item]
    due: list[Unit]
    later: list[Unit]
    """Units that are due, too, but whose registry allows no more pulls for now."""


class Sweep:
    """A sweep with everything that it uses. Once it runs, no failure of the ledger ends it."""

    def __init__(
        self, engine: Engine, recorder: Recorder, profiles: Mapping[str, Profile], options: Options
    ) -> None:
        self._engine = engine
        self._recorder = recorder
        self._ledger = recorder.ledger
        self._profiles = profiles
        self._options = options
        self._collector = ResultCollector(profiles, options)
        self._revoked: Sequence[Revocation] = ()

    def plan(
        self, images: Sequence[ListedImage], defaults: Sequence[str], *, force: bool
    ) -> SweepPlan:
        """Resolve the images and return the plan. Raises :class:`LedgerUnavailable`.

        ``defaults`` are the profiles of an image that names none; with ``force``, every image is
        due.
        """
        engine, pull = self._engine, self._options.pull
        self._revoked = self._ledger.revocations.in_force()
        resolved, allowed = Resolver(engine, self._profiles, self._options).resolve(
            images, defaults
        )
        items = make_plan(
            resolved,
            self._ledger.results_in_force(),
            now=datetime.now(UTC),
            host_class=engine.host().kind,
            force=force,
        )
        native = normalize_platform(engine.platform)
        due = make_units(items, self._profiles, pull=pull, native=native)
        return SweepPlan(items, *split_by_pull_limit(due, allowed, pull=pull))

    def run(
        self, plan: SweepPlan, events_for: Callable[[Unit], Events], capacity: Capacity
    ) -> ResultsByKey:
        """Certify everything that is due; record and return all new results."""
        scheduler = Scheduler(self._engine, self._options, capacity, events_for, self._record)
        new = scheduler.run(plan.due)
        self._recorder.settle()
        unrun = self._collector.postponed(plan.later)
        unrun |= self._collector.not_run(plan.items, new.keys() | unrun, self._result_in_force)
        for result in unrun.values():
            self._recorder.record(result)
        return new | unrun

    def finish(
        self,
        plan: SweepPlan,
        new: ResultsByKey,
        unlisted: Sequence[UnlistedPattern],
        number: int,
        source: str,
    ) -> tuple[list[Result], list[Change] | None]:
        """Return one result for each image, and the changes since the last sweep of ``source``.

        The changes are None if there was no such sweep. The ledger records the entries of this
        one, which has the given number.
        """
        recorder, sweeps = self._recorder, self._ledger.sweeps
        recorder.settle()
        new = dict(zip(new, recorder.reject_revoked(new.values()), strict=True))
        in_force: ResultsByKey = {}
        changes = None
        with recorder.errors_noted():
            in_force = self._results_in_force(plan)
            before = sweeps.finished(1, source)
            old = sweeps.entries(before[0].id) if before else []
            entries = entries_to_compare(plan.items, new, in_force, old, unlisted)
            changes = find_changes(old, entries) if before else None
            sweeps.finish(number, entries)
        error = next(iter(recorder.errors), "another process has changed the ledger meanwhile")
        results = self._collector.collect(plan.items, new, in_force, error)
        return recorder.recommend(results), changes

    def news(self, changes: Sequence[Change] | None, results: Sequence[Result]) -> list[News]:
        """Return what a person should hear of after :meth:`finish`."""
        unclear = [each for each in results if each.verdict.status is Status.INCONCLUSIVE]
        before: set[ResultKey] = set()
        with self._recorder.errors_noted():
            for part in batched(unclear, BATCH_SIZE):
                rows = self._ledger.matrix_rows(None, {each.image.reference for each in part})
                past = self._ledger.history_points(rows)
                before |= {
                    key for key, points in past.items()
                    if [each.status for each in points[-2:]] == [Status.INCONCLUSIVE] * 2
                }  # fmt: skip
        return news_of(changes, results, before)

    def _record(self, result: Result) -> Result:
        """Record a result, and return it for display."""
        self._recorder.record(result)
        return reject_if_revoked(result, self._revoked)

    def _result_in_force(self, image: Image, profile: str) -> Result | None:
        with self._recorder.errors_noted():
            return self._ledger.result_in_force(image, profile, datetime.now(UTC))
        return None

    def _results_in_force(self, plan: SweepPlan) -> ResultsByKey:
        """Return the results in force for the images of a plan, those of revoked ones rejected."""
        keys = {item.image.key for item in plan.items}
        rows = [row for row in self._ledger.matrix_rows() if row.key in keys]
        return {row.key: result for row, result in self._ledger.results(rows)}
