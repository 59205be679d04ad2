"""Results in every format, and the job summary of a workflow."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from certify.cli.results import FORMATS, print_results, report_errors
from certify.publish.formats import RENDERERS
from tests.factories import a_result


@pytest.mark.parametrize("output_format", FORMATS)
def test_every_format_is_printed(
    output_format: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    print_results([a_result()], output_format, lambda: click.echo("for people"))
    expected = {name: render([a_result()]) for name, render in RENDERERS.items()}
    assert capsys.readouterr() == (({"text": "for people\n"} | expected)[output_format], "")


def test_the_summary_of_a_job_is_extended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    print_results([a_result()], "json", lambda: None)
    assert summary.read_text() == "before\n"
    print_results([a_result()], "github", lambda: None)
    assert summary.read_text().startswith("before\n## certify: 1 certified (1 native)\n")


def test_a_summary_that_cannot_be_written_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "none" / "summary.md"))
    print_results([a_result()], "github", lambda: None)
    assert "no job summary" in capsys.readouterr().err


def test_errors_of_recording_are_exit_3(capsys: pytest.CaptureFixture[str]) -> None:
    assert report_errors([]) == 0
    assert report_errors(["the disk is full"]) == 3
    assert capsys.readouterr() == ("", "certify: not recorded: the disk is full\n")
