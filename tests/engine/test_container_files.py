"""Files of a container, read through the engine: through links, in part, with a limit."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

import pytest
from docker.api.client import APIClient
from docker.errors import APIError, NotFound
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.engine.client import Engine
from certify.engine.container import Container
from certify.engine.container_files import read_file
from certify.engine.launch import launch_container
from certify.engine.launch_plan import LaunchPlan
from certify.model.errors import EngineUnavailable
from tests.conftest import SAMPLES


def tar_of(name: str, content: bytes | None = None, **facts: object) -> bytes:
    """An archive of one member, as the engine sends it."""
    member = tarfile.TarInfo(name)
    member.size = len(content or b"")
    for fact, value in facts.items():
        setattr(member, fact, value)
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        archive.addfile(member, io.BytesIO(content or b""))
    return target.getvalue()


@dataclass
class Api:
    """The engine's answer for each path, and where it says that a link leads."""

    files: dict[str, bytes]
    targets: dict[str, str] = field(default_factory=dict)
    stats: dict[str, object] = field(default_factory=dict)
    piece: int = 700
    asked: list[str] = field(default_factory=list)
    given: int = 0

    def get_archive(self, _container: str, path: str) -> tuple[Iterator[bytes], object]:
        self.asked.append(path)
        if path not in self.files:
            raise NotFound(f"no such file: {path}")
        stat = {"linkTarget": self.targets[path]} if path in self.targets else None
        return self._stream(self.files[path]), self.stats.get(path, stat)

    def _stream(self, data: bytes) -> Iterator[bytes]:
        for at in range(0, len(data), self.piece):
            self.given += self.piece
            yield data[at : at + self.piece]

    def read(self, path: str, limit: int = 1000) -> bytes | None:
        return read_file(cast(APIClient, self), "container", path, limit)


@settings(deadline=None)
@given(
    size=st.integers(0, 40_000),
    limit=st.integers(0, 40_000),
    piece=st.integers(100, 30_000),
)
def test_the_first_bytes_of_any_file_in_pieces_of_any_size(
    size: int, limit: int, piece: int
) -> None:
    content = (bytes(range(251)) * 160)[:size]
    assert Api({"/f": tar_of("f", content)}, piece=piece).read("/f", limit) == content[:limit]


def test_a_file_with_long_headers_is_still_read_to_the_limit() -> None:
    archive = tar_of("n" * 255, b"x" * 9000, pax_headers={"SCHILY.xattr.user.a": "v" * 1500})
    assert Api({"/f": archive}).read("/f", 4000) == b"x" * 4000


def test_only_the_first_part_of_a_large_file_is_fetched() -> None:
    api = Api({"/f": tar_of("f", b"x" * 1_000_000)})
    assert api.read("/f", 100) == b"x" * 100
    assert api.given < 10_000


@pytest.mark.parametrize(
    "kind", [tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE]
)
def test_only_files_have_content(kind: bytes) -> None:
    assert Api({"/f": tar_of("f", type=kind)}).read("/f") is None


def test_a_socket_has_no_content_and_no_place_in_an_archive() -> None:
    socket = {"mode": 1 << 24 | 0o755, "linkTarget": ""}
    assert Api({"/f": b"\0" * 1024}, stats={"/f": socket}).read("/f") is None


@pytest.mark.parametrize("data", [b"", b"not a tar", b"\0" * 1024, b"\xff" * 2048])
def test_a_file_that_is_not_sent_is_not_missing(data: bytes) -> None:
    with pytest.raises(EngineUnavailable, match="stopped in the middle of reading /f"):
        Api({"/f": data}).read("/f")


def test_a_truncated_archive_is_not_a_missing_file() -> None:
    with pytest.raises(EngineUnavailable, match="stopped in the middle of reading /f"):
        Api({"/f": tar_of("f", b"x" * 900)[:700]}).read("/f")


def link(to: str) -> bytes:
    return tar_of("link", type=tarfile.SYMTYPE, linkname=to)


@pytest.mark.parametrize(
    ("to", "asked"),
    [("/abs/f", "/abs/f"), ("f", "/usr/lib/f"), ("../f", "/usr/lib/../f"), ("a/f", "/usr/lib/a/f")],
)
def test_a_link_is_followed_without_a_target_from_the_engine(to: str, asked: str) -> None:
    api = Api({"/usr/lib/l": link(to), asked: tar_of("f", b"found")})
    assert api.read("/usr/lib/l") == b"found"
    assert api.asked == ["/usr/lib/l", asked]


def test_the_engines_target_of_a_link_is_preferred() -> None:
    api = Api(
        {"/linked/l": link("../f"), "/f": tar_of("f", b"wrong"), "/real/f": tar_of("f", b"right")},
        targets={"/linked/l": "/real/f"},
    )
    assert api.read("/linked/l") == b"right"


