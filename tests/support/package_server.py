"""Package repositories over plain HTTP, on the address of the engine's bridge, with faults by path.

``http://HOST:PORT/broken/rpm`` answers every request with 503, and so on; see :data:`FAULTS`.
"""

from __future__ import annotations

import subprocess
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from pathlib import Path
from threading import Thread

from docker import DockerClient

PACKAGES = "certify-world/packages"
"""The image that holds the repositories."""
STATUSES = {"forbidden": 403, "gone": 404, "broken": 503}
SIGNERS = ("other", "expired")
"""Faults for which an index comes with a signature by another key than usual."""
FAULTS = (*STATUSES, *SIGNERS, "unsigned", "packages-broken", "slow")
SILENCE_SECONDS = 600


class _Handler(SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        fault, _, path = self.path.lstrip("/").partition("/")
        if fault in FAULTS:
            self.path = f"/{path}"
        if fault in STATUSES:
            return self.send_error(STATUSES[fault])
        if fault == "packages-broken" and path.endswith((".rpm", ".apk", ".pkg.tar.zst")):
            return self.send_error(503)
        if fault == "slow":
            time.sleep(SILENCE_SECONDS)
            return None
        if fault == "unsigned" and path.endswith((".asc", ".sig")):
            return self.send_error(404)
        if fault in FAULTS and Path(self.translate_path(f"/{path}.{fault}")).is_file():
            self.path = f"/{path}.{fault}"
        return super().do_GET()

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Ignore clients that hang up."""


def unpack(folder: Path) -> None:
    """Unpack the repositories of the image :data:`PACKAGES` into a folder."""
    made = subprocess.run(
        ["docker", "create", PACKAGES, "true"], check=True, capture_output=True, text=True
    ).stdout.strip()
    try:
        with subprocess.Popen(
            ["docker", "cp", f"{made}:/repo/.", "-"], stdout=subprocess.PIPE
        ) as cp:
            with tarfile.open(fileobj=cp.stdout, mode="r|") as archive:
                archive.extractall(folder, filter="data")
    finally:
        subprocess.run(["docker", "rm", made], check=True, capture_output=True)


def bridge(client: DockerClient) -> str:
    """Return the host's own address on the engine's bridge."""
    subnet = client.networks.get("bridge").attrs["IPAM"]["Config"][0]["Subnet"]
    return str(ip_network(subnet)[1])


@contextmanager
def serving(folder: Path, host: str, port: int = 0) -> Iterator[str]:
    """Serve a folder; yield the URL. Port 0 chooses a free one."""
    with _Server((host, port), partial(_Handler, directory=str(folder))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://{host}:{server.server_port}"
        finally:
            server.shutdown()
