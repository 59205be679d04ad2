"""The progress of one certification, where nothing is live."""

from __future__ import annotations

import pytest

from certify.cli.progress import RunProgress
from certify.model.finding import Finding
from certify.model.terms import Outcome


def test_a_pipe_gets_a_line_for_each_phase_and_check(capsys: pytest.CaptureFixture[str]) -> None:
    with RunProgress("debian:12 · plain") as progress:
        progress.phase("launching")
        progress.phase("image.os")
        progress.finding(Finding(id="image.os", outcome=Outcome.PASSED, message="Debian"), None)
        for name in ("image.shell", "packages.refresh"):
            progress.finding(Finding(id=name, outcome=Outcome.SKIPPED, message="needs it"), None)
        progress.container("certify-1")
    shown = capsys.readouterr()
    assert shown.out == ""
    assert [line.rstrip() for line in shown.err.splitlines()] == [
        "debian:12 · plain: starting (0 s)",
        "debian:12 · plain: launching (0 s)",
        "  ✓ image.os               0.0 s  Debian",
        "  kept: docker exec -it certify-1 sh; docker rm -fv certify-1",
        "  – 2 checks skipped",
    ]
