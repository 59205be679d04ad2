"""Unusual images that are right, on a real engine: nothing is held against any of them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from certify.model.result import Result
from tests.stories.harmless.workshop import complaints, harmless
from tests.stories.sabotage.workshop import asked_for, at_work, examine

BY_NAME = {each.name: each for each in harmless()}


def test_names_are_given_once() -> None:
    assert len(BY_NAME) == len(harmless()) >= 30


@pytest.fixture(scope="module")
def results(request: pytest.FixtureRequest) -> Iterator[dict[str, Future[Result]]]:
    """Results to come of the images that this run asks for, and of no others."""
    asked = asked_for(request.session, "test_nothing_is_held_against_it", harmless())
    with at_work(examine, asked) as futures:
        yield futures


@pytest.mark.engine
@pytest.mark.sabotage
@pytest.mark.parametrize("name", BY_NAME)
def test_nothing_is_held_against_it(name: str, results: dict[str, Future[Result]]) -> None:
    assert complaints(BY_NAME[name], results[name].result()) == []
