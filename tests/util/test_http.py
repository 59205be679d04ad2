"""The bounded HTTP client: what it reads, where it follows, and which logins it sends.

Its limits of size and time are tested with the registry client, in test_transport.py.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from certify.util.http import Answer, BadStatus, HttpClient
from tests.support.misbehaving import Reply, overheard, serving, writing


@pytest.fixture
def netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Logins in ~/.netrc for all that answers here."""
    file = tmp_path / ".netrc"
    file.write_text(
        "".join(f"machine {host} login me password no\n" for host in ("127.0.0.1", "localhost"))
    )
    file.chmod(0o600)
    monkeypatch.setenv("NETRC", str(file))


@pytest.mark.usefixtures("netrc")
def test_no_login_comes_from_netrc_not_even_after_a_redirect() -> None:
    with overheard() as (port, heard), HttpClient(2) as client:
        client.request("GET", f"http://127.0.0.1:{port}/")
    assert heard == [("127.0.0.1", None), ("localhost", None)]


@pytest.mark.usefixtures("netrc")
def test_a_login_in_the_url_is_sent_to_that_host_only() -> None:
    login = f"Basic {b64encode(b'me:secret').decode()}"
    with overheard() as (port, heard), HttpClient(2) as client:
        client.request("GET", f"http://me:secret@127.0.0.1:{port}/")
    assert heard == [("127.0.0.1", login), ("localhost", None)]


def test_authorization_does_not_follow_a_redirect_to_another_host() -> None:
    with overheard() as (port, heard), HttpClient(2) as client:
        headers = {"Authorization": "Basic docker"}
        client.request("GET", f"http://127.0.0.1:{port}/", headers=headers)
    assert heard == [("127.0.0.1", "Basic docker"), ("localhost", None)]


def test_redirects_are_followed_only_so_often_or_not_at_all() -> None:
    asked: list[str] = []

    def around(_method: str, path: str) -> Reply:
        asked.append(path)
        return Reply(302, b"", {"Location": "/again"})

    with serving(around) as port, HttpClient(2) as client:
        assert client.request("GET", f"http://127.0.0.1:{port}/", redirects=0).status == 302
        assert asked == ["/"]
        with pytest.raises(requests.TooManyRedirects):
            client.request("GET", f"http://127.0.0.1:{port}/", redirects=3)
    assert len(asked) == 5


@pytest.mark.parametrize("redirects", [0, 5])
def test_the_body_of_a_redirect_is_not_read_without_limit(redirects: int) -> None:
    def endless(write: Callable[[bytes], object]) -> None:
        write(b"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n")
        while True:
            write(b" " * (1 << 16))

    with writing(endless) as port, HttpClient(2, largest=1 << 20) as client:
        with pytest.raises(requests.RequestException, match="larger than 1 MiB"):
            client.request("GET", f"http://127.0.0.1:{port}/", redirects=redirects)


@pytest.mark.parametrize(("method", "status"), [("GET", 200), ("POST", None)])
def test_a_connection_that_was_closed_is_opened_once_more_where_that_is_safe(
    method: str, status: int | None
) -> None:
    connections: list[int] = []

    def once(write: Callable[[bytes], object]) -> None:
        connections.append(1)
        if len(connections) > 1:
            write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with writing(once) as port, HttpClient(2) as client:
        url = f"http://127.0.0.1:{port}/"
        if status is None:
            with pytest.raises(requests.ConnectionError):
                client.request(method, url)
        else:
            assert client.request(method, url).status == status


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("", None),
        ('<?last=b>; rel="next"', "https://a.invalid/v2/list?last=b"),
        ('<https://b.invalid/x>; rel="next"', "https://b.invalid/x"),
        ('<?last=b>; rel="prev"', None),
    ],
)
def test_the_next_page_is_what_the_header_links_to(link: str, expected: str | None) -> None:
    answer = Answer(200, "https://a.invalid/v2/list", {"Link": link}, b"")
    assert answer.next_page == expected


@pytest.mark.parametrize("status", [199, 304, 404, 503])
def test_a_status_that_is_no_success_is_an_error(status: int) -> None:
    with pytest.raises(BadStatus, match=f"status {status} from https://a.invalid/"):
        Answer(status, "https://a.invalid/", {}, b"").checked()


def test_the_environment_is_read_once_for_each_server(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def proxies(url: str, no_proxy: object = None) -> dict[str, str]:
        asked.append(url)
        return {}

    monkeypatch.setattr("requests.sessions.get_environ_proxies", proxies)
    with HttpClient(1) as client:
        for path in ("a", "b", "c"):
            with pytest.raises(requests.ConnectionError):
                client.request("HEAD", f"http://127.0.0.1:9/{path}")
    assert asked == ["http://127.0.0.1:9/a"]


def test_a_head_request_after_the_first_does_without_requests(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heard: list[str] = []

    def reply(method: str, path: str) -> Reply:
        heard.append(f"{method} {path}")
        return Reply(302, b"", {"Location": "/c"}) if path == "/b" else Reply(404, b"")

    with serving(reply) as port, HttpClient(2) as client:
        base = f"http://127.0.0.1:{port}"
        assert client.request("HEAD", f"{base}/a").status == 404
        slow: list[str] = []
        send = client._session.request

        def spy(method: str, url: str, **more: object) -> requests.Response:
            slow.append(url.removeprefix(base))
            return send(method, url, **more)  # type: ignore[arg-type]

        monkeypatch.setattr(client._session, "request", spy)
        found = client.request("HEAD", f"{base}/b")
        assert (found.status, found.url) == (404, f"{base}/c")
        assert client.request("HEAD", f"{base}/x%20y").status == 404
        assert client.request("HEAD", f"{base}/d", params={"n": 1}).status == 404
    assert slow == ["/x%20y", "/d"], "those with something to quote"
    assert heard == ["HEAD /a", "HEAD /b", "HEAD /c", "HEAD /x%20y", "HEAD /d?n=1"]


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip"])
def test_an_encoding_without_bound_is_refused(encoding: str) -> None:
    reply = Reply(200, b"x", {"Content-Encoding": encoding})
    with serving(lambda *_: reply) as port, HttpClient(2) as client:
        with pytest.raises(requests.RequestException, match=f"encoded as {encoding}"):
            client.request("GET", f"http://127.0.0.1:{port}/")
