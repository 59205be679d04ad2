"""``certify completion``: what a shell proposes, by the script that it runs."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from certify.ledger.store import Ledger
from tests.conftest import Certify
from tests.factories import a_certificate


@pytest.mark.parametrize(
    ("line", "proposed"),
    [
        ("certify swe", ["sweep"]),
        ("certify run --profile dev", ["devcontainer", "devspace", "devspace-fast"]),
        ("certify checks dockerd.co", ["dockerd.container", "dockerd.compose"]),
        ("certify profiles pl", ["plain"]),
        ("certify history registry.inv", ["registry.invalid/team/app:1"]),
        ("certify reproduce nothing", []),
        ("certify schedule kub", ["kubernetes"]),
        ("certify help ale", ["alerts"]),
        ("certify swepp ", ["registry.invalid/team/app:1"]),
    ],
)
def test_names_are_completed(
    certify: Certify, tmp_path: Path, line: str, proposed: list[str]
) -> None:
    with Ledger.open(str(tmp_path / "reports" / "certify.db")) as ledger:
        ledger.record(a_certificate())
    words = {"COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
    ended = certify(_CERTIFY_COMPLETE="bash_complete", **words)
    found = [each.partition(",")[2] for each in ended.out.split("\n") if each]
    assert sorted(found) == sorted(proposed)


def test_without_a_ledger_nothing_is_made_and_nothing_said(
    certify: Certify, tmp_path: Path
) -> None:
    words = {"COMP_WORDS": "certify history a", "COMP_CWORD": "2"}
    ended = certify(_CERTIFY_COMPLETE="bash_complete", **words)
    assert (ended.out.strip(), ended.err) == ("", "")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_the_shells(certify: Certify, shell: str) -> None:
    ended = certify("completion", shell)
    assert ended.code == 0
    assert "_CERTIFY_COMPLETE" in ended.out
    if shutil.which(shell):
        checked = subprocess.run([shell, "-n"], input=ended.out.encode(), check=False)
        assert checked.returncode == 0


STANDS_IN = """\
#!/bin/sh
printf '%s\\0' "$COMP_WORDS" "$COMP_CWORD" "$_CERTIFY_COMPLETE" >asked
cat answer
"""
"""Stands in for certify: keeps what it is asked, and gives a kept answer."""


@pytest.mark.parametrize(
    ("line", "proposed"),
    [
        ("certify history registry.invalid/team/app:", ["1"]),
        ("certify history  registry.inv", ["registry.invalid/team/app:1"]),
        ("certify history ", ["registry.invalid/team/app:1"]),
        ("certify run --profile=pla", ["plain"]),
        ("certify swe", ["sweep"]),
        ("certify nothing-begins-so:", []),
        ("certify forget 'a b' registry.invalid/team/a", ["registry.invalid/team/app:1"]),
    ],
)
def test_bash_completes_words_with_colons(
    certify: Certify, tmp_path: Path, line: str, proposed: list[str]
) -> None:
    with Ledger.open(str(tmp_path / "reports" / "certify.db")) as ledger:
        ledger.record(a_certificate())
    script = certify("completion", "bash").out
    script += "_certify_completion certify; printf '%s\\n' \"${COMPREPLY[@]}\""
    # Bash is asked twice: for what it asks certify, and for what it makes of the answer.
    (tmp_path / "certify").write_text(STANDS_IN)
    (tmp_path / "certify").chmod(0o755)
    typed = {"COMP_LINE": f"{line} --later", "COMP_POINT": str(len(line))}
    environment = os.environ | typed | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    (tmp_path / "answer").touch()

    def shown() -> list[str]:
        ended = subprocess.run(
            ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, check=True
        )
        assert ended.stderr == b""
        return ended.stdout.decode().split()

    assert shown() == []
    words, number, complete = (tmp_path / "asked").read_text().split("\0")[:3]
    answer = certify(COMP_WORDS=words, COMP_CWORD=number, _CERTIFY_COMPLETE=complete)
    assert answer.err == ""
    (tmp_path / "answer").write_text(answer.out)
    assert shown() == proposed
