"""One sweep, from its plan to what is told of it and what the next one is compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from certify.certification.certify import Options
from certify.engine.client import Engine
from certify.judge.profiles import Profile
from certify.ledger.changes import Change, find_changes
from certify.model.platform import normalize_platform
from certify.model.result import Image, Result
from certify.publish.recorder import Recorder
from certify.sweep.expand import Unlisted, Wanted
from certify.sweep.plan import Item, make_plan
from certify.sweep.resolution import resolve
from certify.sweep.results import ResultsByKey, others, postponed, remembered, told
from certify.sweep.scheduler import Observer, run
from certify.sweep.units import Unit, affordable, units


@dataclass(frozen=True, slots=True)
class SweepPlan:
    """What a sweep makes of its list."""

    items: list[Item]
    due: list[Unit]
    later: list[Unit]
    """Is due too, but its registry allows no more pulls for now."""


class Sweep:
    """A sweep and what it works with. Once it runs, no failure of the ledger ends it."""

    def __init__(
        self, engine: Engine, keeper: Recorder, profiles: Mapping[str, Profile], options: Options
    ) -> None:
        self._engine = engine
        self._keeper = keeper
        self._ledger = keeper.ledger
        self._profiles = profiles
        self._options = options

    def plan(self, wanted: Sequence[Wanted], defaults: Sequence[str], *, force: bool) -> SweepPlan:
        """What each image is now, and what of that is to be run. Raises `LedgerUnavailable`.

        ``defaults`` are the profiles of an image that names none; with ``force`` nothing is fresh.
        """
        engine, pull = self._engine, self._options.pull
        found, allowed = resolve(wanted, defaults, self._profiles, engine, self._options)
        items = make_plan(
            found,
            self._ledger.results_in_force(),
            now=datetime.now(UTC),
            host_class=engine.host().kind,
            force=force,
        )
        due = units(items, self._profiles, pull=pull, native=normalize_platform(engine.platform))
        return SweepPlan(items, *affordable(due, allowed, pull=pull))

    def run(self, plan: SweepPlan, observer: Observer, *, jobs: int, room: int) -> ResultsByKey:
        """Certify what is due, and record that and what there is to say of the rest."""
        said = run(
            plan.due, self._engine, self._options, observer, self._record, jobs=jobs, room=room
        )
        unrun = postponed(plan.later, self._options)
        unrun |= others(
            plan.items, said.keys() | unrun, self._profiles, self._options, self._standing_for
        )
        for result in unrun.values():
            self._keeper.record(result)
        return said | unrun

    def account(
        self,
        plan: SweepPlan,
        said: ResultsByKey,
        unlisted: Sequence[Unlisted],
        number: int,
        source: str,
    ) -> tuple[list[Result], list[Change] | None]:
        """What is told of each image, and what changed since the sweep of ``source`` before.

        The changes are null if there was none before. The ledger gets what was found by the sweep
        that it calls ``number``.
        """
        keeper, sweeps = self._keeper, self._ledger.sweeps
        said = dict(zip(said, keeper.shown(said.values()), strict=True))
        standing: ResultsByKey = {}
        changed = None
        with keeper.noting():
            standing = self._standing(plan)
            before = sweeps.finished(1, source)
            old = sweeps.entries(before[0].id) if before else []
            new = remembered(plan.items, said, standing, old, unlisted)
            changed = find_changes(old, new) if before else None
            sweeps.finish(number, new)
        why = next(iter(keeper.unkept), "another process has changed what the ledger knows")
        mine = told(plan.items, said, standing, self._profiles, self._options, why)
        return keeper.advised(mine), changed

    def _record(self, result: Result) -> Result:
        self._keeper.record(result)
        return self._keeper.shown([result])[0]

    def _standing_for(self, image: Image, profile: str) -> Result | None:
        with self._keeper.noting():
            return self._ledger.result_in_force(image, profile, datetime.now(UTC))
        return None

    def _standing(self, plan: SweepPlan) -> ResultsByKey:
        """What stands for the images of a plan, as it is shown."""
        keys = {item.wanted.key for item in plan.items}
        rows = [row for row in self._ledger.matrix_rows() if row.key in keys]
        return {row.key: result for row, result in self._ledger.results(rows)}
