"""The cells and sections of the matrix."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from certify.model.result import AppliedWaiver, Check, Result
from certify.model.terms import Level, Outcome, Status
from certify.publish.matrix_data import cell_of, cells_of, problem_checks, sections_of

MakeCheck = Callable[..., Check]
MakeResult = Callable[..., Result]


def test_a_result_without_platform_joins_its_profile(one_of_each: list[Result]) -> None:
    (section,) = sections_of(one_of_each)
    assert section.title == "devspace · linux/amd64"
    assert len(section.results) == len(one_of_each)
    assert section.groups == list(dict.fromkeys(section.groups))


def test_required_problems_come_first(rejected: Result) -> None:
    assert [check.id for check in problem_checks(rejected)] == ["dockerd.container"]
    assert str(cells_of(rejected.checks, False)["dockerd"]) == "✗ 1/8"


@pytest.mark.parametrize(
    ("outcomes", "status", "cell"),
    [
        ("ppp", Status.CERTIFIED, "✓ 3"),
        ("pps", Status.CERTIFIED, "✓ 2/3"),
        ("pps", Status.REJECTED, "– 1/3"),
        ("sss", Status.REJECTED, "– 3"),
        ("pfu", Status.REJECTED, "✗ 1/3"),
        ("pus", Status.INCONCLUSIVE, "? 1/3"),
        ("prr", Status.CERTIFIED, "! 2/3"),
        ("prf", Status.REJECTED, "✗ 1/3"),
        ("pw", Status.CERTIFIED, "! 1/2"),
        ("", Status.INCONCLUSIVE, ""),
    ],
)
def test_a_cell_shows_the_worst_mark(
    make_check: MakeCheck,
    make_result: MakeResult,
    waived: AppliedWaiver,
    outcomes: str,
    status: Status,
    cell: str,
) -> None:
    made = {
        "p": make_check("g.p"),
        "f": make_check("g.f", Outcome.FAILED),
        "u": make_check("g.u", Outcome.UNKNOWN),
        "s": make_check("g.s", Outcome.SKIPPED),
        "r": make_check("g.r", Outcome.FAILED, level=Level.RECOMMENDED),
        "w": make_check("g.w", Outcome.FAILED, waiver=waived),
    }
    result = make_result(checks=tuple(made[letter] for letter in outcomes), status=status)
    assert str(cell_of(result, ["g"])) == cell
