"""Where the checks are, and the digest that says exactly what judged."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from certify.model.errors import UsageError
from certify.suite import catalogue
from certify.suite.catalogue import own_checks, specs, suite_digest, suite_directory


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the shipped checks that may be changed."""
    copy = tmp_path / "checks"
    shutil.copytree(suite_directory(), copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(catalogue, "suite_directory", lambda: copy)
    suite_digest.cache_clear()
    yield copy
    suite_digest.cache_clear()


def digest(profile: str = "sha256:1", extra: Path | None = None) -> str:
    suite_digest.cache_clear()
    return suite_digest(profile, extra)


def test_the_digest_is_a_digest_and_stays() -> None:
    first = digest()
    assert first.startswith("sha256:")
    assert len(first) == len("sha256:") + 64
    assert digest() == first


def test_a_copy_elsewhere_has_the_same_digest(suite: Path) -> None:
    copied = digest()
    (suite / "README.md").write_text("no check")
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
    "what checks share is changed": lambda suite: (suite / "conftest.py").write_text("x = 1"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_the_digest_changes_when(suite: Path, change: Callable[[Path], object]) -> None:
    before = digest()
    change(suite)
    assert digest() != before


def test_the_digest_is_over_the_profile_too() -> None:
    assert digest("sha256:1") != digest("sha256:2")


def test_the_digest_is_over_the_options_too() -> None:
    assert suite_digest("sha256:1", None, "isolation=privileged") != digest()


@pytest.mark.parametrize("name", ["engine/launch.py", "engine/packages.toml", "suite/outcomes.py",
                                  "judge/signatures.toml"])  # fmt: skip
def test_the_digest_is_over_what_launches_asks_and_judges(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def ours(package: Path) -> str:
        monkeypatch.setattr("importlib.resources.files", lambda _name: package)
        catalogue._ours.cache_clear()
        return catalogue._ours()

    package = Path(catalogue.__file__).parent.parent
    for folder in ("engine", "suite", "judge"):
        shutil.copytree(package / folder, tmp_path / folder)
    try:
        before = ours(package)
        assert ours(tmp_path) == before
        (tmp_path / name).write_text((tmp_path / name).read_text() + "\n")
        assert ours(tmp_path) != before
    finally:
        catalogue._ours.cache_clear()


def test_the_digest_is_over_ones_own_checks_too(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text("def test_x(): pass")
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "test_deep.py").touch()
    seen = {digest(), digest(extra=tmp_path)}
    (tmp_path / "test_mine.py").write_text("def test_y(): pass")
    seen.add(digest(extra=tmp_path))
    (tmp_path / "helper.py").write_text("y = 1")
    seen.add(digest(extra=tmp_path))
    (tmp_path / "below" / "test_deep.py").write_text("def test_z(): pass")
    seen.add(digest(extra=tmp_path))
    assert len(seen) == 5


def test_content_cannot_pass_for_another_file(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        folder.mkdir()
    (one / "test_a.py").write_bytes(b"x\ntest_b.py 0\n")
    (two / "test_a.py").write_bytes(b"x\n")
    (two / "test_b.py").write_bytes(b"")
    assert digest(extra=one) != digest(extra=two)


def test_specs_are_read_once_in_the_order_in_which_they_run() -> None:
    found = specs()
    assert specs() is found
    assert [spec.last for spec in found] == sorted(spec.last for spec in found)
    ids = [spec.claim.id for spec in found]
    assert ids[0] == "image.os"
    assert ids[-3:] == ["dockerd.restart", "systemd.shutdown", "systemd.restart"]


# A user's own folder


def test_ones_own_folder_is_named_in_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "test_x.py").touch()
    monkeypatch.chdir(tmp_path)
    assert own_checks("mine") == tmp_path / "mine"
    assert own_checks(str(tmp_path / "mine")) == tmp_path / "mine"


def test_a_folder_without_checks_is_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / "helper.py").touch()
    (tmp_path / "test_x.txt").touch()
    with pytest.raises(UsageError, match=r"no test_\*\.py file") as error:
        own_checks(str(tmp_path))
    assert str(tmp_path) in error.value.message
    assert "test_mine.py" in error.value.remedy


@pytest.mark.parametrize("name", ["missing", "test_file.py", ""])
def test_what_is_no_folder_is_wrong_usage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "test_file.py").touch()
    monkeypatch.chdir(tmp_path / ".." if name == "" else tmp_path)
    with pytest.raises(UsageError, match="--checks"):
        own_checks(name or "nowhere")
