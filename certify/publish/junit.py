"""Results as JUnit XML: one test suite per result.

A suite is red exactly if its image is not certified:

==================================================  =========================================
a check that                                        is, in JUnit
==================================================  =========================================
passed                                              a test case that passed
failed, and is required                             ``failure``
is unknown, and is required                         ``error``
failed or is unknown, and is only recommended or    ``skipped``, with a message that begins
informative                                         ``recommended:`` or ``info:``
failed or was skipped, and is waived                ``skipped``, ``waived: reason (owner, until
                                                    date)``; its message is in the output
was skipped                                         ``skipped``
==================================================  =========================================

Where these do not show the verdict, a test case named ``verdict`` is added: an ``error`` with the
reasons if the result is inconclusive or if no check was run at all, a ``failure`` if the image is
rejected and no check above is a failure. Waivers that have expired or are no longer needed are
properties of the suite.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC
from typing import NamedTuple
from xml.etree import ElementTree

from junit_xml import TestCase, TestSuite

from certify.model.result import Check, Result
from certify.model.terms import Outcome, Status, WaiverState
from certify.publish.phrases import is_decisive, verdict_of, waiver_text
from certify.util.text import one_line, printable

_NO_MESSAGE = "no message was recorded"
_LONGEST_MESSAGE = 1000
_LONGEST_EVIDENCE = 100_000
TOTALS = ("disabled", "errors", "failures", "tests", "time")
END = "</testsuites>\n"


class Suite(NamedTuple):
    """One result as a test suite."""

    text: str
    counts: Mapping[str, float]
    """Its numbers, by the names of their attributes."""


def junit_xml(results: Iterable[Result]) -> str:
    """Return one XML document for all results, in the order given."""
    suites = list(map(suite_of, results))
    return "".join((head(each.counts for each in suites), *(each.text for each in suites), END))


def head(counts: Iterable[Mapping[str, float]]) -> str:
    """Return what comes before suites with some counts; :data:`END` comes after them."""
    totals = dict.fromkeys(TOTALS, 0.0)
    for each in counts:
        for name in TOTALS:
            totals[name] += each[name]
    attributes = " ".join(f'{name}="{total:.15g}"' for name, total in totals.items())
    return f'<?xml version="1.0" encoding="utf-8"?>\n<testsuites {attributes}>\n'


def suite_of(result: Result) -> Suite:
    """Return one result as a test suite."""
    suite = _suite(result).build_xml_doc()
    ElementTree.indent(suite, "\t", level=1)
    counts = {name: float(suite.get(name)) for name in TOTALS}
    return Suite(f"\t{ElementTree.tostring(suite, 'unicode')}\n", counts)


def _suite(result: Result) -> TestSuite:
    image = result.image
    properties = {
        "verdict": verdict_of(result),
        "platform": image.platform,
        "digest": image.digest,
        "image_id": image.image_id,
        "suite": result.suite.digest,
        "reproduce": result.launch.reproduce,
        "waivers.expired": _noted_waivers(result, WaiverState.EXPIRED),
        "waivers.unneeded": _noted_waivers(result, WaiverState.UNNEEDED),
    }
    cases = [_case(check) for check in result.checks]
    if (verdict := _verdict_case(result, cases)) is not None:
        cases.append(verdict)
    return TestSuite(
        one_line(f"{image.reference} ({result.profile})", _LONGEST_MESSAGE),
        cases,
        # In UTC, without a zone: the format's schema allows none.
        timestamp=result.started_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        # junit-xml writes None as the word "None".
        properties={
            name: one_line(value, _LONGEST_EVIDENCE) for name, value in properties.items() if value
        },
    )


def _case(check: Check) -> TestCase:
    case = TestCase(
        one_line(check.id) or "?",
        classname=f"certify.{one_line(check.group)}",
        elapsed_sec=_elapsed(check.seconds),
    )
    # junit-xml drops a failure or an error without a message, so there always is one.
    message = _message(check.message, check.title)
    body = _body(check.evidence, check.remedy)
    match check.outcome:
        case Outcome.PASSED:
            case.stdout = body if check.evidence.strip() else None
        case _ if check.waiver is not None:
            case.add_skipped_info(f"waived: {_message(waiver_text(check.waiver))}")
            case.stdout = f"{message}\n{body}"
        case Outcome.SKIPPED:
            case.add_skipped_info(message, body)
        case Outcome.FAILED if is_decisive(check):
            case.add_failure_info(message, body, "failed")
        case Outcome.UNKNOWN if is_decisive(check):
            case.add_error_info(message, body, "unknown")
        case _:
            unknown = " (unknown)" if check.outcome is Outcome.UNKNOWN else ""
            case.add_skipped_info(f"{check.level.value}: {message}{unknown}")
            case.stdout = body
    return case


def _noted_waivers(result: Result, state: WaiverState) -> str:
    return "; ".join(
        one_line(f"{note.check} for {note.image}: {waiver_text(note)}", _LONGEST_MESSAGE)
        for note in result.waivers
        if note.state is state
    )


def _verdict_case(result: Result, cases: Sequence[TestCase]) -> TestCase | None:
    ran = any(check.outcome is not Outcome.SKIPPED for check in result.checks)
    failed = any(case.is_failure() for case in cases)
    rejected = result.verdict.status is Status.REJECTED
    inconclusive = result.verdict.status is Status.INCONCLUSIVE or not ran
    if not inconclusive and (failed or not rejected):
        return None
    case = TestCase("verdict", classname="certify", elapsed_sec=_elapsed(0))
    reasons = result.verdict.reasons
    default = "no check was run" if not ran else _NO_MESSAGE
    message = _message(reasons[0].text if reasons else "", default)
    texts = "\n".join(
        f"{reason.check or 'run'}: {reason.text}" + f"\n{reason.evidence}".rstrip()
        for reason in reasons
    )
    body = _body(texts, "\n".join(dict.fromkeys(reason.remedy for reason in reasons)))
    if inconclusive:
        case.add_error_info(f"{verdict_of(result)}: {message}", body, "inconclusive")
    else:
        case.add_failure_info(f"{verdict_of(result)}: {message}", body, "rejected")
    return case


def _message(*candidates: str) -> str:
    """Return the first text that is not empty, as one line; never an empty text."""
    lines = (one_line(candidate, _LONGEST_MESSAGE) for candidate in candidates)
    return next(filter(None, lines), _NO_MESSAGE)


def _body(evidence: str, remedy: str) -> str:
    """Join evidence and remedy; junit-xml escapes the characters that are special in XML."""
    parts = [printable(evidence, limit=_LONGEST_EVIDENCE).strip("\n")]
    if remedy.strip():
        parts.append(f"Remedy: {printable(remedy).strip()}")
    return "\n\n".join(filter(None, parts))


def _elapsed(seconds: float) -> float:
    """Return seconds greater than zero: junit-xml leaves out the attribute for zero."""
    return max(seconds, 1e-6) if math.isfinite(seconds) else 1e-6
