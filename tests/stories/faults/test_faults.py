"""Faults of the host are told as the host's, and a run that is ended leaves nothing."""

from __future__ import annotations

import pytest

from certify.engine.client import Engine
from tests.stories.escapes.table import marks
from tests.stories.faults.faults import FAULTS
from tests.stories.faults.signals import MOMENTS
from tests.stories.faults.table import MARK, PAGE, bring, kept, key, tables


def test_the_page_is_made_of_what_was_measured() -> None:
    assert len(MOMENTS) >= 12
    assert len({key(each.title, each.when) for each in FAULTS}) == len(FAULTS)
    begin, end = marks(MARK)
    block = PAGE.read_text("utf-8").partition(begin)[2].partition(end)[0]
    assert tables(kept()) in block, "run make faults"


@pytest.mark.engine
@pytest.mark.usefixtures("nothing_left")
def test_a_container_that_somebody_kills_is_not_held_against_the_image(engine: Engine) -> None:
    (fault,) = (each for each in FAULTS if each.title == "somebody kills the container")
    assert bring(engine, fault).wrong == []
