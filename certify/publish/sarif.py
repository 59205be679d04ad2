"""Results as SARIF 2.1.0, which code hosts show beside the lines of a list of images.

A required check that failed is an error, another one a warning or a note; what a waiver excuses is
suppressed. What could not be answered is a notification of the tool, not a result: it is nothing
that is wrong with the image.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from certify import __version__
from certify.model.result import Result
from certify.publish.phrases import waiver_text
from certify.publish.places import NOWHERE, VERDICT, Finding, Place, Places, findings
from certify.util.text import one_line, printable, safe_json

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def sarif(results: Sequence[Result], places: Places = NOWHERE) -> str:
    """Return a log with one run; ``places`` are where the images are named."""
    found = list(findings(results, places))
    rules = {each.rule: each for each in reversed(found)}
    ids = sorted(rules)
    wrong = [each for each in found if each.level != "unknown"]
    open_questions = [_notification(each) for each in found if each.level == "unknown"]
    run = {
        "tool": {
            "driver": {
                "name": "certify",
                "semanticVersion": __version__,
                "rules": [_rule(rules[name]) for name in ids],
            }
        },
        "automationDetails": {"id": "certify/"},
        "invocations": [
            {
                "executionSuccessful": not open_questions,
                "toolExecutionNotifications": open_questions,
            }
        ],
        "results": [_result(each, ids.index(each.rule)) for each in wrong],
        "columnKind": "unicodeCodePoints",
    }
    return safe_json({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(finding: Finding) -> dict[str, Any]:
    text = printable(finding.title)
    remedy = printable(finding.remedy) or text
    more = f"`certify checks {finding.rule}` explains it. " if finding.rule != VERDICT else ""
    return {
        "id": finding.rule,
        "shortDescription": {"text": text},
        "fullDescription": {"text": text},
        "help": {"text": f"{more}{remedy}"},
        "properties": {"tags": ["container-image"]},
    }


def _result(finding: Finding, index: int) -> dict[str, Any]:
    waiver = finding.waiver
    excused = [{"kind": "external", "justification": waiver_text(waiver)}] if waiver else []
    return {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": finding.level,
        "message": {"text": finding.message},
        "locations": [_location(finding.place)],
        "partialFingerprints": {"certify/v1": finding.fingerprint},
        "suppressions": excused,
        "properties": {
            "reference": one_line(finding.result.image.reference),
            "digest": finding.result.image.digest,
            "profile": one_line(finding.result.profile),
        },
    }


def _notification(finding: Finding) -> dict[str, Any]:
    return {
        "level": "warning",
        "message": {"text": finding.message},
        "locations": [_location(finding.place)],
        "associatedRule": {"id": finding.rule},
    }


def _location(place: Place) -> dict[str, Any]:
    file = {"uri": quote(place.file, errors="replace")}
    return {"physicalLocation": {"artifactLocation": file, "region": {"startLine": place.line}}}
