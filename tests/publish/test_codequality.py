"""GitLab's Code Quality report: every field that GitLab asks for, and one fingerprint an issue."""

from __future__ import annotations

import json

from hypothesis import given

from certify.model.result import AppliedWaiver, Reason, Result
from certify.model.terms import Outcome
from certify.publish.codequality import codequality
from certify.publish.places import Place
from tests.factories import a_certificate, a_check
from tests.publish.test_markdown import HOSTILE, STEADY, with_words


def test_an_issue_has_what_gitlab_asks_for(rejected: Result) -> None:
    places = {rejected.image.reference: Place("images.txt", 3)}
    issues = json.loads(codequality([rejected], places))
    first = issues[0]
    assert first["location"] == {"path": "images.txt", "lines": {"begin": 3}}
    assert (first["severity"], first["check_name"]) == ("critical", "dockerd.container")
    assert first["description"].startswith(rejected.image.reference)
    assert {each["severity"] for each in issues} <= {"info", "minor", "major", "critical"}


def test_certified_and_waived_is_no_issue_and_trouble_is_for_information(
    native: Result, waived: AppliedWaiver, unreachable: Result
) -> None:
    excused = a_certificate(checks=(a_check("image.size", Outcome.FAILED, waiver=waived),))

    def severities(result: Result) -> list[str]:
        return [each["severity"] for each in json.loads(codequality([result]))]

    assert "critical" not in severities(native)
    assert severities(excused) == []
    assert set(severities(unreachable)) == {"info"}


def test_trouble_is_named_by_its_first_reason(unreachable: Result) -> None:
    reasons = (*unreachable.verdict.reasons, Reason(check=None, text="was not run", remedy=""))
    verdict = unreachable.verdict.model_copy(update={"reasons": reasons})
    (issue,) = json.loads(codequality([unreachable.model_copy(update={"verdict": verdict})]))
    assert "pull rate limit reached" in issue["description"]


@STEADY
@given(words=HOSTILE)
def test_every_issue_has_a_fingerprint_of_its_own(one_of_each: list[Result], words: str) -> None:
    issues = json.loads(codequality([with_words(each, words) for each in one_of_each]))
    assert len({each["fingerprint"] for each in issues}) == len(issues)
    assert all("\n" not in each["description"] for each in issues)
