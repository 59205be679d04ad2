"""Images that mean harm get a sane verdict, and harm neither certify nor its host."""

from __future__ import annotations

from pathlib import Path

import pytest

from certify.engine.client import Engine
from tests.stories.escapes.table import marks
from tests.stories.hostile.table import MARK, PAGE
from tests.stories.hostile.workshop import certify, images


def test_there_are_images_and_the_page_names_them_all() -> None:
    assert len({each.name for each in images()}) == len(images()) >= 25
    begin, end = marks(MARK)
    block = PAGE.read_text("utf-8").partition(begin)[2].partition(end)[0]
    rows = [line.split(" | ")[0].removeprefix("| ") for line in block.splitlines()[5:]]
    assert [each.title for each in images()] == rows, "run make hostile"


@pytest.mark.engine
@pytest.mark.usefixtures("nothing_left")
def test_an_image_that_imitates_and_prints_what_harms(engine: Engine, tmp_path: Path) -> None:
    by_name = {each.name: each for each in images()}
    words, imitator = by_name["hostile-words"], by_name["imitator"]
    lines = f"{words.dockerfile}\n{imitator.dockerfile}"
    both = {"name": "words-and-imitator", "dockerfile": lines, "attack": words.attack}
    assert certify(engine, imitator.model_copy(update=both), tmp_path).wrong == []
