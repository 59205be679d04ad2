"""A PostgreSQL server of Debian's package, in a temporary folder, for as long as tests run.

It runs as a user other than root, as PostgreSQL demands, and listens on a Unix socket alone.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from tests.support.waiting import frozen

USER = "nobody"
QUICK = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c shared_buffers=64MB"


def programs() -> Path | None:
    """Return the folder with the server's programs, of the newest version; None without any."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda each: each.parts[4])
    return found[-1].parent if found else None


@dataclass(frozen=True)
class Server:
    """A server that runs; each test gets a schema of its own in its one database."""

    folder: Path
    bin: Path

    @property
    def address(self) -> str:
        return f"postgresql://postgres@/postgres?host={self.folder}"

    def new_schema(self) -> str:
        """Return the address of a ledger in an empty schema."""
        name = f"t{uuid.uuid4().hex}"
        with psycopg.connect(self.address, autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {name}".encode())
        return f"{self.address}&options=-csearch_path%3D{name}"

    @property
    def pid(self) -> int:
        return int((self.folder / "data/postmaster.pid").read_text().split()[0])

    def start(self) -> None:
        self._run(
            "pg_ctl", *self._data(), "-w", "-s", "-l", str(self.folder / "log"),
            "-o", f"-k {self.folder} -c listen_addresses='' {QUICK}", "start",
        )  # fmt: skip

    def stop(self) -> None:
        self._run("pg_ctl", *self._data(), "-w", "-s", "-m", "fast", "stop")

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop all processes of the server, so that it keeps its connections and answers nothing.

        Those that serve connections are stopped too, and go on at the end.
        """
        listed = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self.pid)],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        with frozen(self.pid, *map(int, listed.stdout.split())):
            yield

    @contextmanager
    def ended_with_this_process(self) -> Iterator[None]:
        """Have the server stopped, and its folder removed, if the tests are killed meanwhile."""
        stop = shlex.join(self._command("pg_ctl", *self._data(), "-s", "-m", "immediate", "stop"))
        wait = f"tail --pid={os.getpid()} -f /dev/null"
        with subprocess.Popen(
            ["sh", "-c", f"{wait}; {stop}; rm -rf {self.folder}"],
            cwd="/", stdout=subprocess.DEVNULL, start_new_session=True,
        ) as watcher:  # fmt: skip
            try:
                yield
            finally:
                os.killpg(watcher.pid, signal.SIGTERM)

    def create(self) -> None:
        self._run(
            "initdb", *self._data(), "-U", "postgres", "-A", "trust", "-N",
            "--no-locale", "-E", "UTF8",
        )  # fmt: skip

    def _data(self) -> tuple[str, str]:
        return "-D", str(self.folder / "data")

    def _command(self, program: str, *arguments: str) -> list[str]:
        command = [str(self.bin / program), *arguments]
        if os.geteuid() == 0:
            command = ["setpriv", f"--reuid={USER}", "--clear-groups", *command]
        return command

    def _run(self, program: str, *arguments: str) -> None:
        command = self._command(program, *arguments)
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/")


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Server]:
    """The server of all tests; skips them where PostgreSQL is not installed."""
    with running() as found:
        if found is None:
            pytest.skip("PostgreSQL is not installed")
        yield found


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty ledger, on each kind of database."""
    if request.param == "SQLite":
        return str(tmp_path / "certify.db")
    found: Server = request.getfixturevalue("postgresql_server")
    return found.new_schema()


@contextmanager
def running() -> Iterator[Server | None]:
    """Run a server; None if PostgreSQL is not installed."""
    if (found := programs()) is None:
        yield None
        return
    folder = Path(tempfile.mkdtemp(prefix="certify-pg-", dir="/tmp"))  # a socket's path is short
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, USER)
        server = Server(folder, found)
        server.create()
        server.start()
        try:
            with server.ended_with_this_process():
                yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
