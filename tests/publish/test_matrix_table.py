"""A table of the matrix on terminals of every width."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from rich.cells import cell_len

from certify.model.result import Check, Result
from certify.model.terms import Outcome, Status
from tests.publish.test_matrix import shown

MakeCheck = Callable[..., Check]
MakeResult = Callable[..., Result]


def test_wider_terminals_show_more_columns(one_of_each: list[Result]) -> None:
    now = one_of_each[0].finished_at + timedelta(hours=70)
    wide = shown(one_of_each, width=200, now=now)
    header = next(line for line in wide.split("\n") if line.startswith("reference"))
    assert re.match(
        r"reference +verdict +image +packages .* boot  age  digest +not passed$", header
    )
    row = next(line for line in wide.split("\n") if line.startswith("localhost/debian:trixie"))
    assert re.search(r" ✓ on-launch \+13.2 s .* +1.1 s +2 d +4abcdef01234 +systemd.units$", row)


@pytest.mark.parametrize("width", [*range(30, 130, 7), 160, 240])
def test_it_fits_every_width(one_of_each: list[Result], width: int) -> None:
    text = shown(one_of_each, width)
    assert all(cell_len(line) <= width for line in text.split("\n"))
    for word in ("✓ native", "✗ rejected", "? inconclusive"):
        assert word in text


def test_more_groups_than_fit_are_put_together(
    make_check: MakeCheck, make_result: MakeResult
) -> None:
    checks = tuple(make_check(f"group{n}.check") for n in range(15))
    failed = make_check("group14.other", Outcome.FAILED)
    text = shown([make_result(checks=(*checks, failed), status=Status.REJECTED)])
    assert " other " in text
    assert re.search(r"✗ rejected .*✗ 1 ", text)


def test_what_all_names_share_stands_in_the_heading(make_result: MakeResult) -> None:
    names = ("registry.example/team/app:latest", "registry.example/team/apps/db:15")
    text = shown([make_result(name) for name in names], width=60)
    heading, _, _, *rows = text.splitlines()
    assert heading == "devspace · linux/amd64 · registry.example/team/…"
    assert [row.split()[0] for row in rows if "native" in row][:2] == ["app", "apps/db:15"]
    assert "\nregistry.example/team/app " in shown([make_result(names[0])])


def test_where_nothing_was_asked_the_reason_stands_instead_of_every_check(
    unreachable: Result, one_of_each: list[Result]
) -> None:
    checks = tuple(
        each.model_copy(update={"outcome": Outcome.UNKNOWN}) for each in one_of_each[0].checks
    )
    found = unreachable.model_copy(update={"checks": checks})
    text = shown([found], width=160)
    assert found.verdict.reasons[0].text[:12] in text
    assert " more" not in text
