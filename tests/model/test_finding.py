"""Claims, and findings on their way from the process that runs the checks."""

from __future__ import annotations

import json

import pytest

from certify.model.finding import Claim, Finding
from certify.model.terms import Fault, Outcome


@pytest.mark.parametrize(
    ("id", "group"), [("image.os", "image"), ("own", "own"), ("own.check.two", "own")]
)
def test_the_group_of_a_check_stands_before_the_first_dot(id: str, group: str) -> None:
    assert Claim(id=id, title="", claim="", why="", how="", remedy="").group == group


def test_a_finding_arrives_as_it_was_sent() -> None:
    finding = Finding(
        id="image.os", outcome=Outcome.UNKNOWN, seconds=0.1, message="\x1bü\u2028", evidence="$ a",
        because="image.shell", fault=Fault.HOST, remedy="r", flaky=True, waited=1 / 3, began=1.5,
        lane="packages",
    )  # fmt: skip
    line = json.dumps(finding.model_dump(mode="json"))
    assert Finding.model_validate(json.loads(line)) == finding
    assert finding.model_fields_set == set(Finding.model_fields), "all of it is tried"
