"""``pytest checks --image REF``: launch, certify and clean up in pytest's own process."""

from __future__ import annotations

import contextlib
import signal
from functools import partial
from typing import TYPE_CHECKING

import pytest

from certify.engine.calibration import host_calibration
from certify.engine.client import Engine
from certify.engine.control import measure_reach
from certify.engine.launch import launch_container
from certify.judge.startup import pace
from certify.model.errors import CertifyError
from certify.model.reference import Reference
from certify.suite.candidate import Candidate
from certify.suite.conductor import Conductor
from certify.suite.job import job_for, plan_for
from certify.suite.profile_selection import chosen_profile
from certify.util.signals import interruptible

if TYPE_CHECKING:
    from certify.suite.host import Transcript


class Owner(Conductor):
    """A conductor that also launched the candidate, and removes it at the end."""

    cleanup: contextlib.ExitStack

    def pytest_unconfigure(self) -> None:
        """Remove the candidate, whatever happened."""
        self.cleanup.close()

    def pytest_report_header(self) -> str:
        """What is being certified."""
        image = self.candidate.image
        return f"certify: {image.reference} {image.digest or image.image_id}"


def conductor_for(config: pytest.Config) -> Conductor:
    """Launch what the options name. Ends pytest with one line where that is not possible.

    From here on SIGTERM interrupts pytest as Ctrl-C does, so that the candidate is removed.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(interruptible(signal.SIGTERM, signal.SIGHUP))
        try:
            profile = chosen_profile(config.getoption("--profile"))
            reference = Reference.parse(config.getoption("--image"))
            engine = stack.enter_context(Engine.connect())
            image = engine.resolve(reference, platform=None, pull=config.getoption("--pull"))
            plan = plan_for(
                engine,
                profile,
                config.getoption("--isolation"),
                pace=pace(host_calibration(engine)),
            )
            image_id = image.image_id or reference.familiar
            started = stack.enter_context(launch_container(engine, image_id, plan))
        except CertifyError as error:
            raise pytest.UsageError(f"{error.message} {error.remedy}".strip()) from error
        job = job_for(engine, image, plan, started, [profile])
        transcript: Transcript = []
        candidate = Candidate(job, started.container, transcript, lambda _name, _value: None)
        candidate.ask_control = partial(measure_reach, engine, network=None)
        owner = Owner(candidate, transcript)
        owner.cleanup = stack.pop_all()
        return owner
