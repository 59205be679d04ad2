"""The units of a sweep, each handed out once it is claimed, so that no other sweep has it, too.

A unit that another sweep has claimed is put off until that one has recorded its results, which then
count here, too, or has ended. A ledger that fails holds up nothing: units are handed out unclaimed.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Protocol, Self

from certify.ledger.claims import Answer
from certify.model.errors import LedgerUnavailable
from certify.model.result_key import ResultKey
from certify.publish.recorder import Recorder
from certify.sweep.units import Unit

BATCH = 50
"""The most units that one question to the ledger is about."""
PAUSE = 1.0
"""Seconds between two questions about units that other sweeps have."""
PATIENCE = 20.0
"""Seconds after which a ledger that does not answer is not asked for a while."""


class Witness(Protocol):
    """Tells a person what other sweeps do with images of this one."""

    def elsewhere(self, unit: Unit) -> None:
        """Tell that another sweep has recorded results of a unit."""

    def waits(self, count: int, holders: Collection[str]) -> None:
        """Tell that only so many units are left, all of which other sweeps certify."""


@dataclass(frozen=True, slots=True)
class Claimant:
    """A running sweep that claims its units."""

    recorder: Recorder
    number: int
    since: int
    """The number of the newest result when the sweep was planned."""
    is_dead: Callable[[str], bool | None]
    """That of :meth:`~certify.ledger.sweeps.Sweeps.begin`."""

    def take(self, units: Iterable[Unit], most: int) -> list[Answer]:
        """Claim ``most`` units; see :meth:`~certify.ledger.claims.Claims.take`."""
        images = (each.subjects for each in units)
        claims = self.recorder.ledger.claims
        return claims.take(self.number, images, most, self.since, self.is_dead)

    def release(self, unit: Unit) -> None:
        """End the claim on a unit once the results that were added for it are recorded."""
        release = partial(self.recorder.ledger.claims.release, self.number, unit.subjects)
        self.recorder.once_recorded(release)


class Supply:
    """Hands out units; a context manager that ends its thread.

    Without a claimant, all units are this sweep's own.
    """

    def __init__(
        self, units: Sequence[Unit], claimant: Claimant | None = None,
        witness: Witness | None = None,
    ) -> None:  # fmt: skip
        self._claimant, self._witness = claimant, witness
        self._waiting = dict(enumerate(units))
        self._held: dict[int, Unit] = {}
        self._ready: deque[Unit] = deque()
        self._ahead = 1
        self._asked_at: float | None = None
        self._unasked_until = 0.0
        self._over = False
        self._holders: set[str] = set()
        self._told: set[str] = set()
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self.elsewhere: set[ResultKey] = set()
        """Images of which another sweep has recorded a result, under whatever name."""
        self.recorded: set[ResultKey] = set()
        """Those of them that it recorded under the very name."""

    def __enter__(self) -> Self:
        if self._claimant is not None and self._waiting:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def __bool__(self) -> bool:
        """Return True as long as a unit may be handed out later."""
        with self._changed:
            return bool(self._ready or self._waiting or self._held)

    def next(self, ahead: int = 1) -> Unit | None:
        """Return a unit to certify now, if there is one; ``ahead`` more are then claimed."""
        with self._changed:
            self._ahead = ahead
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._ready or self._asked_at is None, timeout=0.2)
            if self._ready:
                return self._ready.popleft()
            if self._waiting and not self._may_answer():
                return self._waiting.pop(next(iter(self._waiting)))
            return None

    def wait(self, seconds: float) -> None:
        """Wait until a unit can be handed out or none is left; at most for so many seconds."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._ready or not (self._waiting or self._held), seconds
            )

    def rest(self) -> list[Unit]:
        """Return all units that were not handed out, and hand out no more."""
        with self._changed:
            left = [*self._ready, *self._waiting.values(), *self._held.values()]
            for each in (self._ready, self._waiting, self._held):
                each.clear()
            return left

    def _may_answer(self) -> bool:
        """Return True if the ledger is asked, and may still answer in time."""
        now = time.monotonic()
        if self._claimant is None or now < self._unasked_until:
            return False
        return self._asked_at is None or now - self._asked_at < PATIENCE

    def _work(self) -> None:
        while not self._over:
            with self._changed:
                self._changed.wait_for(self._may_ask)
                if not self._waiting and not self._over:
                    self._report_waiting()
                    self._changed.wait_for(lambda: self._over, PAUSE)
                    self._waiting, self._held = self._held, {}
                if self._over:
                    return
                asked = dict(islice(self._waiting.items(), BATCH))
                most = self._ahead - len(self._ready)
                self._asked_at = time.monotonic()
            self._ask(asked, most)

    def _may_ask(self) -> bool:
        wanted = len(self._ready) < self._ahead and bool(self._waiting or self._held)
        return self._over or (wanted and time.monotonic() >= self._unasked_until)

    def _ask(self, asked: dict[int, Unit], most: int) -> None:
        """Ask the ledger for some units, and sort them by what it answers."""
        assert self._claimant is not None
        answers: Sequence[Answer] = ()
        with suppress(LedgerUnavailable):
            answers = self._claimant.take(asked.values(), most)
        with self._changed:
            for (number, unit), answer in zip(asked.items(), answers, strict=False):
                if self._waiting.pop(number, None) is None:  # handed out meanwhile
                    self._claimant.release(unit)
                elif answer.holder:
                    self._held[number] = unit
                    self._holders.add(answer.holder)
                elif left := self._without(unit, answer):
                    self._ready.append(left)
            if not answers:
                self._unasked_until = time.monotonic() + PATIENCE
            self._asked_at = None
            self._changed.notify_all()

    def _report_waiting(self) -> None:
        if self._held and self._witness and self._holders - self._told:
            self._witness.waits(len(self._held), self._holders)
        self._told |= self._holders
        self._holders.clear()

    def _without(self, unit: Unit, answer: Answer) -> Unit | None:
        """Return what is left of a unit of which others have recorded some profiles."""
        if not answer.recorded:
            return unit
        for reference, profile in unit.names:
            if profile in answer.recorded:
                key = ResultKey(reference.familiar, unit.platform, profile)
                self.elsewhere.add(key)
                if reference.familiar in answer.recorded[profile]:
                    self.recorded.add(key)
        done = unit.of_profiles(lambda name: name in answer.recorded)
        left = unit.of_profiles(lambda name: name not in answer.recorded)
        if self._witness:
            self._witness.elsewhere(done)
        return left if left.profiles else None