def test_links_in_a_circle_end() -> None:
    api = Api({"/a": link("/b"), "/b": link("/a")})
    assert api.read("/a") is None
    assert len(api.asked) <= 40


def test_an_engine_that_is_gone_is_not_a_missing_file() -> None:
    class Gone(Api):
        def get_archive(self, _container: str, path: str) -> tuple[Iterator[bytes], object]:
            raise ConnectionError("gone")

    with pytest.raises(EngineUnavailable, match="gone"):
        Gone({}).read("/f")


class Refuses(Api):
    """An engine that has one answer to everything."""

    said = ""

    def get_archive(self, _container: str, path: str) -> tuple[Iterator[bytes], object]:
        raise APIError("500 Server Error", explanation=self.said)

    def answer(self, said: str) -> bytes | None:
        self.said = said
        return self.read("/f")


@pytest.mark.parametrize(
    "said",
    [
        "evalSymlinksInScope: too many links in /var/lib/docker/overlay2/0/merged/f",
        "lstat /var/lib/docker/overlay2/0/merged/f/below: not a directory",
        "lstat /var/lib/docker/overlay2/0/merged/fff: file name too long",
    ],
)
def test_a_broken_path_of_the_image_is_a_missing_file(said: str) -> None:
    assert Refuses({}).answer(said) is None


@pytest.mark.parametrize(
    "said",
    [
        "error creating overlay mount to /var/lib/docker/overlay2/0: device or resource busy",
        "error creating overlay mount to /var/lib/docker/overlay2/0: too many links",
        "lstat /var/lib/docker/overlay2/0/merged/f: input/output error",
        "",
    ],
)
def test_the_engines_own_error_is_not_a_missing_file(said: str) -> None:
    with pytest.raises(EngineUnavailable, match="could not report the content of /f"):
        Refuses({}).answer(said)


# A real container


@pytest.fixture(scope="module")
def busybox(engine: Engine) -> Iterator[Container]:
    with launch_container(engine, f"{SAMPLES}/busybox", LaunchPlan("idle", "default")) as started:
        made = started.container.shell().run(
            "set -e; mkdir -p /real/deep /d; cd /d; echo data >/real/file; chmod 0 /real/file\n"
            "ln -s /real/deep folder; ln -s ../file /real/deep/up; ln -s /d/folder/up through\n"
            "ln -s ../real/file relative; ln -s /real/file absolute; ln /real/file hard\n"
            "ln -s ../../../../real/file out; ln -s nowhere dangling; ln -s / root\n"
            "ln -s self self; ln -s b a; ln -s a b; mkfifo fifo\n"
            f"ln -s {'n' * 300} long\n"
            ": >empty; echo odd >'a b\t*ü'; head -c 3000000 /dev/zero >big"
        )
        assert (made.rc, made.stderr) == (0, b"")
        yield started.container


READ = {
    "/real/file": b"data\n",
    "/d/relative": b"data\n",
    "/d/absolute": b"data\n",
    "/d/out": b"data\n",
    "/d/hard": b"data\n",
    "/d/folder/up": b"data\n",
    "/d/through": b"data\n",
    "/d/root/real/file": b"data\n",
    "/d/a b\t*ü": b"odd\n",
    "/d/empty": b"",
    "/d/self": None,
    "/d/long": None,
    "/d/a": None,
    "/d/dangling": None,
    "/d/root": None,
    "/d": None,
    "/": None,
    "/d/fifo": None,
    "/d/missing": None,
    "/missing/file": None,
    "/d/big/below": None,
}


@pytest.mark.engine
@pytest.mark.parametrize(("path", "content"), READ.items(), ids=READ)
def test_a_real_file_is_read(busybox: Container, path: str, content: bytes | None) -> None:
    assert busybox.read_file(path) == content


@pytest.mark.engine
@pytest.mark.parametrize(
    ("path", "there"),
    [("/d", True), ("/d/big", True), ("/d/fifo", True), ("/d/relative", True),
     ("/d/missing", False), ("/missing/file", False), ("/d/big/below", False)],
)  # fmt: skip
def test_the_engine_finds_what_is_there(busybox: Container, path: str, there: bool) -> None:
    assert busybox.has_path(path) is there


@pytest.mark.engine
def test_a_big_real_file_is_cut(busybox: Container) -> None:
    assert busybox.read_file("/d/big", 100_000) == bytes(100_000)
    assert busybox.read_file("/d/big") == bytes(1024 * 1024)


@pytest.mark.engine
def test_files_are_read_after_the_containers_end(busybox: Container, engine: Engine) -> None:
    engine.client.api.kill(busybox.id)
    assert busybox.read_file("/d/relative") == b"data\n"
