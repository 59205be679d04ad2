"""A Dask cluster on loopback: a scheduler and workers as processes, which speak TLS."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from distributed import Security

from tests.support.registries import free_port
from tests.support.waiting import eventually

_SETTING = "DASK_DISTRIBUTED__COMM__TLS__"


class Cluster:
    """A scheduler, and the workers that a test starts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.environment = os.environ | _tls(folder)
        self.address = f"tls://127.0.0.1:{free_port()}"
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Cluster:
        host, _, port = self.address.removeprefix("tls://").partition(":")
        words = ["--protocol", "tls", "--host", host, "--port", port, "--no-show"]
        self._start("scheduler", *words)
        return self

    def __exit__(self, *exc: object) -> None:
        for each in reversed(self._processes):
            each.terminate()
            each.wait(60)

    def worker(self, engine: str, slots: int = 1) -> subprocess.Popen[bytes]:
        """Start a worker that certifies so many images at a time on an engine; wait for neither."""
        words = ["--no-nanny", "--nthreads", str(slots), "--resources", f"docker={slots}"]
        words += ["--local-directory", str(self._folder), "--host", "127.0.0.1"]
        return self._start("worker", self.address, *words, DOCKER_HOST=engine)

    def said(self) -> str:
        """Return what all processes have logged."""
        logs = sorted(self._folder.glob("*.log"))
        return "\n".join(each.read_text("utf-8", "replace") for each in logs)

    def _start(self, what: str, *words: str, **more: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", "--no-dashboard", *words]
        with (self._folder / f"{what}-{len(self._processes)}.log").open("wb") as log:
            process = subprocess.Popen(
                command, env=self.environment | more, stdout=log, stderr=log, cwd=self._folder
            )
        self._processes.append(process)
        return process

    def wait_until_up(self) -> None:
        """Wait until all workers that were started have found the scheduler."""
        workers = len(self._processes) - 1
        eventually(lambda: self.said().count("Registered to:") == workers, seconds=60)


def _tls(folder: Path) -> dict[str, str]:
    """Return the settings for TLS with a certificate of this cluster's own."""
    made = Security.temporary()
    files = {"cert": str(made.tls_client_cert), "key": str(made.tls_client_key)}
    for name, text in files.items():
        (folder / f"{name}.pem").write_text(text)
    roles = [f"{role}__{name}" for role in ("SCHEDULER", "WORKER", "CLIENT") for name in files]
    paths = {each: folder / f"{each.rpartition('__')[2]}.pem" for each in roles}
    settings = {_SETTING + name.upper(): str(path) for name, path in paths.items()}
    return settings | {f"{_SETTING}CA_FILE": str(folder / "cert.pem")}
