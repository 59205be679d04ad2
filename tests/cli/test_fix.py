"""``certify fix`` without an engine; tests/stories/test_fix.py has all of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from certify.cli.main import main


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["debian:12", "--build", "debian:12"], "that is the image itself"),
        (["debian:12", "--build", "docker.io/library/debian:12"], "that is the image itself"),
        (["debian:12", "--build", "x@sha256:" + "0" * 64], "not a name and tag"),
        (["debian:12", "--profile", "plain", "--profile", "devspace"], "one profile at a time"),
    ],
)
def test_wrong_usage_runs_nothing(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = CliRunner().invoke(main, ["fix", *words])
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert message in ended.stderr
    assert list(tmp_path.iterdir()) == []
