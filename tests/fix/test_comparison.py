"""Before and after, and what a result is told of its neighbours."""

from __future__ import annotations

import io

from rich.console import Console

from certify.fix.comparison import print_comparison
from certify.model.result import Alternative, Recommendation, Startup
from certify.model.terms import Grade, Outcome, Status
from certify.publish.json_report import result_json
from certify.publish.text import render_result
from tests.factories import DIGEST, IDS, NOON, MakeCheck, MakeResult


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


def alternative(reference: str, grade: Grade = Grade.NATIVE) -> Alternative:
    return Alternative(
        reference=reference, digest=DIGEST, image_id=None, os=None, grade=grade, certified_at=NOON
    )


def test_a_recommendation_is_one_or_two_lines(make_result: MakeResult) -> None:
    base, other = alternative("base:1"), alternative("other:1", Grade.ON_LAUNCH)
    told = Recommendation(closest=(base, other), extends=base)
    target, out = console()
    target.print(render_result(make_result(status=Status.REJECTED, recommendation=told)))
    assert (
        "  built on base:1 (native): something above it broke it\n"
        "  certified and closest: other:1 (on-launch)\n"
    ) in out.getvalue()


def test_no_recommendation_no_line(make_result: MakeResult) -> None:
    target, out = console()
    target.print(render_result(make_result()))
    assert "closest" not in out.getvalue()
    assert '"recommendation": null' in result_json(make_result())
