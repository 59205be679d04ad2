"""``pytest checks --image REF``: launch, certify and clean up in pytest's own process."""

from __future__ import annotations

import contextlib
import signal
from functools import partial

import pytest

from certify.engine.calibration import host_calibration
from certify.engine.client import Engine
from certify.engine.control import measure_reach
from certify.engine.isolation import Isolation
from certify.engine.launch import launch_container
from certify.judge.startup import pace
from certify.model.errors import CertifyError
from certify.model.reference import Reference
from certify.suite.candidate import Candidate
from certify.suite.conductor import Conductor
from certify.suite.job import make_job, plan_launch
from certify.suite.profile_selection import select_profile
from certify.util.signals import interruptible


class LaunchingConductor(Conductor):
    """A conductor that owns the candidate: it was launched for it, and is removed by it."""

    cleanup: contextlib.ExitStack

    def pytest_unconfigure(self) -> None:
        """Remove the candidate, however pytest ends."""
        self.cleanup.close()

    def pytest_report_header(self) -> str:
        """Return a line that names the image."""
        image = self.candidate.image
        return f"certify: {image.reference} {image.identity}"


def launch_conductor(config: pytest.Config) -> Conductor:
    """Launch the image that the options name, and return its conductor.

    Raises ``pytest.UsageError``, one line, if that is not possible. From here on SIGTERM
    interrupts pytest as Ctrl-C does, so that the candidate is removed.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(interruptible(signal.SIGTERM, signal.SIGHUP))
        try:
            profile = select_profile(config.getoption("--profile"))
            reference = Reference.parse(config.getoption("--image"))
            engine = stack.enter_context(Engine.connect())
            image = engine.resolve(reference, platform=None, pull=config.getoption("--pull"))
            plan = plan_launch(
                engine,
                profile,
                Isolation(config.getoption("--isolation")),
                pace=pace(host_calibration(engine)),
            )
            image_id = image.image_id or reference.familiar
            started = stack.enter_context(launch_container(engine, image_id, plan))
        except CertifyError as error:
            raise pytest.UsageError(f"{error.message} {error.remedy}".strip()) from error
        job = make_job(engine, image, plan, started, [profile])
        candidate = Candidate(job, started.container, lambda _name, _value: None)
        candidate.control_results = partial(measure_reach, engine, started=started)
        conductor = LaunchingConductor(candidate)
        conductor.cleanup = stack.pop_all()
        return conductor
