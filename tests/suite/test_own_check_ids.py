"""Ids of a user's own checks, known without running a line of theirs."""

from __future__ import annotations

from pathlib import Path

import pytest

from certify.suite.catalogue import own_check_ids, specs, suite_directory
from certify.suite.claims import spec_of

MINE = '''
import certify_has_no_such_module
from certify.suite import check

raise SystemExit("nobody runs this")


@check("tools.jq", title="jq", remedy="Install jq.")
@pytest.mark.parametrize("a.b", [1])
def test_jq(host):
    """jq reads JSON."""


@check(id="tools.yq", title="yq", remedy="Install yq.")
def test_yq(host): ...


@check(NAME, title="?", remedy="?")
def test_computed(host): ...


def test_Proxy_is_set(host): ...


class TestMore:
    def test_inside(self): ...


def helper(): ...
'''


def test_declared_and_plain_checks_are_found(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(MINE)
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "test_more.py").write_text("def test_deep(): ...\n")
    (tmp_path / "helper.py").write_text("def test_not_collected(): ...\n")
    assert own_check_ids(tmp_path) == {
        "tools.jq",
        "tools.yq",
        "own.computed",
        "own.proxy_is_set",
        "own.inside",
        "own.deep",
    }


@pytest.mark.parametrize("broken", [b"def test_x(:\n", b"\x00"])
def test_a_file_that_is_no_python_is_left_to_the_run(tmp_path: Path, broken: bytes) -> None:
    (tmp_path / "test_broken.py").write_bytes(broken)
    (tmp_path / "test_sound.py").write_text("def test_sound(): ...\n")
    assert own_check_ids(tmp_path) == {"own.sound"}


def test_it_agrees_with_what_is_really_run() -> None:
    assert own_check_ids(suite_directory()) == {spec.claim.id for spec in specs()}

    def test_proxy() -> None: ...

    assert spec_of(test_proxy, "test_proxy").claim.id == "own.proxy"
