"""Inventories: read from whatever an image prints, packed small, compared in full."""

from __future__ import annotations

import base64
import json
import zlib

from hypothesis import given
from hypothesis import strategies as st

from certify.model.inventory import (
    Difference,
    differences,
    pack,
    parse_inventory,
    unpack,
)
from certify.util.text import one_line

PRINTED = """\
@@os
ID=debian
VERSION_ID="12"
# a comment
@@user
root 0:0 /bin/bash
@@unit
docker.service
@@package
apt 2.6.2 installed
gone 1 config-files
bash 5.2
tree-1.8.0-r0
py3-pip-pep-24.0-r2
.build-deps-20240923.215929
kernel-core 6.9-1
kernel-core 6.10-1
kernel-core 6.9-1
"""


def test_each_section_is_read() -> None:
    config: dict[str, object] = {
        "Env": ["PATH=/bin", "API_TOKEN=hunter2", "EMPTY="], "ExposedPorts": {"80/tcp": {}},
        "Cmd": ["/sbin/init"], "User": "", "Entrypoint": None,
    }  # fmt: skip
    found = parse_inventory(PRINTED, config)
    hidden = found["env"].pop("API_TOKEN")
    assert "hunter2" not in hidden
    assert hidden != parse_inventory("", {"Env": ["API_TOKEN=other"]})["env"]["API_TOKEN"]
    assert found == {
        "os": {"ID": "debian", "VERSION_ID": "12"}, "user": {"root": "0:0 /bin/bash"},
        "unit": {"docker.service": "enabled"}, "port": {"80/tcp": ""},
        "package": {"apt": "2.6.2", "bash": "5.2", "tree": "1.8.0-r0", "py3-pip-pep": "24.0-r2",
                    ".build-deps": "20240923.215929", "kernel-core": "6.10-1, 6.9-1"},
        "env": {"PATH": "/bin", "EMPTY": ""}, "config": {"Cmd": '["/sbin/init"]'},
    }  # fmt: skip


def test_differences_are_told_in_one_line_each() -> None:
    before = parse_inventory("@@package\na 1\nb 1\n@@unit\nx.service\n", {})
    after = parse_inventory("@@package\na 2\nc 1\n", {"ExposedPorts": {"80/tcp": {}}})
    assert [str(each) for each in differences(before, after)] == [
        "package a 1 → 2",
        "package b 1 (gone)",
        "package c 1 (new)",
        "unit x.service enabled (gone)",
        "port 80/tcp (new)",
    ]
    assert differences(after, after) == []


@given(st.text())
def test_whatever_an_image_prints_is_bounded_harmless_and_kept(text: str) -> None:
    found = parse_inventory(f"@@package\n{text}\n@@os\n{text}", {"Env": [text, f"A={text}"]})
    assert unpack(pack(found)) == found
    for values in found.values():
        for pair in values.items():
            assert all(each == one_line(each) and len(each) <= 200 for each in pair)


def test_a_flood_is_cut() -> None:
    flood = "@@package\n" + "".join(f"p{n} {'9' * 500}\n" for n in range(30_000))
    found = parse_inventory(flood, {})
    assert len(found["package"]) == 20_000
    assert len(pack(found)) < 500_000


@given(st.one_of(st.none(), st.text(), st.binary().map(lambda b: base64.b64encode(b).decode())))
def test_what_nobody_packed_is_none(text: str | None) -> None:
    assert unpack(text) is None


def test_hostile_packing_neither_floods_nor_escapes() -> None:
    def packed(data: bytes) -> str:
        return base64.b64encode(zlib.compress(data)).decode()

    assert unpack(packed(b"[" * 10**6)) is None
    assert unpack(packed(b'{"package": "' + b" " * 10**7 + b'"}')) is None
    assert unpack(packed(json.dumps({"a": 1}).encode())) is None
    evil = unpack(packed(json.dumps({"package": {"\x1b[2Jx\n": "\u202e1"}}).encode()))
    assert evil is not None
    ((name, version),) = evil["package"].items()
    assert (name + version).isprintable()
    assert str(Difference("package", name, None, version)).isprintable()
