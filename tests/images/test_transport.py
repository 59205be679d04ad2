"""How registries are asked: with what patience, how much of an answer, and with whose login."""

from __future__ import annotations

import contextlib
import json
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from certify.errors import ImageUnavailable
from certify.images import transport
from certify.images.reference import Reference
from certify.images.registry import Registry as Client
from certify.images.registry import manifest_digest
from tests.images.test_registry import anonymous, digest_through
from tests.inconclusive.misbehaving import SILENCE, Reply, serving

DIGEST = f"sha256:{'a' * 64}"
FOUND = Reply(200, b"", {"Docker-Content-Digest": DIGEST})


@contextlib.contextmanager
def writing(write: Callable[[Callable[[bytes], object]], None]) -> Iterator[int]:
    """A server that writes whatever it likes for an answer; its port."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                write(self.wfile.write)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield int(server.server_address[1])
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("status", [429, 500, 503])
def test_trouble_that_passes_is_waited_out(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    monkeypatch.setattr(transport, "_PAUSES", (0, 0))
    replies = [Reply(status), Reply(status), FOUND]
    with serving(lambda _m, path: replies.pop(0) if "/manifests/" in path else Reply(200)) as port:
        assert digest_through(port) == DIGEST


def test_trouble_that_stays_is_the_registrys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "_PAUSES", (0, 0))
    asked: list[str] = []

    def broken(_method: str, path: str) -> Reply:
        asked.append(path)
        return Reply(502)

    with serving(broken) as port:
        with pytest.raises(ImageUnavailable, match="its own error 502"):
            digest_through(port)
    assert sum("/manifests/" in path for path in asked) == 3


def test_nobody_waits_for_an_hour() -> None:
    replies = [Reply(429, b"", {"Retry-After": "3600"})]
    with serving(lambda _m, path: replies.pop() if "/manifests/" in path else Reply(200)) as port:
        with pytest.raises(ImageUnavailable, match="to be left alone for 3600 s"):
            digest_through(port)
    assert replies == [], "it was asked once"


def test_pauses_come_to_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "PATIENCE", 0.1)
    monkeypatch.setattr(transport, "_PAUSES", (0.15,) * 9)
    asked: list[str] = []

    def busy(_method: str, path: str) -> Reply:
        asked.append(path)
        return Reply(429)

    with serving(busy) as port:
        with Client(f"127.0.0.1:{port}", anonymous, timeout=2) as client:
            for tag in "12":
                with pytest.raises(ImageUnavailable, match="limit of requests"):
                    client.digest("team/app", tag)
    assert sum("/manifests/1" in path for path in asked) == 2
    assert sum("/manifests/2" in path for path in asked) == 1, "all patience is used up"


def test_one_that_is_silent_is_not_asked_for_each_tag() -> None:
    asked: list[str] = []

    def silent(_method: str, path: str) -> Reply:
        asked.append(path)
        return SILENCE if "/manifests/" in path else Reply(200)

    with serving(silent) as port:
        with Client(f"127.0.0.1:{port}", anonymous, timeout=0.2) as client:
            for tag in range(20):
                with pytest.raises(ImageUnavailable, match="no answer came in time"):
                    client.digest("team/app", str(tag))
    assert sum("/manifests/" in path for path in asked) == transport.SILENCES


def test_an_answer_without_end_is_not_read_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "LARGEST", 1 << 20)

    def endless(write: Callable[[bytes], object]) -> None:
        write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            write(b" " * (1 << 16))

    with writing(endless) as port:
        with Client(f"127.0.0.1:{port}", anonymous) as client:
            with pytest.raises(ImageUnavailable, match="larger than 1 MiB"):
                list(client.repositories())


def test_an_answer_that_comes_byte_by_byte_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "LONGEST", 0.3)

    def slow(write: Callable[[bytes], object]) -> None:
        write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while True:
            write(b" ")
            time.sleep(0.02)

    with writing(slow) as port:
        with Client(f"127.0.0.1:{port}", anonymous) as client:
            with pytest.raises(ImageUnavailable, match=r"did not end within 0\.3 s"):
                list(client.repositories())


@pytest.mark.parametrize("told", ["nonsense", "sha256:abc", "\x1b[31m", "sha999:" + "0" * 64])
def test_a_digest_that_is_none_is_refused(told: str) -> None:
    reply = Reply(200, b"", {"Docker-Content-Digest": told})
    with serving(lambda _method, _path: reply) as port:
        with pytest.raises(ImageUnavailable, match="the digest of team/app:1") as caught:
            digest_through(port)
    assert "\x1b" not in caught.value.message


def test_a_manifest_that_is_another_one_tells_nothing() -> None:
    body = json.dumps({"manifests": [{"digest": DIGEST}]}).encode()
    with serving(lambda _method, _path: Reply(200, body)) as port:
        host = f"127.0.0.1:{port}"
        with Client(host, anonymous) as client:
            with pytest.raises(ImageUnavailable, match="something else than the digest says"):
                client.manifest_digest("team/app", DIGEST, "linux/amd64")
        reference = Reference.parse(f"{host}/team/app:1")
        assert manifest_digest(Client(host, anonymous), reference, DIGEST, "linux/amd64") is None


def test_no_login_comes_from_netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login somebody password secret\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    logins: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            logins.append(self.headers.get("Authorization"))
            self.send_response(404)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        with pytest.raises(ImageUnavailable, match="no such thing"):
            digest_through(int(server.server_address[1]))
        server.shutdown()
        thread.join()
    assert logins == [None]
