"""Each sabotage on a real engine: exactly its check fails. Certified two at a time."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from certify.fix.rules import Action, rules
from certify.model.result import Result
from certify.model.terms import Outcome, Status
from certify.suite.catalogue import claims
from tests.stories.sabotage.workshop import (
    Sabotage,
    asked_for,
    at_work,
    examine,
    sabotages,
    surprises,
)

BY_NAME = {each.name: each for each in sabotages()}


def test_names_are_given_once() -> None:
    assert len(BY_NAME) == len(sabotages())


def test_there_are_enough_of_them() -> None:
    assert len(sabotages()) >= 40


def test_every_check_has_a_sabotage() -> None:
    assert set(claims()) <= {each.check for each in sabotages()}


def test_a_sabotage_can_be_noticed() -> None:
    for each in sabotages():
        assert each.held_to.level(each.check), f"{each.name}: its profile must name the check"


def test_every_check_that_can_be_mended_has_a_sabotage_that_is() -> None:
    """``tests/test_fix.py`` builds them; what no image is known for stands here."""
    sure = [rule for rule in rules() if rule.action not in (Action.OFFER, Action.CANNOT)]
    mends = {check for rule in sure for check in (rule.check, *rule.also)}
    assert mends - {each.check for each in sabotages() if each.mended} == {"systemd.restart"}


# What was made right for its profile first; the samples themselves are in tests/expected.py.
PREPARED = {
    (each.base, each.profile, each.prepare): each.prepared for each in sabotages() if each.prepare
}


@pytest.mark.engine
@pytest.mark.sabotage
@pytest.mark.parametrize("right", PREPARED.values(), ids=lambda each: each.name)
def test_what_is_sabotaged_was_right(right: Sabotage) -> None:
    result = examine(right)
    assert result.verdict.status is Status.CERTIFIED
    assert {each.outcome for each in result.checks} == {Outcome.PASSED}


@pytest.fixture(scope="module")
def results(request: pytest.FixtureRequest) -> Iterator[dict[str, Future[Result]]]:
    """Results to come of the sabotages that this run asks for, and of no others."""
    with at_work(
        examine, asked_for(request.session, "test_exactly_its_check_fails", sabotages())
    ) as futures:
        yield futures


@pytest.mark.engine
@pytest.mark.sabotage
@pytest.mark.parametrize("name", BY_NAME)
def test_exactly_its_check_fails(name: str, results: dict[str, Future[Result]]) -> None:
    assert surprises(BY_NAME[name], results[name].result()) == []
