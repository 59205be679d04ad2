"""Measures the speed of the engine's host by the containers that it runs."""

from __future__ import annotations

from functools import lru_cache
from statistics import median

from certify.engine import calibration_file
from certify.engine.client import Engine
from certify.engine.probe.image import probe_image
from certify.model.errors import LaunchRefused, Trouble
from certify.model.host import Calibration

_TIMEOUT = 100
"""Seconds after which a host counts as too slow to be measured."""


def calibrate(engine: Engine, *, samples: int = 1) -> Calibration:
    """Create, start, await and remove certify's own probe container; return each step's median.

    Seconds are those of a monotonic clock. Raises :class:`LaunchRefused` if the engine does not
    run the probe, and :class:`~certify.model.errors.EngineUnavailable`.
    """
    engine.settle()
    with probe_image(engine) as probe:
        runs = [probe.run(seconds=_TIMEOUT) for _ in range(samples)]
    if any((each.exit_code, each.output) != (0, probe.word) for each in runs):
        raise LaunchRefused(
            "The engine started certify's own probe, but its output did not come back.",
            remedy="`certify doctor` tries each way of launching by itself.",
        )
    return Calibration(
        create_seconds=round(median(each.create_seconds for each in runs), 3),
        start_seconds=round(median(each.start_seconds for each in runs), 3),
        remove_seconds=round(median(each.remove_seconds for each in runs), 3),
    )


@lru_cache(maxsize=1)
def host_calibration(engine: Engine) -> Calibration | None:
    """Return one sample, taken once per process and engine, or None if that failed.

    A recent one of an earlier process will do (:mod:`certify.engine.calibration_file`). A host of
    unknown speed can still certify: only a check that is over budget there is then unknown
    (:mod:`certify.judge.startup`).
    """
    try:
        return calibration_file.read(engine) or calibration_file.keep(engine, calibrate(engine))
    except Trouble:
        return None


def slower_calibration(engine: Engine) -> Calibration | None:
    """Measure the host again, as it may have become busy; return the slower calibration.

    Return None if the host cannot be measured now. Used where a verdict depends on its speed.
    """
    try:
        now = calibrate(engine, samples=3)
    except Trouble:
        return None
    return max(host_calibration(engine) or now, now, key=lambda each: each.total_seconds)
