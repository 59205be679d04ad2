"""Faults of the host are told as the host's, and a run that is ended leaves nothing."""

from __future__ import annotations

import pytest

from certify.engine.client import Engine
from tests.stories.escapes.table import marks
from tests.stories.faults.faults import FAULTS
from tests.stories.faults.signals import MOMENTS
from tests.stories.faults.table import MEASURED, PAGE, SIGNALS, bring, kept, key, tables


@pytest.mark.parametrize("mark", MEASURED)
def test_the_page_is_made_of_what_was_measured(mark: str) -> None:
    begin, end = marks(mark)
    block = PAGE.read_text("utf-8").partition(begin)[2].partition(end)[0]
    assert tables(kept(mark)) in block, "run make faults"


def test_every_fault_and_moment_was_brought_about() -> None:
    assert len(MOMENTS) >= 12
    wanted = [key(each.title, each.when) for each in FAULTS]
    wanted += [key(number.name, each.title) for each in MOMENTS for number in SIGNALS]
    assert len(set(wanted)) == len(wanted)
    assert set(wanted) == kept().keys(), "run make faults"


@pytest.mark.engine
@pytest.mark.usefixtures("nothing_left")
def test_a_container_that_somebody_kills_is_not_held_against_the_image(engine: Engine) -> None:
    (fault,) = (each for each in FAULTS if each.title == "somebody kills the container")
    assert bring(engine, fault).wrong == []
