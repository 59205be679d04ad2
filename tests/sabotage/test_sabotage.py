"""Each sabotage on a real engine: exactly its check fails. Certified two at a time."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from certify.model import Result
from certify.suite.catalogue import claims
from tests.sabotage.workshop import Sabotage, examined, sabotages, surprises

GROUPS = ("image", "packages", "systemd", "dockerd", "startup", "workspace")
"""The groups that the sabotages are about; broken images for the others stand in ``samples/``."""
BY_NAME = {each.name: each for each in sabotages()}


def test_names_are_given_once() -> None:
    assert len(BY_NAME) == len(sabotages())


def test_there_are_enough_of_them() -> None:
    assert len(sabotages()) >= 40


@pytest.mark.parametrize("check", [id for id in claims() if id.partition(".")[0] in GROUPS])
def test_every_check_has_a_sabotage(check: str) -> None:
    assert check in {each.check for each in sabotages()}


@pytest.mark.parametrize("sabotage", sabotages(), ids=lambda each: each.name)
def test_a_sabotage_can_be_noticed(sabotage: Sabotage) -> None:
    assert sabotage.held_to.level(sabotage.check), "its profile must name the check"


@pytest.fixture(scope="module")
def results(request: pytest.FixtureRequest) -> Iterator[dict[str, Future[Result]]]:
    """Results to come of the sabotages that this run asks for, and of no others."""
    asked = [
        str(item.callspec.params["name"])
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.originalname == "test_exactly_its_check_fails"
    ]
    with examined(tuple(BY_NAME[name] for name in asked)) as futures:
        yield futures


@pytest.mark.engine
@pytest.mark.sabotage
@pytest.mark.parametrize("name", BY_NAME)
def test_exactly_its_check_fails(name: str, results: dict[str, Future[Result]]) -> None:
    assert surprises(BY_NAME[name], results[name].result()) == []
