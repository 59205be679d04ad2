"""The suite digest changes with each file and option that can change a verdict, and no other."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from certify.engine.launch_plan import Limits
from certify.judge.profiles import load
from certify.suite import digest as digest_module
from certify.suite.catalogue import suite_directory
from certify.suite.digest import (
    PACKAGES,
    SHARED,
    ResolvedOptions,
    package_digest,
    suite_digest,
)
from tests.repository.test_architecture import PACKAGE, imports, modules, name_of, room_of

OPTIONS = ResolvedOptions(
    isolation="caps",
    platform="linux/amd64",
    network=None,
    limits=Limits(),
    runs=1,
    repeat=1,
    waivers="",
    base="",
    env=(),
)
PLAIN = load("plain")


@pytest.fixture(autouse=True)
def no_digest_is_remembered() -> Iterator[None]:
    yield
    suite_digest.cache_clear()
    package_digest.cache_clear()


def digest(own_checks: Path | None = None) -> str:
    suite_digest.cache_clear()
    return suite_digest(PLAIN, OPTIONS, own_checks)


def test_it_is_a_sha256_and_stays() -> None:
    assert digest().startswith("sha256:")
    assert len(digest()) == len("sha256:") + 64
    assert digest() == digest()


# Files of certify


def copy_of(folder: Path, place: Path) -> Path:
    return shutil.copytree(folder, place, ignore=shutil.ignore_patterns("__pycache__"))


def test_it_follows_each_file_that_can_change_a_verdict_and_no_other(tmp_path: Path) -> None:
    package = copy_of(PACKAGE, tmp_path / "certify")
    before = package_digest(package)
    assert before == package_digest(PACKAGE), "the folder's own name does not count"
    files = [path for path in sorted(package.rglob("*")) if path.is_file()]
    judging = [path for path in files if judges(path.relative_to(package))]
    unnoticed = []
    for path in judging:
        content = path.read_bytes()
        path.write_bytes(content + b"\n")
        package_digest.cache_clear()
        if package_digest(package) == before:
            unnoticed.append(str(path))
        path.write_bytes(content)
    assert not unnoticed
    for path in set(files).difference(judging):  # all at once, as none of them counts
        path.write_bytes(b"other")
    package_digest.cache_clear()
    assert package_digest(package) == before


def judges(path: Path) -> bool:
    return path.parts[0] in PACKAGES or str(path) in SHARED


def test_the_packages_are_those_that_launch_run_and_judge() -> None:
    assert PACKAGES == ("certification", "engine", "judge", "suite")


def test_the_shared_files_are_exactly_those_that_these_packages_import() -> None:
    """Found in the syntax trees, by way of other values and helpers too."""
    files = {name_of(path): path for path in modules()}
    waiting = [module for module in files if room_of(module) in PACKAGES]
    found: set[str] = set()
    while waiting:
        for module in imports(files[waiting.pop()]):
            if module in files and room_of(module) in ("model", "util") and module not in found:
                found.add(module)
                waiting.append(module)
    assert sorted(str(files[each].relative_to(PACKAGE)) for each in found) == list(SHARED)


# Checks


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the shipped checks that may be changed."""
    copy = copy_of(suite_directory(), tmp_path / "checks")
    monkeypatch.setattr(digest_module, "suite_directory", lambda: copy)
    return copy


def test_a_copy_elsewhere_has_the_same_digest(suite: Path) -> None:
    copied = digest()
    (suite / "README.md").write_text("no check")
    (suite / ".hidden.py").write_text("not read by pytest")
    assert digest() == copied


CHANGES: dict[str, Callable[[Path], object]] = {
    "a check is changed": lambda suite: (suite / "test_image.py").write_text(
        (suite / "test_image.py").read_text() + "# \n"
    ),
    "a file is added": lambda suite: (suite / "test_zzz.py").touch(),
    "a file is removed": lambda suite: (suite / "test_image.py").unlink(),
    "a file is renamed": lambda suite: (suite / "test_image.py").rename(suite / "test_images.py"),
    "two files are swapped": lambda suite: (
        (suite / "test_image.py").rename(suite / "x"),
        (suite / "test_dockerd.py").rename(suite / "test_image.py"),
        (suite / "x").rename(suite / "test_dockerd.py"),
    ),
    "a program that a check runs in the image is changed": lambda suite: (
        suite / "programs/npm_registry.js"
    ).write_text("//"),
    "a file that checks share is changed": lambda suite: (suite / "conftest.py").write_text("x"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_it_changes_when(suite: Path, change: Callable[[Path], object]) -> None:
    before = digest()
    change(suite)
    assert digest() != before


def test_it_is_over_the_users_own_checks_too(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text("def test_x(): pass")
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "test_deep.py").touch()
    found = {digest(), digest(tmp_path)}
    (tmp_path / "test_mine.py").write_text("def test_y(): pass")
    found.add(digest(tmp_path))
    (tmp_path / "helper.py").write_text("y = 1")
    found.add(digest(tmp_path))
    (tmp_path / "below" / "test_deep.py").write_text("def test_z(): pass")
    found.add(digest(tmp_path))
    assert len(found) == 5


def test_content_cannot_pass_for_another_file(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        folder.mkdir()
    (one / "test_a.py").write_bytes(b"x\ntest_b.py 0\n")
    (two / "test_a.py").write_bytes(b"x\n")
    (two / "test_b.py").write_bytes(b"")
    assert digest(one) != digest(two)


# Profile and options


def test_it_is_over_the_profile_too() -> None:
    prose = PLAIN.model_copy(update={"title": "another"})
    budgets = PLAIN.model_copy(update={"required": PLAIN.required[1:]})
    assert suite_digest(prose, OPTIONS) == digest()
    assert suite_digest(budgets, OPTIONS) != digest()


OTHERS: dict[str, object] = {
    "isolation": "privileged",
    "platform": "linux/arm64",
    "network": "mine",
    "limits": Limits(memory="1g"),
    "runs": 3,
    "repeat": 2,
    "waivers": "a digest",
    "base": "sha256:base",
    "env": (("A", "1"),),
}


@pytest.mark.parametrize("field", dataclasses.fields(ResolvedOptions), ids=lambda each: each.name)
def test_it_is_over_each_option_too(field: dataclasses.Field[object]) -> None:
    other = dataclasses.replace(OPTIONS, **{field.name: OTHERS[field.name]})  # type: ignore[arg-type]
    assert suite_digest(PLAIN, other) != digest()
