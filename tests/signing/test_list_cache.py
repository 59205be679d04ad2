"""What a web server sent is kept, asked for again by its validators, and never trusted blindly."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from certify.model.errors import ListUnavailable
from certify.signing import list_cache
from certify.signing.list_cache import find, forget, keep
from certify.signing.list_reader import read_list
from tests.factories import a_list, raw_list

URL = "https://me:secret@lists.invalid/approved-images.json"
TAG = {"ETag": '"1"'}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "certify" / "lists"


def content(url: str = URL) -> bytes | None:
    kept = find(url)
    return kept.content() if kept else None


def test_one_private_file_for_a_url_without_its_password(folder: Path) -> None:
    keep(URL, TAG, b"old\nlist")
    keep(URL, {"ETag": '"2"'}, b"\nnew")
    (file,) = folder.iterdir()
    assert "secret" not in file.name
    assert b"secret" not in file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    kept = find(URL)
    assert kept is not None
    assert (kept.validators, kept.content()) == ({"If-None-Match": '"2"'}, b"\nnew")
    assert find(f"{URL}?") is None
    forget(URL)
    assert (content(), list(folder.iterdir())) == (None, [])


@pytest.mark.parametrize(
    ("headers", "validators"),
    [
        ({}, None),
        (TAG | {"Cache-Control": "No-Store"}, None),
        ({"ETag": "x" * 5000}, None),
        ({"Last-Modified": "Mon, 01 Jun 2026 10:00:00 GMT"}, None),
        ({"Last-Modified": "yesterday", "Date": "today"}, None),
        (
            {"Last-Modified": "Mon, 01 Jun 2026 10:00:00 GMT",
             "Date": "Mon, 01 Jun 2026 10:00:00 GMT"},
            None,
        ),
        (
            {"Last-Modified": "Mon, 01 Jun 2026 10:00:00 GMT",
             "Date": "Mon, 01 Jun 2026 10:00:01 GMT"},
            {"If-Modified-Since": "Mon, 01 Jun 2026 10:00:00 GMT"},
        ),
    ],
)  # fmt: skip
def test_what_has_no_validator_is_not_kept(
    headers: dict[str, str], validators: dict[str, str] | None
) -> None:
    keep(URL, TAG, b"old")
    keep(URL, headers, b"new")
    kept = find(URL)
    assert (kept and kept.validators) == validators


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"\n", b"[]\n", b"{}\n", b"\xff\n", b'{"validators": [], "checksum": 0}\n',
        b'{"validators": {}, "checksum": "x"}\n', b'{"validators": {}, "checksum": 1}\nabc',
        b"[" * 5000,
    ],
)  # fmt: skip
def test_a_broken_file_is_none(raw: bytes, folder: Path) -> None:
    keep(URL, TAG, b"good")
    (file,) = folder.iterdir()
    file.write_bytes(raw)
    assert content() is None
    keep(URL, TAG, b"good")
    file.write_bytes(file.read_bytes()[:-1])
    assert content() is None, "torn"
    keep(URL, TAG, b"good")
    assert content() == b"good"


def test_a_file_replaced_meanwhile_is_none() -> None:
    keep(URL, TAG, b"old")
    kept = find(URL)
    keep(URL, {"ETag": '"2"'}, b"old")
    assert kept is not None
    assert kept.content() is None


def test_what_others_can_write_is_none(folder: Path) -> None:
    keep(URL, TAG, b"good")
    (file,) = folder.iterdir()
    file.chmod(0o602)
    assert content() is None
    file.chmod(0o600)
    folder.chmod(0o770)
    assert content() is None
    file.unlink()
    keep(URL, TAG, b"good")
    assert list(folder.iterdir()) == []


def test_a_link_a_pipe_and_another_users_file_are_none(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(URL, TAG, b"good")
    (file,) = folder.iterdir()
    file.rename(tmp_path / "else")
    file.symlink_to(tmp_path / "else")
    assert content() is None
    file.unlink()
    os.mkfifo(file, 0o600)
    assert content() is None
    keep(URL, TAG, b"good")
    assert content() == b"good"
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    assert content() is None
    file.unlink()
    keep(URL, TAG, b"good")
    assert list(folder.iterdir()) == []


def test_without_a_folder_to_write_nothing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "certify").write_text("no folder")
    keep(URL, TAG, b"good")
    assert content() is None

    def homeless() -> Path:
        raise RuntimeError

    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setattr(Path, "home", homeless)
    keep(URL, TAG, b"good")
    assert content() is None
    forget(URL)


def test_only_so_many_files_are_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(list_cache, "MOST", 3)
    for number in range(5):
        keep(f"{URL}?signature={number}", TAG, b"good")
        for file in folder.iterdir():
            os.utime(file, (0, file.stat().st_mtime - 1000))
    assert len(list(folder.iterdir())) == 3
    assert content(f"{URL}?signature=4") == b"good"


class Site:
    """What a web server does with one list: it counts its answers, and can lie."""

    def __init__(self) -> None:
        self.raw = raw_list(a_list(sequence=1))
        self.headers = {"ETag": '"1"'}
        self.always_304 = False
        self.statuses: list[int] = []
        self.sent = 0


@pytest.fixture
def site() -> Iterator[tuple[Site, str]]:
    found = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            same = self.headers["If-None-Match"] == found.headers.get("ETag", "none")
            status, body = (304, b"") if found.always_304 or same else (200, found.raw)
            found.statuses.append(status)
            found.sent += len(body)
            self.send_response(status)
            for name, value in found.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing is logged."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield found, f"http://127.0.0.1:{server.server_port}/approved-images.json"
        server.shutdown()
        thread.join()


def number(url: str) -> int:
    return read_list(url, None).head.sequence


def test_an_unchanged_list_is_not_sent_again(site: tuple[Site, str]) -> None:
    server, url = site
    assert [number(url) for _ in range(3)] == [1, 1, 1]
    assert (server.statuses, server.sent) == ([200, 304, 304], len(server.raw))
    server.raw, server.headers = raw_list(a_list(sequence=2)), {"ETag": '"2"'}
    assert [number(url) for _ in range(2)] == [2, 2]
    assert server.statuses == [200, 304, 304, 200, 304]


def test_a_broken_copy_is_sent_again(site: tuple[Site, str], folder: Path) -> None:
    server, url = site
    number(url)
    (file,) = folder.iterdir()
    file.write_bytes(file.read_bytes().replace(b'"sequence": 1', b'"sequence": 9'))
    assert number(url) == 1
    assert server.statuses == [200, 304, 200]
    assert number(url) == 1
    assert server.statuses == [200, 304, 200, 304]


def test_a_server_that_says_unchanged_of_what_it_never_sent(
    site: tuple[Site, str], folder: Path
) -> None:
    server, url = site
    server.always_304 = True
    with pytest.raises(ListUnavailable, match="answers with status 304"):
        number(url)
    server.always_304 = False
    number(url)
    (file,) = folder.iterdir()
    file.write_bytes(b"broken" + file.read_bytes())
    server.always_304 = True
    with pytest.raises(ListUnavailable, match="answers with status 304"):
        number(url)


def test_what_was_refused_is_not_kept(site: tuple[Site, str], folder: Path) -> None:
    server, url = site
    server.raw = b"{}"
    with pytest.raises(ListUnavailable, match="it is no certify/approved/v1"):
        number(url)
    assert list(folder.iterdir()) == []
    server.raw = raw_list(a_list(sequence=3))
    assert number(url) == 3, "under the same ETag"


def test_a_server_without_validators_sends_it_each_time(
    site: tuple[Site, str], folder: Path
) -> None:
    server, url = site
    server.headers = {}
    assert [number(url), number(url)] == [1, 1]
    assert (server.statuses, folder.exists()) == ([200, 200], False)
