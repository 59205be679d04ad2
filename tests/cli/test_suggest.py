"""``certify suggest``: only valid certificates, only what ships, in the order asked for."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from certify.cli.main import main
from certify.ledger.store import Ledger
from certify.model.inventory import pack
from certify.model.result import Launch, Startup
from certify.model.terms import Level, Outcome, Status
from tests.factories import a_certificate, a_check, digest

NOW = datetime.now(UTC)
PASSED = {
    group: a_check(name, Outcome.PASSED).model_copy(update={"group": group})
    for group, name in (("dockerd", "dockerd.container"), ("systemd", "systemd.pid1"))
}


def record(number: int, *, megabytes: int, boot: float | None = None, **fields: Any) -> None:
    known: dict[str, Any] = {
        "image": {
            "reference": f"team/app:{number}", "digest": digest(number),
            "size_bytes": megabytes * 1000**2,
        },
        "profile": "devspace",
        "checks": tuple(PASSED.values()),
        "startup": Startup(boot_seconds=boot),
        "launch": Launch(kind="init", isolation="caps"),
        "moment": NOW,
    }  # fmt: skip
    with Ledger.open("reports/certify.db") as ledger:
        ledger.record(a_certificate(**(known | fields)))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger with the images that all tests know."""
    folder = tmp_path_factory.mktemp("recorded")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        record_known()
    return folder / "reports" / "certify.db"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recorded: Path) -> None:
    (tmp_path / "reports").mkdir()
    shutil.copy(recorded, tmp_path / "reports")
    monkeypatch.chdir(tmp_path)


def record_known() -> None:
    record(1, megabytes=400, boot=2.0, inventory=pack({"package": {"python3": "3.11"}}))
    record(2, megabytes=300, boot=3.0)
    record(3, megabytes=900, boot=1.0, inventory=pack({"package": {"python3": "3.12"}}))
    record(4, megabytes=1, status=Status.REJECTED)
    record(5, megabytes=1, expires_at=NOW - timedelta(days=1))
    missing = Launch(kind="init", isolation="caps", missing=("dockerd",))
    record(6, megabytes=5, boot=9.0, launch=missing)


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["suggest", *words])


def names(*words: str) -> list[str]:
    found = json.loads(run("--format", "json", *words).stdout)["images"]
    return [each["reference"].rpartition(":")[2] for each in found]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], ["6", "2", "1", "3"]),
        (["--fastest"], ["3", "1", "2", "6"]),
        (["--needs", "dockerd"], ["2", "1", "3"]),
        (["--needs", "dockerd.container,systemd"], ["2", "1", "3"]),
        (["--needs", "dockerd,python", "--size-max", "500MB"], ["1"]),
        (["--needs", "python3,python"], ["1", "3"]),
        (["--needs", "devspace", "--size-max", "0.3 GB"], ["6", "2"]),
        (["--needs", "plain"], []),
        (["--platform", "linux/arm64"], []),
    ],
)
def test_what_fits_is_named_in_order(words: list[str], expected: list[str]) -> None:
    assert names(*words) == expected
    assert run(*words).exit_code == (0 if expected else 1)


def test_a_line_says_why() -> None:
    text = " ".join(run("--needs", "dockerd,python", "--size-max", "500MB").stdout.split())
    assert text == (
        "team/app:1 400.0 MB · boot 2.0 s · linux/amd64 · devspace · 1 check of dockerd passed"
        " · python3 3.11"
    )
    assert "No certified image fits" in run("--needs", "cobol").stdout


def test_a_failed_or_informative_check_proves_nothing() -> None:
    failed = PASSED["dockerd"].model_copy(update={"outcome": Outcome.FAILED, "level": Level.INFO})
    record(7, megabytes=2, checks=(failed,))
    recommended = failed.model_copy(update={"level": Level.RECOMMENDED})
    record(8, megabytes=3, checks=(PASSED["dockerd"], recommended))
    assert names("--needs", "dockerd") == ["2", "1", "3"]


@pytest.mark.parametrize(
    ("words", "said"),
    [(["--size-max", "big"], "is not a size"), (["--needs", "a b"], "'a b' is no name")],
)
def test_wrong_usage_is_told(words: list[str], said: str) -> None:
    ended = run(*words)
    assert (ended.exit_code, said in ended.stderr) == (2, True)


def test_names_are_escaped(make_result: Callable[..., object]) -> None:
    record(9, megabytes=1, inventory=pack({"package": {"x": "\x1b[2J1"}}))
    assert "\x1b" not in run("--needs", "x").stdout
