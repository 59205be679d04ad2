"""How registries are asked: with what patience, how much of an answer, and with whose login."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from certify.model.errors import ImageUnavailable
from certify.registry import transport
from certify.registry.client import Registry as Client
from certify.registry.referrers import Referrers
from certify.util import http_limits
from tests.registry.test_client import anonymous, digest_through
from tests.support.misbehaving import SILENCE, Reply, serving, writing

DIGEST = f"sha256:{'a' * 64}"
FOUND = Reply(200, b"", {"Docker-Content-Digest": DIGEST})


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
        with pytest.raises(ImageUnavailable, match="it asks to wait 3600 s"):
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


def dripping(begin: bytes) -> Callable[[Callable[[bytes], object]], None]:
    """An answer that begins so, and goes on byte by byte for a minute."""

    def write(say: Callable[[bytes], object]) -> None:
        say(begin)
        for _ in range(1200):
            say(b"x")
            time.sleep(0.05)

    return write


def its_digest(client: Client) -> object:
    return client.digest("team/app", "1")


def its_repositories(client: Client) -> object:
    return list(client.repositories())


def its_tags(client: Client) -> object:
    return list(client.tags("team/app"))


def its_attachments(client: Client) -> object:
    return Referrers(client, "team/app").descriptors(DIGEST, "text/plain")


HEAD = b"HTTP/1.1 200 OK\r\nX-Slow: "
BODY = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10000\r\n"
WAITING = b"HTTP/1.1 100 Continue\r\n"


@pytest.mark.parametrize(
    ("begin", "asked"),
    [
        (HEAD, its_digest),
        (WAITING, its_digest),
        (HEAD, its_tags),
        (BODY, its_tags),
        (BODY, its_attachments),
        (CHUNKS, its_attachments),
    ],
)
def test_an_answer_that_comes_byte_by_byte_is_given_up(
    monkeypatch: pytest.MonkeyPatch, begin: bytes, asked: Callable[[Client], object]
) -> None:
    monkeypatch.setattr(http_limits, "LONGEST", 0.3)
    began = time.monotonic()
    with writing(dripping(begin)) as port:
        with Client(f"127.0.0.1:{port}", anonymous, timeout=2) as client:
            with pytest.raises(ImageUnavailable, match="no answer came in time"):
                asked(client)
    assert time.monotonic() - began < 10


def test_a_proxy_that_answers_byte_by_byte_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_limits, "LONGEST", 0.3)
    began = time.monotonic()
    with writing(dripping(b"HTTP/1.1 200 Yes\r\nX-Slow: ")) as port:
        for name in ("http_proxy", "https_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
        with Client("registry.invalid", anonymous, insecure=True, timeout=2) as client:
            with pytest.raises(ImageUnavailable, match="no answer came in time"):
                client.digest("team/app", "1")
    assert time.monotonic() - began < 10


def test_each_answer_on_a_kept_connection_has_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_limits, "LONGEST", 0.3)
    with serving(lambda _method, _path: FOUND) as port:
        with Client(f"127.0.0.1:{port}", anonymous, timeout=2) as client:
            for _ in range(5):
                assert client.digest("team/app", "1") == DIGEST
                time.sleep(0.1)


def test_a_list_may_take_its_time_but_not_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    clock = SimpleNamespace(monotonic=lambda: 100.0 * len(asked), sleep=time.sleep)
    monkeypatch.setattr(transport, "time", clock)

    def endless(_method: str, path: str) -> Reply:
        asked.append(path)
        body = b'{"repositories": ["a"], "manifests": []}'
        return Reply(200, body, {"Link": f'<{path}>; rel="next"'})

    with serving(endless) as port, Client(f"127.0.0.1:{port}", anonymous) as client:
        for its_list in (its_repositories, its_attachments):
            asked.clear()
            with pytest.raises(ImageUnavailable, match="its list does not end"):
                its_list(client)
            assert 1 < len(asked) < 10


@pytest.mark.parametrize("asked", [its_tags, its_attachments])
@pytest.mark.parametrize("link", ["<http://[>", "<http://[::1>", "<//[>"])
def test_a_next_page_that_is_nowhere_is_the_registrys_fault(
    link: str, asked: Callable[[Client], object]
) -> None:
    reply = Reply(200, b'{"tags": [], "manifests": []}', {"Link": f'{link}; rel="next"'})
    with serving(lambda _method, _path: reply) as port:
        with Client(f"127.0.0.1:{port}", anonymous) as client:
            with pytest.raises(ImageUnavailable):
                asked(client)


@pytest.mark.parametrize("told", ["nonsense", "sha256:abc", "\x1b[31m", "sha999:" + "0" * 64])
def test_a_digest_that_is_none_is_refused(told: str) -> None:
    reply = Reply(200, b"", {"Docker-Content-Digest": told})
    with serving(lambda _method, _path: reply) as port:
        with pytest.raises(ImageUnavailable, match="as the digest") as caught:
            digest_through(port)
    assert "\x1b" not in caught.value.message


def test_a_manifest_that_is_another_one_tells_nothing() -> None:
    body = json.dumps({"manifests": [{"digest": DIGEST}]}).encode()
    with serving(lambda _method, _path: Reply(200, body)) as port:
        with Client(f"127.0.0.1:{port}", anonymous) as client:
            with pytest.raises(ImageUnavailable, match="does not match the digest"):
                client.manifest_digests("team/app", DIGEST, "linux/amd64")
