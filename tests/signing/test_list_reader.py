"""Lists from files and web servers: whole, bounded, believed only if signed, never an older one."""

from __future__ import annotations

import gzip
import http.server
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from certify.model.approved import ApprovedList
from certify.model.errors import ListUnavailable, NotBelieved, UsageError
from certify.signing import list_reader
from certify.signing.attestations import Signer
from certify.signing.keys import read_public
from certify.signing.list_reader import check_location, read_list, signature_location
from tests.factories import a_list, digest_of, raw_list
from tests.support.keys import MakePair, private_key

NAME = "approved-images.json"


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture(scope="module")
def keys(make_pair: MakePair) -> tuple[Path, Path]:
    return make_pair()


Publish = Callable[[ApprovedList], Path]


@pytest.fixture
def publish(tmp_path: Path, keys: tuple[Path, Path]) -> Publish:
    """Writes a list and its signature into a folder that can be served."""

    def write(listed: ApprovedList) -> Path:
        folder = tmp_path / "site"
        folder.mkdir(exist_ok=True)
        raw = raw_list(listed)
        name, signature = Signer(private_key(keys[0]), lambda _: None).sign_list(
            digest_of(raw), listed, NAME
        )
        (folder / NAME).write_bytes(raw)
        (folder / name).write_bytes(signature)
        return folder / NAME

    return write


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files, and misbehaves where a path asks for it."""

    def do_GET(self) -> None:
        if self.path == "/moved.json":
            self.send_response(302)
            self.send_header("Location", "/approved-images.json")
            self.end_headers()
        elif self.path == "/torn.json":
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b"{}")
        elif self.path == "/encoded.json":
            assert self.headers["Accept-Encoding"] == "gzip"
            self.send_response(200)
            self.send_header("Content-Encoding", "gzip")
            self.end_headers()
            self.wfile.write(gzip.compress(Path(self.translate_path(NAME)).read_bytes()))
        elif self.path == "/broken.json":
            self.send_error(503)
        else:
            super().do_GET()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is logged."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "site").mkdir()
    handler = partial(Quiet, directory=str(tmp_path / "site"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_the_signature_lies_beside_the_list() -> None:
    assert signature_location("/a/approved-images.json") == "/a/approved-images.sigstore.json"
    assert signature_location("https://h/l.json?v=1") == "https://h/l.sigstore.json?v=1"
    assert signature_location("/a/b") == "/a/b.sigstore.json"
    assert signature_location("/a/l.json.gz") == "/a/l.sigstore.json"
    assert signature_location("https://h/l.json.gz?v=1") == "https://h/l.sigstore.json?v=1"
    assert signature_location("/a/b.gz") == "/a/b.gz.sigstore.json"


def test_a_signed_list_from_a_file_and_from_a_server(
    publish: Publish, site: str, keys: tuple[Path, Path]
) -> None:
    path = publish(a_list(sequence=11))
    key = read_public(keys[1])
    for place in (str(path), f"{site}/{NAME}"):
        assert read_list(place, key).head.sequence == 11
        assert len(read_list(place, None).images) == 1


def test_each_doubt_has_its_own_reason(
    publish: Publish, keys: tuple[Path, Path], make_pair: MakePair
) -> None:
    key = read_public(keys[1])
    path = publish(a_list(sequence=1))
    first = path.read_bytes()
    publish(a_list(sequence=2))
    path.write_bytes(first)
    with pytest.raises(NotBelieved, match="not the one that was signed"):
        read_list(str(path), key)
    publish(a_list())
    with pytest.raises(NotBelieved, match="signed with another key"):
        read_list(str(path), read_public(make_pair()[1]))
    signature = path.with_name("approved-images.sigstore.json")
    signature.write_text("{}")
    with pytest.raises(NotBelieved, match="no Sigstore bundle"):
        read_list(str(path), key)
    signature.unlink()
    with pytest.raises(NotBelieved, match="is not signed, but a key was given"):
        read_list(str(path), key)


def test_a_certificates_signature_does_not_sign_a_list(
    publish: Publish, keys: tuple[Path, Path]
) -> None:
    from certify.signing.envelope import sign
    from certify.signing.statements import result_statement
    from tests.factories import a_certificate

    path = publish(a_list())
    statement = result_statement(a_certificate())
    assert statement is not None
    signature = path.with_name("approved-images.sigstore.json")
    signature.write_bytes(sign(statement, private_key(keys[0])))
    with pytest.raises(NotBelieved, match="states something else"):
        read_list(str(path), read_public(keys[1]))


def test_a_list_published_between_the_two_reads_is_read_again(
    publish: Publish, keys: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = publish(a_list(sequence=1))
    read = list_reader._read
    asked: list[str] = []

    def read_and_publish(place: str) -> bytes | None:
        found = read(place)
        if not asked:
            publish(a_list(sequence=2))
        asked.append(place)
        return found

    monkeypatch.setattr(list_reader, "_read", read_and_publish)
    assert read_list(str(path), read_public(keys[1])).head.sequence == 2
    assert len(asked) == 4


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("none.json", "there is no list at"),
        ("moved.json", "answers with status 302"),
        ("broken.json", "answers with status 503"),
        ("torn.json", "cannot be read"),
    ],
)
def test_a_server_that_does_not_give_a_list(site: str, page: str, said: str) -> None:
    with pytest.raises(ListUnavailable, match=said):
        read_list(f"{site}/{page}", None)


@pytest.mark.parametrize(
    "place", ["http://127.0.0.1:1/x.json", "https://nowhere.invalid/x.json", "http://[::1/x.json"]
)
def test_a_server_that_is_not_there(place: str) -> None:
    with pytest.raises(ListUnavailable, match="cannot be read"):
        read_list(place, None)


def test_no_proxy_is_asked_for_a_list_on_this_machine(
    publish: Publish, site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(a_list())
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")
    assert read_list(f"{site}/{NAME}", None).head.sequence == 7


def test_a_list_too_large_is_not_taken(
    site: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(list_reader, "LARGEST", 1 << 20)
    path = tmp_path / "site" / "large.json"
    path.write_bytes(b" " * ((1 << 20) + 1))
    for place in (str(path), f"{site}/large.json"):
        with pytest.raises(ListUnavailable, match="larger than 1 MiB"):
            read_list(place, None)


def test_a_compressed_list_has_the_signature_of_its_text(
    publish: Publish, site: str, keys: tuple[Path, Path]
) -> None:
    path = publish(a_list(sequence=12))
    packed = path.with_name(f"{NAME}.gz")
    packed.write_bytes(gzip.compress(path.read_bytes(), mtime=0))
    path.unlink()
    key = read_public(keys[1])
    for place in (str(packed), f"{site}/{NAME}.gz"):
        assert read_list(place, key).head.sequence == 12
    publish(a_list(sequence=13))
    with pytest.raises(NotBelieved, match="not the one that was signed"):
        read_list(str(packed), key)


def test_a_server_may_compress_what_it_sends(publish: Publish, site: str) -> None:
    publish(a_list(sequence=14))
    assert read_list(f"{site}/encoded.json", None).head.sequence == 14


TEXT = raw_list(a_list())
PACKED = gzip.compress(TEXT, mtime=0)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (PACKED[:2], "its end is missing"),
        (PACKED[:-1], "its end is missing"),
        (PACKED[: len(PACKED) // 2], "its end is missing"),
        (PACKED + b"more", "something follows its end"),
        (PACKED + PACKED, "something follows its end"),
        (PACKED[:-8] + bytes(8), "incorrect data check"),
        (b"\x1f\x8bno gzip at all", "cannot be unpacked"),
        (gzip.compress(PACKED, mtime=0), "it is no certify/approved/v1"),
        (gzip.compress(b"", mtime=0), "it is no certify/approved/v1"),
    ],
)
def test_what_is_not_a_whole_compressed_list_is_none(
    raw: bytes, said: str, publish: Publish, site: str
) -> None:
    path = publish(a_list()).with_name("packed.json.gz")
    path.write_bytes(raw)
    for place in (str(path), f"{site}/{path.name}"):
        with pytest.raises(ListUnavailable, match=said):
            read_list(place, None)


def test_a_small_file_does_not_become_a_large_list(
    site: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(list_reader, "LARGEST", 1 << 20)
    path = tmp_path / "site" / NAME
    bomb = gzip.compress(bytes(64 << 20), 9, mtime=0)
    path.write_bytes(bomb)
    for place in (str(path), f"{site}/{NAME}"):
        tracemalloc.start()
        with pytest.raises(ListUnavailable, match="larger than 1 MiB"):
            read_list(place, None)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 8 << 20
    path.write_bytes(bytes(64 << 20))
    with pytest.raises(ListUnavailable, match="larger than 1 MiB"):
        read_list(f"{site}/encoded.json", None)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ListUnavailable, match="there is no list at"):
        read_list(str(tmp_path / "none.json"), None)
    with pytest.raises(ListUnavailable, match="Is a directory"):
        read_list(str(tmp_path), None)
    with pytest.raises(ListUnavailable, match="null byte"):
        read_list("a\0b", None)


def test_http_without_a_key_is_for_this_machine_alone(keys: tuple[Path, Path]) -> None:
    check_location("http://127.0.0.1:8000/a.json", None)
    check_location("https://lists.invalid/a.json", None)
    check_location("http://lists.invalid/a.json", read_public(keys[1]))
    with pytest.raises(UsageError, match="anybody on the way could change the list"):
        check_location("http://lists.invalid/a.json", None)
    with pytest.raises(UsageError, match="names no host"):
        check_location("https:///a.json", None)
