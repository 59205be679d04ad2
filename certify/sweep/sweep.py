"""One sweep: its plan, its run, and its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from certify.certification.options import Options
from certify.engine.client import Engine
from certify.judge.profile import Profile
from certify.model.approved import Revocation
from certify.model.platform import normalize_platform
from certify.model.result import Image, Result
from certify.model.result_key import ResultKey
from certify.model.revocation import reject_if_revoked
from certify.publish.recorder import Recorder
from certify.sweep.conclusion import Conclusion, Found, conclude, of_patterns, unlisted_entry
from certify.sweep.expand import ListedImage, UnlistedPattern
from certify.sweep.plan import Item, make_plan
from certify.sweep.resolution import Resolver
from certify.sweep.results import ResultCollector, ResultsByKey
from certify.sweep.shards import Shard
from certify.sweep.units import Unit, make_units, split_by_pull_limit


@dataclass(frozen=True, slots=True)
class SweepPlan:
    """The plan of a sweep, and the units of work that follow from it."""

    items: list[Item]
    due: list[Unit]
    later: list[Unit]
    """Units that are due, too, but whose registry allows no more pulls for now."""


class Spread(Protocol):
    """A scheduler, of this host or of a cluster."""

    def run(self, due: Sequence[Unit]) -> ResultsByKey:
        """Certify the units, and return their results under all names."""


class Sweep:
    """A sweep with everything that it uses. Once it runs, no failure of the ledger ends it."""

    def __init__(
        self,
        engine: Engine,
        recorder: Recorder,
        profiles: Mapping[str, Profile],
        options: Options,
        shard: Shard | None = None,
    ) -> None:
        self._engine = engine
        self._recorder = recorder
        self._ledger = recorder.ledger
        self._profiles = profiles
        self._options = options
        self._shard = shard
        self._recordings: dict[ResultKey, str] = {}
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
        if (shard := self._shard) is not None:
            resolved = [each for each in resolved if shard.holds(each.digest or each.reference)]
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

    def run(self, plan: SweepPlan, make_scheduler: Callable[..., Spread]) -> ResultsByKey:
        """Certify everything that is due; record and return all new results.

        ``make_scheduler`` gets the engine, the options, and ``record``.
        """
        scheduler = make_scheduler(self._engine, self._options, record=self._record)
        new = scheduler.run(plan.due)
        self._recorder.settle()
        unrun = self._collector.postponed(plan.later)
        unrun |= self._collector.not_run(plan.items, new.keys() | unrun, self._result_in_force)
        for key, result in unrun.items():
            self._record(key, result)
        return new | unrun

    def finish(
        self,
        plan: SweepPlan,
        new: ResultsByKey,
        unlisted: Sequence[UnlistedPattern],
        number: int,
        source: str,
    ) -> Conclusion:
        """End the sweep of a number, in which ``unlisted`` globs could not be expanded."""
        unknown = tuple(map(unlisted_entry, unlisted))
        keys = frozenset(item.image.key for item in plan.items)
        found = Found(source, keys, new, self._recordings, unknown, of_patterns(unknown))
        return conclude(self._recorder, number, found, self._collector.missing, self._shard)

    def _record(self, key: ResultKey, result: Result) -> Result:
        """Record a result, and return it for display."""
        self._recordings[key] = self._recorder.record(result)
        return reject_if_revoked(result, self._revoked)

    def _result_in_force(self, image: Image, profile: str) -> Result | None:
        with self._recorder.errors_noted():
            return self._ledger.result_in_force(image, profile, datetime.now(UTC))
        return None
