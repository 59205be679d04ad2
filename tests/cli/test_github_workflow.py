"""In a workflow of GitHub's only certify's own commands are commands, wherever text comes from."""

from __future__ import annotations

import json
import re
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from certify.cli.main import Certify
from certify.cli.results import FORMATS, print_results
from certify.ledger.store import Ledger
from certify.model.result import Reason, Verdict
from certify.model.terms import Outcome, Status
from certify.publish.text import print_report
from tests.conftest import Certify as RunsCertify
from tests.factories import a_certificate, a_check

STEADY = settings(derandomize=True, deadline=None)
HOSTILE = st.lists(
    st.text(st.sampled_from(":#[\n\r \tx\u3000"), max_size=6) | st.just("##[") | st.just("\n::"),
    max_size=12,
)
EVIDENCE = "ok\n::stop-commands::y\n  ::add-mask::a\n\u3000::add-mask::b\nx ##[add-mask]c"
OWN = re.compile(r"::error title=REJECTED [^:]*::")


def commands(text: str) -> list[str]:
    """What the runner does with it: `ActionCommand.TryParseV2` and `TryParse` of actions/runner."""
    lines = re.split(r"[\r\n]", text)
    return [line for line in lines if line.lstrip().startswith("::") or "##[" in line]


def printed(write: Callable[[], object]) -> Result:
    """What comes out of a command in a workflow."""

    @click.command()
    def tried() -> None:
        write()

    told = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": ""}
    return CliRunner().invoke(Certify(commands={"tried": tried}), ["tried"], env=told)


@STEADY
@given(HOSTILE)
def test_however_it_is_written_it_is_no_command(pieces: list[str]) -> None:
    def write() -> None:
        for stream in (sys.stdout, sys.stderr):
            for piece in pieces:
                stream.write(piece)
                stream.flush()

    ended = printed(write)
    assert ended.exit_code == 0
    for shown in (ended.stdout, ended.stderr):
        assert commands(shown) == []
        assert re.sub(r"\s", "", shown) == re.sub(r"\s", "", "".join(pieces)), "all of it is there"


def test_nothing_else_is_changed() -> None:
    text = "a::b\n# x ## y [z]\n:c\n\u3000é\t::\n #[x\n"

    def write() -> None:
        sys.stdout.write(text)
        click.echo(text, err=True)

    ended = printed(write)
    assert (ended.stdout, ended.stderr) == (text, f"{text}\n")


@pytest.mark.parametrize("form", FORMATS)
def test_an_image_gives_no_command_in_any_format(form: str) -> None:
    check = a_check("image.os", Outcome.FAILED, message=EVIDENCE, evidence=EVIDENCE)
    reason = Reason(check="image.os", text="##[add-mask]c", remedy=EVIDENCE)
    verdict = Verdict(status=Status.REJECTED, reasons=(reason,))
    one = a_certificate(verdict=verdict, checks=(check,))
    ended = printed(
        lambda: print_results([one], form, lambda: print_report([one], Console(width=80)))
    )
    assert ended.exit_code == 0, ended.exception
    assert "add-mask" in ended.stdout
    found = commands(ended.stdout)
    assert len(found) == (form == "github")
    assert all(OWN.match(each) for each in found)
    if form == "json":
        assert json.loads(ended.stdout)
    elif form == "junit":
        assert ET.fromstring(ended.stdout).tag == "testsuites"


def test_what_nobody_foresaw_is_no_command_either() -> None:
    def write() -> None:
        raise ZeroDivisionError(EVIDENCE)

    ended = printed(write)
    assert "add-mask" in ended.stderr
    assert commands(ended.output) == []


def test_the_real_command_changes_nothing_elsewhere(certify: RunsCertify, tmp_path: Path) -> None:
    reason = Reason(check="image.os", text="##[add-mask]c", remedy="")
    verdict = Verdict(status=Status.REJECTED, reasons=(reason,))
    with Ledger.open(str(tmp_path / "reports" / "certify.db")) as ledger:
        ledger.record(a_certificate(verdict=verdict))
    words = ("history", "registry.invalid/team/app:1", "--format", "json")
    outside, inside = certify(*words, GITHUB_ACTIONS=""), certify(*words, GITHUB_ACTIONS="true")
    assert (outside.code, inside.code) == (0, 0)
    assert "##[add-mask]c" in outside.out
    assert inside.out == outside.out.replace("##[", "## [")
