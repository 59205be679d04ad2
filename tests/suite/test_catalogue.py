"""The shipped checks and a user's own: where they are, and their ids."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from certify.model.errors import BadChecks, UsageError
from certify.suite.catalogue import (
    check_files,
    own_check_ids,
    own_checks_folder,
    specs,
    suite_directory,
)
from certify.suite.claims import spec_of


def test_specs_are_loaded_once_in_the_order_of_the_run() -> None:
    found = specs()
    assert specs() is found
    assert [spec.last for spec in found] == sorted(spec.last for spec in found)
    ids = [spec.claim.id for spec in found]
    assert ids[0] == "image.os"
    assert ids[-5:] == [
        "dockerd.restart", "systemd.shutdown", "systemd.restart", "service.stops", "service.data",
    ]  # fmt: skip


def test_each_group_has_a_file_whose_docstring_describes_it() -> None:
    files = check_files(suite_directory())
    groups = [path.stem.removeprefix("test_") for path in files]
    assert set(groups) == {spec.claim.group for spec in specs()}
    for text in (ast.get_docstring(ast.parse(path.read_bytes())) or "" for path in files):
        assert text.endswith(".")
        assert "\n" not in text


# A user's own folder


def test_own_checks_folder_is_an_absolute_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "test_x.py").touch()
    monkeypatch.chdir(tmp_path)
    assert own_checks_folder("mine") == tmp_path / "mine"
    assert own_checks_folder(str(tmp_path / "mine")) == tmp_path / "mine"


def test_a_folder_without_checks_is_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / "helper.py").touch()
    (tmp_path / "test_x.txt").touch()
    with pytest.raises(UsageError, match=r"no test_\*\.py file") as error:
        own_checks_folder(str(tmp_path))
    assert str(tmp_path) in error.value.message
    assert "test_mine.py" in error.value.remedy


@pytest.mark.parametrize("name", ["missing", "test_file.py", ""])
def test_a_path_that_is_no_folder_is_wrong_usage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "test_file.py").touch()
    monkeypatch.chdir(tmp_path / ".." if name == "" else tmp_path)
    with pytest.raises(UsageError, match="--checks"):
        own_checks_folder(name or "nowhere")


# Ids of a user's own checks, from the text of their files alone

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


@pytest.mark.parametrize(
    ("broken", "said"),
    [(b"import os\n\ndef test_x(:\n", r":3: invalid syntax"), (b"\x00", r":1: .*null bytes")],
)
def test_a_file_that_is_not_python_is_named_with_its_line(
    tmp_path: Path, broken: bytes, said: str
) -> None:
    (tmp_path / "test_broken.py").write_bytes(broken)
    (tmp_path / "test_sound.py").write_text("def test_sound(): ...\n")
    for read in (own_check_ids, lambda path: own_checks_folder(str(path))):
        with pytest.raises(BadChecks, match=rf"/test_broken\.py{said}") as caught:
            read(tmp_path)
        assert (caught.value.remedy, caught.value.page) == ("Correct your check.", "writing-checks")


def test_ids_agree_with_those_of_a_real_run() -> None:
    assert own_check_ids(suite_directory()) == {spec.claim.id for spec in specs()}

    def test_proxy() -> None: ...

    assert spec_of(test_proxy, "test_proxy").claim.id == "own.proxy"
