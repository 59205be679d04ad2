"""`certify schedule`: what it prints and writes, and what it asks for."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.conftest import Certify


def test_systemd_files_are_written_where_asked(certify: Certify, tmp_path: Path) -> None:
    ended = certify("schedule", "systemd", "--at", "04:05", "--write", "units", "--", "--jobs", "3")
    assert (ended.code, ended.out) == (0, "")
    service = (tmp_path / "units" / "certify-sweep.service").read_text()
    assert f'"sweep" "{tmp_path}/images.txt" "--reports" "{tmp_path}/reports"' in service
    assert '"--fail-on" "newly-rejected" "--jobs" "3"' in service
    assert (
        "OnCalendar=*-*-* 04:05:00 UTC" in (tmp_path / "units" / "certify-sweep.timer").read_text()
    )


def test_several_files_are_printed_under_their_names(certify: Certify) -> None:
    out = certify("schedule", "systemd").out
    assert out.startswith("# certify-sweep.service\n")
    assert "\n# certify-sweep.timer\n" in out


def test_a_choice_of_ones_own_is_kept(certify: Certify) -> None:
    out = certify("schedule", "cron", "--", "--fail-on", "never").out
    assert "--fail-on never" in out
    assert "newly-rejected" not in out


def test_a_workflow_is_yaml(certify: Certify) -> None:
    ended = certify("schedule", "github", "--uses", "acme/certify@v1", "--list", "a b.txt")
    workflow = yaml.safe_load(ended.out)
    assert workflow["jobs"]["sweep"]["steps"][2]["with"]["list"] == "a b.txt"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["github"], "--uses"),
        (["kubernetes"], "--image"),
        (["cron", "--at", "25:00"], "not a time of day"),
        (["anacron"], "anacron"),
    ],
)
def test_wrong_usage(certify: Certify, words: list[str], told: str) -> None:
    ended = certify("schedule", *words)
    assert ended.code == 2
    assert told in ended.err
    assert "Traceback" not in ended.err
