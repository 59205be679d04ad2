"""The same refusal, twice: an image that names a dead server, and a host without a network."""

from __future__ import annotations

import pytest

from certify.engine.client import Engine
from certify.model.terms import Fault, Outcome, Status
from tests.conftest import SAMPLES, Certify
from tests.stories.sabotage.workshop import build, sabotages

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("nothing_left")]


@pytest.fixture(scope="module")
def dead_sources(engine: Engine) -> str:
    (sabotage,) = (each for each in sabotages() if each.name == "launch-with-dead-sources")
    return build(engine, sabotage)


def test_a_source_that_does_not_exist_rejects_the_image(
    certify: Certify, dead_sources: str
) -> None:
    ended = certify("run", "--profile", "plain", "--format", "json", dead_sources)
    assert ended.code == 1, ended.err
    (reason,) = ended.result.verdict.reasons
    assert reason.check == "packages.refresh"
    assert "nowhere.invalid does not exist" in reason.text
    assert "deb.debian.org serves" in reason.text


@pytest.mark.parametrize("which", ["dead_sources", "good"])
def test_without_a_network_neither_is_held_against_the_image(
    certify: Certify, dead_sources: str, which: str
) -> None:
    image = dead_sources if which == "dead_sources" else f"{SAMPLES}/debian"
    ended = certify("run", "--network", "none", "--profile", "plain", "--format", "json", image)
    assert ended.code == 3, ended.err
    assert ended.result.verdict.status is Status.INCONCLUSIVE
    (refresh,) = (check for check in ended.result.checks if check.id == "packages.refresh")
    assert refresh.outcome is Outcome.UNKNOWN
    assert f"the {Fault.NETWORK}'s fault" in ended.result.verdict.reasons[0].text
