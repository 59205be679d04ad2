"""The table of an image before and after its fix."""

from __future__ import annotations

import io

from rich.console import Console

from certify.model.result import Startup
from certify.model.terms import Outcome, Status
from certify.publish.comparison import print_comparison
from tests.factories import IDS, MakeCheck, MakeResult


def console() -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(file=out, width=80, highlight=False), out


def test_before_and_after_in_80_columns(make_result: MakeResult, make_check: MakeCheck) -> None:
    checks = tuple(
        make_check(each, Outcome.FAILED if each.startswith("dockerd.") else Outcome.PASSED)
        for each in IDS
    )
    before = make_result(
        "registry.example/" + "long/" * 30 + "name:1",
        status=Status.REJECTED,
        checks=checks,
        startup=Startup(boot_seconds=1.25, provision_seconds=13.2),
    )
    target, out = console()
    print_comparison(before, make_result("fixed:1"), target)
    shown = out.getvalue()
    assert max(map(len, shown.splitlines())) <= 80
    rows = {line.split()[0]: line.split() for line in shown.splitlines() if line[0] != " "}
    assert rows["verdict"] == ["verdict", "rejected", "certified"]
    assert rows["grade"] == ["grade", "–", "native"]
    assert rows["provision"] == ["provision", "13.2", "s", "–"]
    assert rows["failed"] == ["failed", "dockerd.installed,", "none"]
    assert "dockerd.restart" in shown
