"""``pytest checks --image REF``: launch, certify and clean up in pytest's own process."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING

import pytest

from certify.engine.calibration import calibrated
from certify.engine.client import Engine
from certify.engine.control import reach
from certify.engine.launch import Plan
from certify.engine.launcher import launched
from certify.errors import CertifyError
from certify.images.reference import Reference
from certify.judge.startup import pace
from certify.suite.choice import chosen_profile
from certify.suite.conductor import Conductor
from certify.suite.subject import Job, Subject

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
        image = self.subject.image
        return f"certify: {image.reference} {image.digest or image.image_id}"


def conductor_for(config: pytest.Config) -> Conductor:
    """Launch what the options name. Ends pytest with one line where that is not possible."""
    with contextlib.ExitStack() as stack:
        try:
            profile = chosen_profile(config.getoption("--profile"))
            reference = Reference.parse(config.getoption("--image"))
            engine = stack.enter_context(Engine.connect())
            image = engine.resolve(reference, platform=None, pull=config.getoption("--pull"))
            plan = Plan(
                kind=profile.launch,
                isolation=engine.isolation(config.getoption("--isolation")),
                install=profile.install,
                apparmor=engine.apparmor,
                pace=pace(calibrated(engine)),
            )
            image_id = image.image_id or reference.familiar
            started = stack.enter_context(launched(engine, image_id, plan))
        except CertifyError as error:
            raise pytest.UsageError(f"{error.message} {error.remedy}".strip()) from error
        job = Job(
            container=started.candidate.id,
            image=image,
            launch=profile.launch,
            refused=started.refused,
            anchor=profile.anchor,
            engine_platform=engine.platform,
            install=profile.install,
            budgets=profile.budgets.model_dump(),
            only=tuple(profile.checks),
        )
        transcript: Transcript = []
        subject = Subject(job, started.candidate, transcript, lambda _name, _value: None)
        subject.ask_control = partial(reach, engine, network=None)
        owner = Owner(subject, transcript)
        owner.cleanup = stack.pop_all()
        return owner
