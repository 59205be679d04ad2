"""Ledgers that cannot be used: every command ends with exit 3 and one clear message."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NoReturn

import psycopg
import pytest
from click.testing import CliRunner, Result

from certify.cli.main import COMMANDS, main
from certify.engine.client import Engine
from certify.ledger.store import Ledger
from certify.model.errors import EngineUnavailable
from tests.conftest import Certify
from tests.factories import a_certificate, digest
from tests.support.postgresql import Server

READERS = {
    "matrix": ["matrix"],
    "report": ["report"],
    "history": ["history", "debian:12"],
    "diff": ["diff"],
    "reproduce": ["reproduce", "debian:12"],
    "publish": ["publish", "--unsigned"],
    "forget": ["forget", "debian:12"],
    "prune": ["prune", "--keep", "3"],
    "suggest": ["suggest"],
}
WRITERS = {
    "run": ["run", "debian:12"],
    "sweep": ["sweep", "images.txt"],
    "fix": ["fix", "debian:12"],
    "revoke": ["revoke", f"debian@{digest(1)}", "--reason", "a miner", "--unsigned"],
}
ALL = READERS | WRITERS


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "images.txt").write_text("debian:12\n")
    return tmp_path


def run(command: str, *ledger: str) -> Result:
    return CliRunner().invoke(main, [*ALL[command], *ledger])


def no_database(path: Path) -> str:
    path.write_text("remember the milk\n" * 1000)
    return "is not a database"


def damaged(path: Path) -> str:
    with Ledger.open(str(path)) as ledger:
        ledger.record(a_certificate())
    raw = path.read_bytes()
    path.write_bytes(raw[:4096] + b"\xff" * (len(raw) - 4096))
    return "malformed"


def a_folder(path: Path) -> str:
    path.mkdir()
    return "is a folder, not a ledger"


def newer(path: Path) -> str:
    Ledger.open(str(path)).close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE certify_schema SET version = 99")
    return "was written by a newer certify"


def foreign(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    return "is not certify's"


def unreadable(path: Path) -> str:
    path.symlink_to("/proc/self/mem")  # even root cannot read its beginning
    return "cannot be used: disk I/O error"


def test_every_command_with_a_ledger_is_tested() -> None:
    with_ledger = {
        name
        for name in COMMANDS
        if any(option.name == "ledger" for option in COMMANDS[name].params)
    }
    assert with_ledger == ALL.keys()


@pytest.mark.parametrize("command", ALL)
@pytest.mark.parametrize("make", [no_database, damaged, a_folder, newer, foreign, unreadable])
def test_trouble_with_a_ledger_is_exit_3(
    folder: Path, command: str, make: Callable[[Path], str]
) -> None:
    message = make(folder / "mine.db")
    ended = run(command, "--ledger", "mine.db")
    assert (ended.exit_code, ended.stdout) == (3, ""), ended.output
    problem, remedy = ended.stderr.splitlines()
    assert problem.startswith("certify: ")
    assert message in problem
    assert remedy.startswith("  ")


@pytest.mark.parametrize("command", ALL)
def test_the_ledger_in_the_reports_folder_is_no_exception(
    folder: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none() -> NoReturn:
        raise EngineUnavailable("none is there")  # docker-py would leave a socket open

    monkeypatch.setattr(Engine, "connect", none)
    (folder / "reports").mkdir()
    message = no_database(folder / "reports" / "certify.db")
    ended = run(command)
    assert (ended.exit_code, ended.stdout) == (3, ""), ended.output
    assert message in ended.stderr


@pytest.mark.parametrize("command", ALL)
@pytest.mark.parametrize("url", ["nosuchthing://host/db", "postgresql://host:port/db"])
def test_an_address_of_no_ledger_is_wrong_usage(command: str, url: str) -> None:
    ended = run(command, "--ledger", url)
    assert (ended.exit_code, ended.stdout) == (2, ""), ended.output
    assert ended.stderr.startswith("certify: not the address of a ledger: ")


@pytest.mark.parametrize("command", READERS)
def test_reading_creates_no_ledger(folder: Path, command: str) -> None:
    ended = run(command)
    assert (ended.exit_code, ended.stdout) == (3, ""), ended.output
    assert ended.stderr.startswith(
        "certify: Nothing is recorded yet: there is no reports/certify.db."
    )
    assert [path.name for path in folder.iterdir()] == ["images.txt"]


@pytest.fixture(scope="module")
def locked(postgresql_server: Server) -> str:
    """The address, without the password ``hush``, of a database that asks one user for it."""
    with psycopg.connect(postgresql_server.address, autocommit=True) as connection:
        connection.execute("CREATE ROLE keeper LOGIN SUPERUSER PASSWORD 'hush'")
        rules = postgresql_server.folder / "data" / "pg_hba.conf"
        rules.write_text(f"local all keeper scram-sha-256\n{rules.read_text()}")
        connection.execute("SELECT pg_reload_conf()")
    return f"postgresql://keeper@/postgres?host={postgresql_server.folder}"


@pytest.mark.parametrize("place", ["nowhere", "PGPASSWORD", "PGPASSFILE", "CERTIFY_LEDGER", "file"])
def test_the_password_of_a_ledger_need_not_stand_in_a_command_line(
    certify: Certify, tmp_path: Path, locked: str, place: str
) -> None:
    whole = locked.replace("keeper@", "keeper:hush@")
    variables = {"CERTIFY_LEDGER": locked}
    if place == "PGPASSWORD":
        variables[place] = "hush"
    elif place == "PGPASSFILE":
        (tmp_path / "pgpass").write_text("*:*:*:keeper:hush\n")
        (tmp_path / "pgpass").chmod(0o600)
        variables[place] = str(tmp_path / "pgpass")
    elif place == "CERTIFY_LEDGER":
        variables[place] = whole
    elif place == "file":
        (tmp_path / "certify.toml").write_text(f'ledger = "{whole}"\n')
        del variables["CERTIFY_LEDGER"]
    ended = certify("matrix", **variables)
    assert ended.code == (3 if place == "nowhere" else 0), ended.err
    assert ("cannot be used" in ended.err) == (place == "nowhere")
    assert "hush" not in ended.out + ended.err
