"""The numbers in docs/accuracy.md are those of the suites."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from certify.suite.catalogue import claims
from tests.stories.engines import measured
from tests.stories.expected import EXPECTED
from tests.stories.harmless.workshop import harmless
from tests.stories.sabotage.workshop import sabotages

ROOT = Path(__file__).parents[2]
TABLE = re.findall(
    r"^\| ([^|]+) \| (\d+) \|", (ROOT / "docs/accuracy.md").read_text("utf-8"), re.MULTILINE
)
WORLDS = tomllib.loads((ROOT / "tests/stories/worlds/worlds.toml").read_text("utf-8"))
COUNTED = {
    "checks that ship": len(claims()),
    "sabotaged images": len(sabotages()),
    "of these, mended": sum(each.mended for each in sabotages()),
    "unusual images": len(harmless()),
    "sample images": len(list((ROOT / "samples").glob("*/Dockerfile"))),
    "verdicts on samples": len(EXPECTED),
    "package managers other than apt": len(WORLDS["families"]),
    "states of a repository": len(WORLDS["faults"]),
    "engines that": len(measured()),
    "certifications in a row": int(
        re.findall(r"range\((\d+)\)", (ROOT / "tests/stories/test_repeat.py").read_text("utf-8"))[0]
    ),
}


@pytest.mark.parametrize("words", COUNTED)
def test_a_number_is_at_most_what_the_suites_hold(words: str) -> None:
    """So that a new sabotage needs no new number, and none is ever too high."""
    (number,) = [int(each) for what, each in TABLE if what.startswith(words)]
    assert 0 < number <= COUNTED[words], f"{words}: {COUNTED[words]}"


def test_every_number_is_counted() -> None:
    assert len(TABLE) == len(COUNTED)
