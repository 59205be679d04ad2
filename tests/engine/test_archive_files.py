"""The files in an archive: links, kinds and sizes that are not as they claim."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from pathlib import Path

import pytest

from tests.engine.test_archive import OCI, SAVED, packed, refused, without
from tests.support.archives import in_folder, tar_of


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("links", "message"),
    [
        ({"a/layer.tar": "/etc/shadow"}, "has no file 'a/layer.tar'"),
        ({"a/layer.tar": "../../../etc/shadow"}, "leads out of it"),
        ({"a/layer.tar": "layer.tar"}, "a link that leads to no file"),
    ],
)
def test_links_lead_nowhere_else(links: dict[str, str], message: str) -> None:
    packed(without(SAVED, "a/layer.tar"), links=links)
    assert message in refused("docker-archive:image.tar")


def test_paths_and_kinds_that_do_not_fit_are_told(folder: Path) -> None:
    packed(SAVED)
    (folder / "d").mkdir()
    os.mkfifo("pipe")
    in_folder(without(OCI, "index.json"), folder / "l")
    os.mkfifo("l/index.json")
    for text, message in {
        "oci:image.tar": "image.tar: it is no folder; oci-archive: names a file",
        "docker-archive:d": "d: it is a folder, which oci:d names",
        "docker-archive:none.tar": "none.tar: there is nothing of that name",
        "docker-archive:pipe": "pipe: it is no ordinary file; `certify run -` reads a pipe",
        "oci:none": "none: there is nothing of that name",
        "oci:d": "d: it has no file 'index.json', which belongs to it",
        "oci:l": "l: 'index.json' is no ordinary file",
    }.items():
        assert refused(text) == message


def test_what_exceeds_the_limit_of_the_disk_is_read_no_further() -> None:
    bomb = gzip.compress(b"\0" * 10**6)
    Path("bomb.tar.gz").write_bytes(bomb)
    packed(SAVED)
    for name, limit in (("bomb.tar.gz", 10**5), ("image.tar", 1000)):
        assert "the limit of --disk-limit" in refused(f"docker-archive:{name}", limit=limit)


def test_a_header_that_claims_gigabytes_takes_no_memory() -> None:
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 2**32
    with Path("image.tar").open("wb") as file:
        file.write(header.tobuf(tarfile.GNU_FORMAT) + b"\0" * 1024)
        file.truncate(2**32)
    assert "a header claims 4,294,967,296 bytes" in refused("docker-archive:image.tar")


def test_what_a_sparse_member_claims_is_not_read() -> None:
    whole = io.BytesIO(tar_of(SAVED))
    sparse = tarfile.TarInfo("manifest.json")
    sparse.pax_headers = {
        "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": str(2**50),
        "GNU.sparse.name": "manifest.json",
    }  # fmt: skip
    sparse.size = 512
    with tarfile.open(fileobj=whole, mode="a") as archive:
        archive.addfile(sparse, io.BytesIO(b"0\n".ljust(512, b"\0")))
    Path("image.tar").write_bytes(whole.getvalue())
    assert "'manifest.json' is no ordinary file" in refused("docker-archive:image.tar")
