"""The output of ``certify run``."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from certify.cli.run_report import next_steps_of
from certify.model.file_names import LAYOUTS, Layout
from certify.model.result import Check, Result
from certify.model.terms import Outcome, Status
from certify.publish.text import NextSteps
from tests.cli.test_run import certified_before, no_engine
from tests.conftest import Certify


def test_several_images_are_counted_and_end_in_a_table(certify: Certify, tmp_path: Path) -> None:
    ended = certify("run", "a:1", "b:1", "c:1", **no_engine(tmp_path))
    assert "[2/3] b:1 · devspace: starting" in ended.err
    *table, total, site = ended.out.splitlines()[-5:]
    assert [line.split()[:2] for line in table] == [["INCONCLUSIVE", f"{x}:1"] for x in "abc"]
    assert total == "3 results: 3 inconclusive"
    assert site == "Report: reports/index.html"
    assert (tmp_path / "reports/index.html").is_file()


@pytest.mark.parametrize(
    ("check", "message", "fix"),
    [
        ("systemd.state", "the default target leads to no ordinary boot", True),
        ("packages.manager", "no package manager", False),
        ("packages.refresh", "the mirror is gone", False),
    ],
)
def test_a_fix_is_named_only_where_there_is_one(
    make_check: Callable[..., Check], make_result: Callable[..., Result], tmp_path: Path,
    check: str, message: str, fix: bool,
) -> None:  # fmt: skip
    checks = (make_check(check, Outcome.FAILED, message=message),)
    rejected = make_result(checks=checks, status=Status.REJECTED)
    assert next_steps_of(tmp_path, rejected) == NextSteps(fix=fix, page=None)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_report_names_its_page(certify: Certify, tmp_path: Path, layout: Layout) -> None:
    certified_before("debian:12", tmp_path)
    ended = certify("debian:12", "--layout", layout, **no_engine(tmp_path))
    (page,) = re.findall(r"^Report: (.*)$", ended.out, re.MULTILINE)
    assert (tmp_path / page).is_file()
    assert len(Path(page).parts) == {"flat": 3, "folders": 4}[layout]
