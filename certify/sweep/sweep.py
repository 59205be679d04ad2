"""One sweep: its plan, its run, and its end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from certify.certification.engines import Engines
from certify.certification.options import Options
from certify.engine import reaper
from certify.engine.client import Engine
from certify.judge.profile import Profile
from certify.model.approved import Revocation
from certify.model.errors import Trouble
from certify.model.platform import ALL, normalize_platform
from certify.model.result import Image, Result
from certify.model.result_key import ResultKey
from certify.model.revocation import reject_if_revoked
from certify.model.shard import Shard
from certify.publish.recorder import Recorder
from certify.sweep.conclusion import Conclusion, Found, conclude
from certify.sweep.expand import ListedImage, UnlistedPattern
from certify.sweep.plan import Item, make_plan
from certify.sweep.platforms import expand_platforms
from certify.sweep.resolution import Resolver
from certify.sweep.results import ResultCollector, ResultsByKey
from certify.sweep.side_by_side import Spread, run_all
from certify.sweep.supply import Claimant, Supply, Witness
from certify.sweep.units import Unit, make_units, split_by_pull_limit
from certify.sweep.unknown import of_patterns, unlisted_entries

T = TypeVar("T", ListedImage, Unit)


@dataclass(frozen=True, slots=True)
class SweepPlan:
    """The plan of a sweep, and the units of work that follow from it."""

    items: list[Item]
    due: list[Unit]
    later: list[Unit]
    """Units that are due, too, but whose registry allows no more pulls for now."""

    @property
    def keys(self) -> frozenset[ResultKey]:
        """The keys of all images, which are what the end of a sweep needs of its plan."""
        return frozenset(item.image.key for item in self.items)


class Sweep:
    """A sweep with everything that it uses. Once it runs, no failure of the ledger ends it."""

    def __init__(
        self,
        engines: Engines,
        recorder: Recorder,
        profiles: Mapping[str, Profile],
        options: Options,
        shard: Shard | None = None,
    ) -> None:
        self._engines = engines
        self._recorder = recorder
        self._ledger = recorder.ledger
        self._profiles = profiles
        self._options = options
        self._shard = shard
        self._recordings: dict[ResultKey, str] = {}
        self._collector = ResultCollector(profiles, options)
        self._revoked: Sequence[Revocation] = ()
        self._hosts: frozenset[str] = frozenset()
        self._newest = 0
        self._elsewhere: set[ResultKey] = set()
        self._never_found: frozenset[ResultKey] = frozenset()

    def plan(
        self, images: Sequence[ListedImage], defaults: Sequence[str], *, force: bool
    ) -> SweepPlan:
        """Resolve the images and return the plan. Raises :class:`LedgerUnavailable`.

        ``defaults`` are the profiles of an image that names none; with ``force``, every image is
        due.
        """
        pull, now = self._options.pull, datetime.now(UTC)
        self._revoked = self._ledger.revocations.in_force()
        self._newest = self._ledger.claims.newest()
        known: dict[str, set[str]] = {}
        whole_indexes = any(each.platform == ALL for each in images)
        for each in self._ledger.results_in_force() if whole_indexes else ():
            known.setdefault(each.reference, set()).add(each.platform)
        images = expand_platforms(self._engines, images, pull, known)
        items: list[Item] = []
        due: list[Unit] = []
        allowed: dict[str, int] = {}
        for engine, group in self._by_engine(images, lambda each: each.trouble):
            resolved, left = Resolver(engine, self._profiles, self._options).resolve(
                group, defaults
            )
            allowed |= {host: min(n, allowed.get(host, n)) for host, n in left.items()}
            if (shard := self._shard) is not None:
                resolved = [each for each in resolved if shard.holds(each.digest or each.reference)]
            kind, native = engine.host().kind, normalize_platform(engine.platform)
            self._hosts |= {kind}
            in_force = self._ledger.results_in_force({kind})
            planned = make_plan(resolved, in_force, now=now, host_class=kind, force=force)
            due += make_units(
                planned, self._profiles, pull=pull, native=native, host_class=kind
            )  # fmt: skip
            items += planned
        return SweepPlan(items, *split_by_pull_limit(due, allowed, pull=pull))

    def _by_engine(
        self, wanted: Iterable[T], in_trouble: Callable[[T], object] = lambda _: None
    ) -> list[tuple[Engine, list[T]]]:
        """Return images or units by their engines; those in trouble are this host's own."""
        found: dict[int, tuple[Engine, list[T]]] = {}
        for each in wanted:
            engine = (
                self._engines.own if in_trouble(each) else self._engines.for_platform(each.platform)
            )
            if isinstance(engine, Trouble):
                raise engine
            found.setdefault(id(engine), (engine, []))[1].append(each)
        return list(found.values())

    def run(
        self,
        plan: SweepPlan,
        make_scheduler: Callable[..., Spread],
        number: int,
        witness: Witness | None = None,
    ) -> ResultsByKey:
        """Certify everything that is due; record and return all new results.

        Those of names that never led to an image are returned, and not recorded.
        ``make_scheduler`` gets the engine, the options, and ``record``; all engines work at the
        same time. What other sweeps have claimed waits; what they record is not certified again.
        """
        claimant = Claimant(self._recorder, number, self._newest, reaper.is_orphan)
        record = partial(self._record_unit, claimant)
        with ExitStack() as stack:
            jobs = [
                (
                    make_scheduler(engine, self._options, record=record),
                    stack.enter_context(Supply(units, claimant, witness)),
                )
                for engine, units in self._by_engine(plan.due)
            ]
            new = run_all(jobs)
        recorded = {key for _, supply in jobs for key in supply.recorded}
        self._elsewhere = {key for _, supply in jobs for key in supply.elsewhere}
        self._recorder.settle()
        unrun = self._collector.postponed(plan.later)
        known = new.keys() | unrun | recorded
        unrun |= self._collector.not_run(
            plan.items, known, self._result_in_force, self._elsewhere
        )  # fmt: skip
        self._never_found = frozenset(each.image.key for each in plan.items if each.never_found)
        for key, result in unrun.items():
            if key not in self._never_found:
                self._record(key, result)
        return new | unrun

    def finish(
        self,
        keys: frozenset[ResultKey],
        new: ResultsByKey,
        unlisted: Sequence[UnlistedPattern],
        number: int,
        source: str,
    ) -> Conclusion:
        """End the sweep of a number, with the keys of its plan.

        ``unlisted`` are the globs that could not be expanded.
        """
        unknown = unlisted_entries(unlisted)
        found = Found(
            source, keys, new, self._recordings, unknown, of_patterns(unknown), self._hosts,
            self._never_found,
        )  # fmt: skip
        end = conclude(self._recorder, number, found, self._collector.missing, self._shard)
        return replace(end, elsewhere=len(self._elsewhere))

    def _record_unit(self, claimant: Claimant, unit: Unit, results: ResultsByKey) -> list[Result]:
        """Record the results of a unit, and return them for display."""
        shown = [self._record(key, result) for key, result in results.items()]
        claimant.release(unit)
        return shown

    def _record(self, key: ResultKey, result: Result) -> Result:
        """Record a result, and return it for display."""
        self._recordings[key] = self._recorder.record(result)
        return reject_if_revoked(result, self._revoked)

    def _result_in_force(self, image: Image, profile: str) -> Result | None:
        with self._recorder.errors_noted():
            return self._ledger.result_in_force(image, profile, datetime.now(UTC))
        return None
