"""Faults of the host are told as the host's, and a run that is ended leaves nothing."""

from __future__ import annotations

import signal

import pytest

from certify.engine.client import Engine
from tests.stories.escapes.table import marks
from tests.stories.faults.faults import FAULTS, Fault
from tests.stories.faults.signals import MOMENTS
from tests.stories.faults.table import MARK, PAGE, bring, interrupted, kept, key, tables

CORE = [each for each in FAULTS if each.core]


def test_the_page_is_made_of_what_was_measured() -> None:
    assert len(MOMENTS) >= 12
    assert len({key(each.title, each.when) for each in FAULTS}) == len(FAULTS)
    begin, end = marks(MARK)
    block = PAGE.read_text("utf-8").partition(begin)[2].partition(end)[0]
    assert tables(kept()) in block, "run make faults"


@pytest.mark.engine
@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("fault", CORE, ids=lambda each: each.title)
def test_a_fault_is_not_held_against_the_image(engine: Engine, fault: Fault) -> None:
    assert bring(engine, fault).wrong == []


@pytest.mark.engine
@pytest.mark.usefixtures("nothing_left")
def test_a_killed_run_leaves_nothing_and_the_next_one_works(engine: Engine) -> None:
    (checking,) = (each for each in MOMENTS if each.title == "a check runs")
    assert interrupted(engine, checking, signal.SIGKILL).wrong == []
