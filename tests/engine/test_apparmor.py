"""The AppArmor profile: whole, understood by the parser, loaded where certify may."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from certify.engine import apparmor
from certify.engine.apparmor import give_up, profile_name, profile_text, why_unused


class Kernel:
    """The folder where a kernel lists its profiles, and a parser that puts them there."""

    def __init__(self, folder: Path) -> None:
        self.policy, self.programs = folder / "policy", folder / "bin"
        self.calls = folder / "calls"
        self.policy.mkdir()
        self.programs.mkdir()

    def has(self, name: str, mode: str = "enforce") -> None:
        """Have it list a profile."""
        (self.policy / name).mkdir()
        (self.policy / name / "mode").write_text(f"{mode}\n")

    def parser(self, script: str) -> None:
        """Have a stand-in for the parser: a shell script."""
        program = self.programs / "apparmor_parser"
        kept = f'echo "$@" >>{self.calls}\ncat >{self.calls}.text'
        program.write_text(f"#!/bin/sh\n{kept}\n{script}")
        program.chmod(0o755)

    @property
    def loading(self) -> str:
        """The script of a parser that loads the profile."""
        place = f"{self.policy}/{profile_name()}.7"
        return f"mkdir {place} && echo enforce >{place}/mode"


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kernel]:
    """A kernel with AppArmor, and certify as its root."""
    kernel = Kernel(tmp_path)
    monkeypatch.setattr(apparmor, "_LOADED", kernel.policy)
    monkeypatch.setattr(apparmor, "_given_up", [])
    monkeypatch.setattr(apparmor, "_FOLDERS", "")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setenv("PATH", f"{kernel.programs}:/usr/bin:/bin")
    apparmor._why_missing.cache_clear()
    yield kernel
    apparmor._why_missing.cache_clear()


def test_the_profile_has_its_name_and_no_gap() -> None:
    text = profile_text()
    assert f"profile {profile_name()} " in text
    assert "{remounts}" not in text
    assert "{name}" not in text
    assert "mount options=(rw, nosuid, nodev, noexec, relatime, remount, bind)," in text
    assert text.count("remount, bind") == text.count("remount),") == 80


def test_other_rules_have_another_name(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {profile_name.__wrapped__()}
    monkeypatch.setattr(apparmor, "_rules", lambda: "other rules")
    names.add(profile_name.__wrapped__())
    assert len(names) == 2


def test_no_file_system_of_the_host_may_be_mounted() -> None:
    (allowed,) = (
        line for line in profile_text().splitlines() if line.startswith("  mount fstype=(")
    )
    assert not [
        name
        for name in ("ext4", "xfs", "btrfs", "devtmpfs", "debugfs", "tracefs", "securityfs", "bpf")
        if name in allowed
    ]


@pytest.mark.parametrize("others", [(), ("docker-default.3", "certify-candidate-v1.4")])
def test_a_loaded_profile_is_used_as_it_is(kernel: Kernel, others: tuple[str, ...]) -> None:
    for each in (*others, f"{profile_name()}.12"):
        kernel.has(each)
    kernel.parser("exit 1")
    assert why_unused() == ""
    assert not kernel.calls.exists()


@pytest.mark.parametrize(
    "others", [(), ("docker-default.3", "certify-candidate-v1.4"), (f"{profile_name()}0.12",)]
)
def test_root_loads_what_is_missing_or_older_and_once(
    kernel: Kernel, others: tuple[str, ...]
) -> None:
    for each in others:
        kernel.has(each)
    kernel.parser(kernel.loading)
    assert [why_unused(), why_unused()] == ["", ""]
    assert kernel.calls.read_text() == "--replace --skip-cache\n"
    assert Path(f"{kernel.calls}.text").read_text() == profile_text()


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo warning >&2; echo 'AppArmor parser error: no' >&2; exit 1",
         "apparmor_parser failed: AppArmor parser error: no"),
        ("exit 2", "apparmor_parser failed: exit code 2"),
        ("printf '\\033[31mred\\377' >&2; exit 1", "apparmor_parser failed: "),
        ("kill -9 $$", "apparmor_parser failed: exit code -9"),
        ("exit 0", "the kernel does not have it"),
    ],
)  # fmt: skip
def test_a_parser_that_fails_is_a_reason(kernel: Kernel, script: str, reason: str) -> None:
    kernel.parser(script)
    assert why_unused().startswith(reason)
    assert why_unused().isprintable()
    assert kernel.calls.read_text().count("\n") == 1, "it is tried once"


def test_a_parser_that_does_not_end_is_a_reason(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang(*_args: object, **_options: object) -> None:
        raise subprocess.TimeoutExpired("apparmor_parser", 120)

    kernel.parser("")
    monkeypatch.setattr(subprocess, "run", hang)
    assert why_unused().startswith("apparmor_parser did not run: ")


def test_a_parser_that_cannot_be_executed_is_a_reason(kernel: Kernel) -> None:
    kernel.parser("")
    (kernel.programs / "apparmor_parser").write_text("#!/nowhere\n")
    assert why_unused().startswith("apparmor_parser did not run: ")


def test_without_a_parser_there_is_no_profile(kernel: Kernel) -> None:
    assert why_unused() == "there is no apparmor_parser"


def test_only_root_loads_it(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    kernel.parser(kernel.loading)
    assert why_unused() == "certify does not run as root"
    assert not kernel.calls.exists()


def test_a_profile_that_only_complains_confines_nothing_and_is_left_so(kernel: Kernel) -> None:
    kernel.has(f"{profile_name()}.12", "complain")
    kernel.parser(kernel.loading)
    assert why_unused() == "somebody has set it to complain"
    assert not kernel.calls.exists()


def test_a_kernel_without_apparmor_has_none(kernel: Kernel) -> None:
    kernel.policy.rmdir()
    kernel.parser("exit 1")
    assert why_unused() == "apparmor_parser failed: exit code 1"


def test_a_profile_that_was_given_up_is_used_no_more(kernel: Kernel) -> None:
    kernel.has(f"{profile_name()}.12")
    assert why_unused() == ""
    assert not give_up("no space left on device")
    assert why_unused() == ""
    assert give_up("unable to apply AppArmor profile")
    assert why_unused() == "the engine refused it: unable to apply AppArmor profile"


@pytest.mark.skipif(shutil.which("apparmor_parser") is None, reason="needs apparmor_parser(8)")
def test_the_parser_understands_it() -> None:
    command = ["apparmor_parser", "--skip-kernel-load", "--skip-cache"]
    ended = subprocess.run(command, input=profile_text().encode(), capture_output=True, check=False)
    assert ended.returncode == 0, ended.stderr.decode()
