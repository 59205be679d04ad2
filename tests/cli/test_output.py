"""``--format json``: on every command that prints, and nothing but JSON on standard output."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from certify.cli.main import main
from certify.cli.output import print_json
from certify.ledger.changes import sweep_entry
from certify.ledger.lines import written
from certify.ledger.store import Ledger
from certify.model.result import Launch
from certify.model.terms import Status
from tests.conftest import Certify, command
from tests.factories import a_certificate, a_list, digest, raw_list
from tests.support.terminals import on_terminal

PIN = f"registry.invalid/team/app@{digest(1)}"
REPORTS_PAGE = Path(__file__).parents[2] / "docs" / "reports.md"
NEED_AN_ENGINE = {"clean", "fix", "sweep"}
"""Tests on a real engine show their JSON: test_clean.py, and test_fix.py and test_sweep.py of
the stories."""
COMMANDS: dict[str, tuple[list[str], int, str]] = {
    "run": (["a:1"], 3, "certify/report/v1"),
    "matrix": ([], 0, "certify/matrix/v1"),
    "report": ([], 0, "certify/reports/v1"),
    "history": (["registry.invalid/team/app:1"], 0, "certify/report/v1"),
    "diff": ([], 0, "certify/diff/v1"),
    "suggest": (["--needs", "nothing-has-it"], 1, "certify/suggest/v1"),
    "ledger export": (["ledger.jsonl"], 0, "certify/exchange/v1"),
    "ledger import": (["export.jsonl"], 0, "certify/exchange/v1"),
    "ledger merge": (["reports/certify.db"], 0, "certify/report/v1"),
    "publish": ([], 0, "certify/publication/v1"),
    "verify": ([PIN, "--approved", "list.json"], 1, "certify/verification/v1"),
    "revoke": ([PIN, "--reason", "a miner"], 0, "certify/revocation/v1"),
    "keys new": (["--no-passphrase"], 0, "certify/key/v1"),
    "keys show": (["team.pub"], 0, "certify/key/v1"),
    "schedule": (["systemd"], 0, "certify/schedule/v1"),
    "checks": ([], 0, "certify/checks/v1"),
    "profiles": ([], 0, "certify/profiles/v1"),
    "doctor": ([], 3, "certify/doctor/v1"),
    "reproduce": (["registry.invalid/team/app:1"], 0, "certify/reproduce/v1"),
    "forget": (["registry.invalid/team/app:1"], 0, "certify/forget/v1"),
    "prune": (["--keep", "1"], 0, "certify/prune/v1"),
    "settings": ([], 0, "certify/settings/v1"),
    "help": (["run"], 0, "certify/help/v1"),
    "completion": (["bash"], 0, "certify/completion/v1"),
}
"""Arguments, exit code and schema of every other command."""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a ledger, two sweeps, a list and a key, to be copied."""
    folder = tmp_path_factory.mktemp("prepared")
    with Ledger.open(str(folder / "reports/certify.db")) as ledger:
        launch = Launch(kind="idle", isolation="caps", reproduce="docker run -di team/app:1")
        ledger.record(a_certificate(launch=launch))
        for status in (Status.CERTIFIED, Status.REJECTED):
            number = ledger.sweeps.begin("images.txt", "host/1/1", lambda _: True)
            ledger.sweeps.finish(number, [sweep_entry(a_certificate(status=status))])
        (folder / "export.jsonl").write_text("".join(written(ledger.exchange.fields())))
    (folder / "list.json").write_bytes(raw_list(a_list()))
    CliRunner().invoke(main, ["keys", "new", "--out", str(folder / "team"), "--no-passphrase"])
    return folder


def commands(group: click.Group, prefix: str = "") -> Iterator[str]:
    """Yield the names of all commands, subcommands included."""
    for name in group.commands:
        command = group.commands[name]
        if isinstance(command, click.Group):
            yield from commands(command, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}"


RunJson = Callable[[str], tuple[int, Any]]


@pytest.fixture
def run_json(
    certify: Certify, prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> RunJson:
    """Return a function that runs a command of the table in a copy of the prepared folder."""
    shutil.copytree(prepared, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)

    def run(name: str) -> tuple[int, Any]:
        ended = certify(*name.split(), *COMMANDS[name][0], "--format", "json")
        return ended.code, ended.json()

    return run


def test_every_command_has_it() -> None:
    assert set(commands(main)) == COMMANDS.keys() | NEED_AN_ENGINE


@pytest.mark.parametrize("name", COMMANDS)
def test_standard_output_is_one_json_object(name: str, run_json: RunJson) -> None:
    code, found = run_json(name)
    _, expected, schema = COMMANDS[name]
    assert (code, found["schema"]) == (expected, schema)
    assert next(iter(found)) == "schema"


@pytest.mark.parametrize("name", [*COMMANDS, *sorted(NEED_AN_ENGINE)])
def test_help_and_the_page_of_reports_name_the_schema(name: str) -> None:
    shown = CliRunner().invoke(main, [*name.split(), "--help"]).output
    schemas = re.findall(r"certify/[a-z]+/v1", "".join(shown.split()))
    assert schemas
    rows = [line for line in REPORTS_PAGE.read_text("utf-8").splitlines() if f"`{name}`" in line]
    assert all(any(f"`{schema}`" in row for row in rows) for schema in schemas), rows


def test_the_object_has_the_facts_of_the_text(run_json: RunJson) -> None:
    assert run_json("schedule")[1]["files"].keys() == {
        "certify-sweep.service", "certify-sweep.timer",
    }  # fmt: skip
    assert run_json("diff")[1]["changes"][0]["kind"] == "newly broken"
    assert run_json("report")[1]["images_written"] == 1
    shown = run_json("keys show")[1]
    assert shown["public_key"] == Path("team.pub").read_text()
    made = run_json("keys new")[1]
    assert (made["private_file"], made["encrypted"]) == ("certify.key", False)
    assert Path(made["public_file"]).read_text() == made["public_key"]
    assert run_json("publish")[1]["approved"] == 1
    revoked = run_json("revoke")[1]
    assert (revoked["pin"], revoked["reason"], revoked["lifted"]) == (PIN, "a miner", False)
    assert revoked["publication"]["revoked"] == 1


def test_invisible_characters_are_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    print_json("certify/x/v1", {"text": "\x1b[31m\u202e"})
    text = capsys.readouterr().out
    assert text.isascii()
    assert json.loads(text) == {"schema": "certify/x/v1", "text": "\x1b[31m\u202e"}


def test_errors_break_between_words_on_a_terminal(tmp_path: Path) -> None:
    words = ("run", "--memory", "x", "debian")
    shown = on_terminal(command(*words), tmp_path, columns=60)
    assert shown.code == 2
    assert len(shown.last) > 3
    text = " ".join(line.strip() for line in shown.last)
    assert "'x' is not a size; expected for example 512m or 4g `certify run --help`" in text
    piped = subprocess.run(command(*words), capture_output=True, text=True, check=False)
    assert len(piped.stderr.splitlines()) == 2
