"""The table of verdicts by engine, and what follows from it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from certify.model.finding import Finding
from certify.model.result import Result
from certify.model.terms import Fault, Outcome
from tests.stories import engines
from tests.stories.elsewhere import deviations
from tests.stories.engines import BLOCK, BOOTS, ROOT, expected_verdicts, measured, sentence, table
from tests.stories.expected import EXPECTED
from tests.stories.test_elsewhere import BROKEN, GOOD, UNITS, result, skipped, unknown


def of_launch(check: str) -> Finding:
    message = "systemd may not write to the control groups"
    return Finding(id=check, outcome=Outcome.UNKNOWN, message=message, fault=Fault.LAUNCH)


OPEN = (of_launch("systemd.pid1"), skipped("systemd.units", "systemd.pid1"))


@pytest.mark.parametrize(
    ("findings", "wrong"),
    [
        (OPEN, []),
        ((*OPEN, UNITS), []),
        ((unknown("packages.refresh"), UNITS),
         ["not certified native", "packages.refresh unknown"]),
        ((*OPEN, BROKEN), ["not certified native", "dockerd.container failed",
                           "systemd.pid1 unknown", "systemd.units did not fail"]),
    ],
)  # fmt: skip
def test_an_engine_may_leave_a_verdict_open_with_a_reason(
    findings: tuple[Finding, ...], wrong: list[str]
) -> None:
    assert sorted(deviations(GOOD, result(*findings), by_engine=True)) == sorted(wrong)


@pytest.mark.parametrize(("page", "text"), [("docs/launching.md", table), ("README.md", sentence)])
def test_pages_are_made_from_what_was_measured(page: str, text: object) -> None:
    block = BLOCK.search((ROOT / page).read_text("utf-8"))
    assert callable(text) and block
    assert block[0] == text(), "run: python -m tests.stories.engines"


def test_what_was_measured_is_right_or_open() -> None:
    right = expected_verdicts()
    listed = subprocess.run(
        ["scripts/engines", "--list"], stdout=subprocess.PIPE, check=True, text=True
    )
    for name, kept in measured().items():
        assert name in listed.stdout.split() or name == "podman-of-trixie", name
        for row, verdict in kept["verdicts"].items():
            assert verdict == right[row] or verdict.startswith("inconclusive: "), (name, row)


@pytest.mark.parametrize(
    ("verdicts", "is_supported"),
    [
        ({BOOTS: "certified native", "busybox plain": "rejected"}, True),
        ({BOOTS: "certified native", "busybox plain": "inconclusive: no route"}, False),
        ({"busybox plain": "rejected"}, False),
    ],
)
def test_an_engine_is_supported_if_nothing_is_open_on_it(
    verdicts: dict[str, str], is_supported: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "engines.json"
    file.write_text(json.dumps({"a": {"engine": "Docker 99", "verdicts": verdicts}}), "utf-8")
    monkeypatch.setattr(engines, "MEASURED", file)
    assert engines.supported() == (["Docker 99"] if is_supported else [])


def test_a_verdict_is_kept_with_its_engine_and_its_reason(
    native: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "MEASURED", tmp_path / "engines.json")
    engines.MEASURED.write_text("{}", "utf-8")
    engines.keep("docker-sid-containerd", EXPECTED[0], native)
    (kept,) = measured().values()
    assert kept["engine"].endswith(", containerd")
    assert list(kept["verdicts"]) == [engines.row_name(EXPECTED[0])]
