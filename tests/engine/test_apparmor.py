"""The AppArmor profile: whole, understood by the parser, and not claimed where it is not loaded."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from certify.engine import apparmor
from certify.engine.apparmor import PROFILE, is_loaded, profile_text


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder where the kernel lists its profiles."""
    monkeypatch.setattr(apparmor, "_LOADED", tmp_path)
    is_loaded.cache_clear()
    return tmp_path


def test_the_profile_has_its_name_and_no_gap() -> None:
    text = profile_text()
    assert f"profile {PROFILE} " in text
    assert "{remounts}" not in text
    assert "mount options=(rw, nosuid, nodev, noexec, relatime, remount, bind)," in text
    assert text.count("remount, bind") == text.count("remount),") == 80


def test_no_file_system_of_the_host_may_be_mounted() -> None:
    (allowed,) = (
        line for line in profile_text().splitlines() if line.startswith("  mount fstype=(")
    )
    assert not [
        name
        for name in ("ext4", "xfs", "btrfs", "devtmpfs", "debugfs", "tracefs", "securityfs", "bpf")
        if name in allowed
    ]


@pytest.mark.parametrize(
    ("names", "loaded"),
    [
        ((f"{PROFILE}.12",), True),
        (("docker-default.3", f"{PROFILE}.1"), True),
        ((f"{PROFILE}0.12", "docker-default.3"), False),
        ((), False),
    ],
)
def test_the_kernel_says_which_profiles_it_has(
    kernel: Path, names: tuple[str, ...], loaded: bool
) -> None:
    for each in names:
        (kernel / each).mkdir()
    assert is_loaded() is loaded


def test_a_kernel_without_apparmor_has_none(kernel: Path) -> None:
    kernel.rmdir()
    assert not is_loaded()


@pytest.mark.skipif(shutil.which("apparmor_parser") is None, reason="needs apparmor_parser(8)")
def test_the_parser_understands_it() -> None:
    command = ["apparmor_parser", "--skip-kernel-load", "--skip-cache"]
    ended = subprocess.run(command, input=profile_text().encode(), capture_output=True, check=False)
    assert ended.returncode == 0, ended.stderr.decode()
