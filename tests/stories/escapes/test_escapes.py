"""No way out of a candidate but those that docs/security.md names."""

from __future__ import annotations

import pytest

from certify.engine.client import Engine
from tests.stories.escapes.table import MARK, PAGE, marks
from tests.stories.escapes.workshop import CONTROL, attempts, techniques


def test_there_are_techniques_and_the_page_names_them_all() -> None:
    assert len({each.name for each in techniques()}) == len(techniques()) >= 15
    begin, end = marks(MARK)
    block = PAGE.read_text("utf-8").partition(begin)[2].partition(end)[0]
    rows = [line.split(" | ")[0].removeprefix("| ") for line in block.splitlines()]
    assert [each.title for each in techniques()] == [
        row for row in rows if row in {each.title for each in techniques()}
    ], "run make escapes"


@pytest.mark.engine
@pytest.mark.usefixtures("nothing_left")
def test_the_level_caps_refuses_what_it_can(engine: Engine) -> None:
    found = attempts(engine, "caps")
    assert isinstance(found, dict), found
    must = {each.name for each in techniques() if not each.remains}
    assert not {name: found[name].detail for name in must if found[name].allowed}


@pytest.mark.engine
@pytest.mark.escapes
def test_what_the_filter_refuses_works_without_it(engine: Engine) -> None:
    """Otherwise a refusal would prove nothing about the filter."""
    found = attempts(engine, CONTROL)
    assert isinstance(found, dict), found
    assert sum(each.allowed for each in found.values()) >= 15
