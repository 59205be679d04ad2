"""Somebody else removes the candidate while it is examined: a cron job that prunes, for example."""

from __future__ import annotations

import pytest

from certify.certification.certify import Certification
from certify.certification.events import Events
from certify.certification.options import Options
from certify.engine import reaper
from certify.engine.client import Engine
from certify.judge.profiles import load
from certify.model.finding import Claim, Finding
from certify.model.reference import Reference
from certify.model.terms import Level, Outcome, Status
from tests.conftest import SAMPLES

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("nothing_left")]


class Pruner(Events):
    """Removes this process's candidates as soon as one check has answered."""

    def __init__(self, engine: Engine, after: str) -> None:
        self._engine = engine
        self._after = after

    def finding(self, finding: Finding, claim: Claim | None) -> None:
        if finding.id == self._after:
            api = self._engine.client.api
            ours = {"label": [f"{reaper.OWNER}={reaper.owner()}", f"{reaper.LABEL}=candidate"]}
            for each in api.containers(all=True, filters=ours):
                api.remove_container(each["Id"], force=True, v=True)


@pytest.mark.parametrize("after", ["image.os", "packages.manager", "packages.current"])
def test_a_candidate_that_somebody_removes_is_not_held_against_the_image(
    engine: Engine, after: str
) -> None:
    reference, options = Reference.parse(f"{SAMPLES}/debian"), Options(pull="never")
    certification = Certification(engine, reference, options, Pruner(engine, after))
    (result,) = certification.run([load("plain")])
    assert result.verdict.status is Status.INCONCLUSIVE
    assert not [
        check.id
        for check in result.checks
        if check.level is Level.REQUIRED and check.outcome is Outcome.FAILED
    ]
    assert result.verdict.reasons[0].remedy
