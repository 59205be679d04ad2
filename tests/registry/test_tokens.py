"""Logins by token: what is sent where, and what never is."""

from __future__ import annotations

import contextlib
import json
import threading
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from certify.model.errors import ImageUnavailable
from certify.registry.client import Registry as Client
from certify.registry.tokens import IDENTITY, Login

DIGEST = f"sha256:{'a' * 64}"
PAIR = f"Basic {b64encode(b'me:secret').decode()}"


@dataclass
class Guarded:
    """A registry that asks for what its challenge says, and where its tokens come from."""

    port: int = 0
    challenge: str = 'Bearer realm="http://127.0.0.1:{port}/token",service="here"'
    answer: bytes = b'{"access_token": "given"}'
    moved: str = ""
    """Where requests for tokens are sent on to."""
    asked: list[tuple[str, dict[str, list[str]], str | None]] = field(default_factory=list)
    """Method, fields and login of every request for a token."""

    def digest(self, login: Login | None) -> str:
        with Client(f"127.0.0.1:{self.port}", lambda _host: login) as client:
            return client.digest("team/app", "1")


@contextlib.contextmanager
def guarding(guarded: Guarded) -> Iterator[Guarded]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            if self.headers.get("Authorization") in ("Bearer given", PAIR):
                self.reply(200, {"Docker-Content-Digest": DIGEST})
            else:
                challenge = guarded.challenge.format(port=guarded.port)
                self.reply(401, {"WWW-Authenticate": challenge})

        def do_GET(self) -> None:
            self.token(urlsplit(self.path).query)

        def do_POST(self) -> None:
            self.token(self.rfile.read(int(self.headers["Content-Length"])).decode())

        def token(self, fields: str) -> None:
            login = self.headers.get("Authorization")
            guarded.asked.append((self.command, parse_qs(fields), login))
            if guarded.moved and self.path.startswith("/token"):
                self.reply(307, {"Location": guarded.moved.format(port=guarded.port)})
            else:
                self.reply(200, {}, guarded.answer)

        def reply(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(body))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        guarded.port = int(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield guarded
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(("login", "sent"), [(("me", "secret"), PAIR), (None, None)])
def test_a_password_is_changed_for_a_token(login: Login | None, sent: str | None) -> None:
    with guarding(Guarded()) as guarded:
        assert guarded.digest(login) == DIGEST
    fields = {"service": ["here"], "scope": ["repository:team/app:pull"]}
    assert guarded.asked == [("GET", fields, sent)]


def test_an_identity_token_goes_in_a_form() -> None:
    with guarding(Guarded(answer=b'{"token": "given"}')) as guarded:
        assert guarded.digest((IDENTITY, "mine")) == DIGEST
    ((method, fields, login),) = guarded.asked
    assert (method, login) == ("POST", None)
    assert fields["grant_type"] == ["refresh_token"]
    assert fields["refresh_token"] == ["mine"]
    assert fields["service"] == ["here"]


def test_an_identity_token_is_not_sent_on() -> None:
    with guarding(Guarded(moved="http://127.0.0.1:{port}/elsewhere")) as guarded:
        with pytest.raises(ImageUnavailable):
            guarded.digest((IDENTITY, "mine"))
    assert len(guarded.asked) == 1


def test_the_scope_is_what_the_registry_says() -> None:
    challenge = Guarded.challenge + ',scope="repository:team/app:pull repository:base:pull"'
    with guarding(Guarded(challenge=challenge)) as guarded:
        assert guarded.digest(None) == DIGEST
    assert guarded.asked[0][1]["scope"] == ["repository:team/app:pull", "repository:base:pull"]


@pytest.mark.parametrize("challenge", ['Basic realm="here"', 'BASIC realm="a, b"'])
def test_a_password_alone(challenge: str) -> None:
    with guarding(Guarded(challenge=challenge)) as guarded:
        assert guarded.digest(("me", "secret")) == DIGEST
        for login, said in [
            (None, "asks for a login"),
            (("me", "wrong"), "refuses the login that Docker has"),
            ((IDENTITY, "mine"), "refuses the login that Docker has"),
        ]:
            with pytest.raises(ImageUnavailable, match=said):
                guarded.digest(login)
    assert guarded.asked == []


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"{}", "gives no token"),
        (b"[]", "gives no token"),
        (b'{"token": 3}', "gives no token"),
        (b"<html>", "does not find"),
        (json.dumps({"token": "x\r\nHost: evil"}).encode(), "does not find"),
    ],
)
def test_a_server_of_tokens_that_gives_none(answer: bytes, said: str) -> None:
    with guarding(Guarded(answer=answer)) as guarded:
        with pytest.raises(ImageUnavailable, match=said):
            guarded.digest(("me", "secret"))


@pytest.mark.parametrize(
    "challenge", ['Bearer realm="file:///etc/passwd"', 'Bearer service="x"', "Bearer", "\x1b[31m"]
)
def test_a_challenge_that_is_none(challenge: str) -> None:
    with guarding(Guarded(challenge=challenge)) as guarded:
        with pytest.raises(ImageUnavailable) as caught:
            guarded.digest(("me", "secret"))
    assert "\x1b" not in caught.value.message
    assert guarded.asked == []
