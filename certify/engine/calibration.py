"""How fast the engine's host is, measured by what certify asks of it: containers."""

from __future__ import annotations

from functools import lru_cache
from statistics import median

from certify.engine.client import Engine
from certify.engine.trial import trials
from certify.model.errors import LaunchRefused, Trouble
from certify.model.result import Calibration

_GIVEN_UP_SECONDS = 100
"""A host that does not run the probe in that time is beyond measuring."""


def calibrate(engine: Engine, *, samples: int = 1) -> Calibration:
    """Create, start, await and remove certify's own probe container; the median of each step.

    Seconds by a monotonic clock. Raises :class:`LaunchRefused` if the engine does not run it,
    and :class:`~certify.model.errors.EngineUnavailable`.
    """
    with trials(engine) as probe:
        ran = [probe.run(seconds=_GIVEN_UP_SECONDS) for _ in range(samples)]
    if any((each.exit_code, each.output) != (0, probe.word) for each in ran):
        raise LaunchRefused(
            "The engine started certify's own probe, but not what it says came back.",
            remedy="`certify doctor` tries each way of launching by itself.",
        )
    return Calibration(
        create_seconds=round(median(each.create_seconds for each in ran), 3),
        start_seconds=round(median(each.start_seconds for each in ran), 3),
        remove_seconds=round(median(each.remove_seconds for each in ran), 3),
    )


@lru_cache(maxsize=1)
def calibrated(engine: Engine) -> Calibration | None:
    """One sample, measured once for an engine and a process; null if it could not be measured.

    A host whose speed is unknown can still certify; only what is over budget on it stays open
    (:mod:`certify.judge.startup`).
    """
    try:
        return calibrate(engine)
    except Trouble:
        return None


def slower(engine: Engine) -> Calibration | None:
    """The slower of the run's calibration and a new one, for when a verdict hangs on it.

    A host may have become busy since. Null if it cannot be measured now.
    """
    try:
        now = calibrate(engine, samples=3)
    except Trouble:
        return None
    return max(calibrated(engine) or now, now, key=lambda each: each.total_seconds)
