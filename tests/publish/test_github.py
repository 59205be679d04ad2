"""Results as GitHub workflow commands: one line each, closed to what images print."""

from __future__ import annotations

import re

from hypothesis import given, settings

from certify.model.result import Result
from certify.publish.github import workflow_commands
from certify.publish.places import Place
from tests.publish.test_markdown import HOSTILE, with_words

STEADY = settings(derandomize=True, deadline=None)


def test_rejected_is_an_error_and_inconclusive_a_warning(one_of_each: list[Result]) -> None:
    lines = workflow_commands(one_of_each).splitlines()
    levels = [line.split(" ")[0] for line in lines]
    assert levels == ["::error", "::warning", "::warning", "certify:"]
    assert lines[-1] == "certify: 2 certified (1 native, 1 on-launch), 1 rejected, 2 inconclusive"


def test_an_annotation_stands_at_the_line_of_its_list(rejected: Result) -> None:
    places = {rejected.image.reference: Place("a,b.txt", 7)}
    line = workflow_commands([rejected], places).splitlines()[0]
    assert line.startswith("::error file=a%2Cb.txt,line=7,title=REJECTED")


@STEADY
@given(words=HOSTILE)
def test_a_command_is_one_line_with_one_title(one_of_each: list[Result], words: str) -> None:
    lines = workflow_commands([with_words(each, words) for each in one_of_each]).split("\n")
    lines.pop()
    assert len(lines) == 4
    for line in lines[:-1]:
        assert re.fullmatch(r"::(error|warning) title=[^:,\r\n]*::[^\r\n]*", line)
