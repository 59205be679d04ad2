"""SARIF: read by models that are made from its schema, with places and without blame for hosts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from certify.model.result import AppliedWaiver, Result
from certify.model.terms import Outcome
from certify.publish.places import Place
from certify.publish.sarif import sarif
from tests.factories import a_certificate, a_check
from tests.publish.test_markdown import HOSTILE, STEADY, with_words

# The models are of an older style of pydantic.
pytestmark = pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecatedSince20")


def run_of(results: list[Result], **more: Any) -> dict[str, Any]:
    from pydantic_sarif import model

    text = sarif(results, **more)
    log = json.loads(text)
    log["$schema"] = "https://json.schemastore.org/sarif-2.1.0.json"
    parsed = model.StaticAnalysisResultsFormatSarifVersion210JsonSchema.model_validate(log)
    assert len(parsed.runs) == 1
    (run,) = log["runs"]
    return dict(run)


def test_a_rejection_is_an_error_at_its_line(rejected: Result) -> None:
    places = {rejected.image.reference: Place("lists/our images.txt", 7)}
    run = run_of([rejected], places=places)
    errors = [each for each in run["results"] if each["level"] == "error"]
    assert [each["ruleId"] for each in errors] == [each.check for each in rejected.verdict.reasons]
    location = errors[0]["locations"][0]["physicalLocation"]
    assert location == {
        "artifactLocation": {"uri": "lists/our%20images.txt"},
        "region": {"startLine": 7},
    }
    rule = run["tool"]["driver"]["rules"][errors[0]["ruleIndex"]]
    assert rule["id"] == errors[0]["ruleId"]
    assert f"certify checks {rule['id']}" in rule["help"]["text"]
    assert run["invocations"][0]["executionSuccessful"] is True


def test_without_a_list_the_place_stays_the_same_for_every_tag(rejected: Result) -> None:
    image = rejected.image.model_copy(update={"reference": "x/app:2", "repository": "x/app"})
    run = run_of([rejected.model_copy(update={"image": image})])
    place = run["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "x/app"


def test_trouble_is_no_result_but_a_notification(unreachable: Result) -> None:
    run = run_of([unreachable])
    assert run["results"] == []
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is False
    assert len(invocation["toolExecutionNotifications"]) == len(unreachable.verdict.reasons)
    (rule,) = run["tool"]["driver"]["rules"]
    assert rule["help"]["text"] == unreachable.verdict.reasons[0].remedy, "no check explains it"


def test_what_is_waived_is_suppressed(waived: AppliedWaiver) -> None:
    check = a_check("image.size", Outcome.FAILED, waiver=waived)
    run = run_of([a_certificate(checks=(check,))])
    excused = [each for each in run["results"] if each["suppressions"]]
    assert len(excused) == 1
    assert excused[0]["suppressions"][0]["justification"].startswith("harmless (ana, until ")


def test_a_fingerprint_follows_the_check_and_not_the_digest(rejected: Result) -> None:
    image = rejected.image.model_copy(update={"digest": "sha256:" + "7" * 64})
    again = rejected.model_copy(update={"image": image})
    before, after = (
        [each["partialFingerprints"] for each in run_of([result])["results"]]
        for result in (rejected, again)
    )
    assert before == after
    assert len({each["certify/v1"] for each in before}) == len(before)


@STEADY
@given(words=HOSTILE)
def test_whatever_an_image_prints_it_is_sarif(one_of_each: list[Result], words: str) -> None:
    run_of([with_words(each, words) for each in one_of_each])
