"""What changed inside an image, in a terminal of any width."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from certify.judge.culprits import compare
from certify.model.inventory import pack
from certify.model.result import Reason, Verdict
from certify.model.terms import Status
from certify.publish.inside import SAME, SHOWN, UNKNOWN, print_comparison
from tests.factories import a_result, digest

BROKEN = Verdict(
    status=Status.REJECTED,
    reasons=(Reason(check="dockerd.running", text="dockerd \x1b[2J ended", remedy=""),),
)


def printed(before: Any, after: Any, *, width: int = 80, verdict: Verdict = BROKEN) -> str:
    """Compare an image's two states, given by their packages; None if nobody knows them."""
    old, new = (None if each is None else pack({"package": each}) for each in (before, after))
    found = compare([
        a_result(image={"digest": digest(2)}, verdict=verdict, inventory=new),
        a_result(image={"digest": digest(1)}, inventory=old),
    ])  # fmt: skip
    assert found is not None
    output = io.StringIO()
    print_comparison(found, Console(file=output, width=width))
    return output.getvalue()


@pytest.mark.parametrize("width", [40, 80, 200])
def test_both_results_and_the_difference_fit(width: int) -> None:
    text = printed({"runc": "1.1"}, {"runc": "1.2"}, width=width)
    assert all(len(line) <= min(width, 100) for line in text.splitlines())
    flat = " ".join(text.split())
    assert "before CERTIFIED" in flat
    assert "now REJECTED" in flat
    assert "likely culprits first" in flat
    assert "runc" in flat
    assert "\x1b" not in text, "an image's words control no terminal"


def test_only_what_broke_has_culprits() -> None:
    text = printed({"a": "1"}, {"a": "2"}, verdict=Verdict(status=Status.CERTIFIED))
    assert "Inside:" in text


@pytest.mark.parametrize(("state", "words"), [({"a": "1"}, SAME), (None, UNKNOWN)])
def test_nothing_to_tell_is_told(state: Any, words: str) -> None:
    assert words in " ".join(printed(state, state).split())


def test_a_long_list_is_cut_and_says_so() -> None:
    many = {f"package-{number}": "1" for number in range(SHOWN + 5)}
    assert "and 5 more (--format json)" in printed({}, many)
