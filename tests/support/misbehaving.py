"""Web servers that misbehave on purpose, on an address of this machine, each in a thread."""

from __future__ import annotations

import contextlib
import ctypes
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import requests


@dataclass(frozen=True)
class Reply:
    """An answer of a server."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


MANIFESTS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
SILENCE = Reply(0)
"""No answer at all, on a connection that stays open."""
CLONE_NEWNET = 0x40000000  # sched.h
Answering = Callable[[str, str], Reply]
"""Returns the reply to a method and a path."""


def listening(namespace: Path | None, port: int = 80) -> socket.socket:
    """Return a socket that listens on loopback, or everywhere in another network namespace."""

    def make() -> socket.socket:
        if namespace is not None:
            with (
                namespace.open() as there
            ):  # for this thread only; the socket stays where it was made
                if ctypes.CDLL(None, use_errno=True).setns(there.fileno(), CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), f"cannot enter {namespace}")
        return socket.create_server(("127.0.0.1" if namespace is None else "", port), backlog=64)

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(make).result()


def forwarding(host: str, instead: Callable[[str, str], Reply | None]) -> Answering:
    """Return the answers of the server at ``host``, unless ``instead`` returns another one."""

    def answer(method: str, path: str) -> Reply:
        other = instead(method, path)
        if other is not None:
            return other
        accept = {"Accept": ", ".join(MANIFESTS)} if "/manifests/" in path else {}
        found = requests.request(
            method, f"http://{host}{path}", headers=accept, timeout=10, allow_redirects=False
        )
        kept = ("Content-Type", "Docker-Content-Digest", "Link", "Content-Length")
        told = {name: found.headers[name] for name in kept if name in found.headers}
        return Reply(found.status_code, found.content, told)

    return answer


@contextlib.contextmanager
def serving(answering: Answering, *, at: socket.socket | None = None) -> Iterator[int]:
    """Run a server and yield its port; close it and all its connections at the end."""
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            reply = answering(self.command, self.path)
            if reply is SILENCE:
                over.wait()
                self.close_connection = True
                return
            self.send_response(reply.status)
            for name, value in ({"Content-Length": str(len(reply.body))} | reply.headers).items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(reply.body)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            pass  # whoever asked has gone

    with Server(("", 0), Handler, bind_and_activate=False) as server:
        server.socket.close()
        server.socket = at or listening(None, 0)
        port = int(server.socket.getsockname()[1])
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield port
        finally:
            over.set()
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def writing(write: Callable[[Callable[[bytes], object]], None]) -> Iterator[int]:
    """Run a server that writes raw bytes as its answer; yield its port."""

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


@contextlib.contextmanager
def overheard(body: bytes = b"{}") -> Iterator[tuple[int, list[tuple[str, str | None]]]]:
    """Run a server that redirects all requests to localhost; yield its port and a record.

    The record holds the host and the ``Authorization`` of each request.
    """
    heard: list[tuple[str, str | None]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append((self.headers["Host"].split(":")[0], self.headers.get("Authorization")))
            here = heard[-1][0] == "localhost" or self.path == "/v2/"
            self.send_response(200 if here else 307)
            self.send_header("Location", f"http://localhost:{port}/x")
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        port = int(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield port, heard
        server.shutdown()
        thread.join()
