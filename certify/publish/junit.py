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
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC
from functools import lru_cache
from typing import NamedTuple
from xml.sax.saxutils import escape

from certify.model.result import Check, Result
from certify.model.terms import Outcome, Status, WaiverState
from certify.publish.phrases import is_decisive, verdict_of, waiver_text
from certify.util.text import one_line, printable

_NO_MESSAGE = "no message was recorded"
_LONGEST_MESSAGE = 1000
_LONGEST_EVIDENCE = 100_000
_TOTALS = ("disabled", "errors", "failures", "tests", "time")
END = "</testsuites>\n"
_IN_ATTRIBUTE = {'"': "&quot;", "\r": "&#13;", "\n": "&#10;", "\t": "&#09;"}
_PLAIN = re.compile(r"""[^&<>"\r\n\t]*""").fullmatch


class Suite(NamedTuple):
    """One result as a test suite."""

    text: str
    counts: Mapping[str, float]
    """Its numbers, by the names of their attributes."""


class _Case(NamedTuple):
    kind: str
    """``failure``, ``error`` or ``skipped``; empty if it passed."""
    text: str
    seconds: float


def junit_xml(results: Iterable[Result]) -> str:
    """Return one XML document for all results, in the order given."""
    suites = list(map(suite_of, results))
    return "".join((head(each.counts for each in suites), *(each.text for each in suites), END))


def head(counts: Iterable[Mapping[str, float]]) -> str:
    """Return what comes before suites with some counts; :data:`END` comes after them."""
    totals = dict.fromkeys(_TOTALS, 0.0)
    for each in counts:
        for name in _TOTALS:
            totals[name] += each[name]
    told = " ".join(f'{name}="{total:.15g}"' for name, total in totals.items())
    return f'<?xml version="1.0" encoding="utf-8"?>\n<testsuites {told}>\n'


def suite_of(result: Result) -> Suite:
    """Return one result as a test suite."""
    cases = [_case(check) for check in result.checks]
    if (verdict := _verdict_case(result, cases)) is not None:
        cases.append(verdict)
    kinds = Counter(case.kind for case in cases)
    counts = {
        "disabled": 0, "errors": kinds["error"], "failures": kinds["failure"],
        "skipped": kinds["skipped"], "tests": len(cases),
        "time": sum(case.seconds for case in cases),
    }  # fmt: skip
    name = one_line(f"{result.image.reference} ({result.profile})", _LONGEST_MESSAGE)
    attributes = {
        **{key: str(counts[key]) for key in ("disabled", "errors", "failures")},
        "name": name,
        **{key: str(counts[key]) for key in ("skipped", "tests", "time")},
        # In UTC, without a zone: the format's schema allows none.
        "timestamp": result.started_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
    }
    inner = _properties(result) + "".join(case.text for case in cases)
    return Suite(_element(1, "testsuite", attributes, nested=inner), counts)


def _element(
    depth: int, tag: str, attributes: Mapping[str, str], text: str = "", *, nested: str = ""
) -> str:
    """Return an element on lines of its own, with text or nested elements."""
    told = "".join([f' {name}="{_quoted(value)}"' for name, value in attributes.items()])
    indent = "\t" * depth
    if nested:
        return f"{indent}<{tag}{told}>\n{nested}{indent}</{tag}>\n"
    if text:
        return f"{indent}<{tag}{told}>{escape(text)}</{tag}>\n"
    return f"{indent}<{tag}{told} />\n"


def _quoted(text: str) -> str:
    return text if _PLAIN(text) else escape(text, _IN_ATTRIBUTE)


@lru_cache(maxsize=10_000)
def _case_names(name: str, group: str) -> tuple[str, str]:
    """Return how every case of a check begins, before and after its time."""
    classname = f"certify.{one_line(group)}" if group else "certify"
    begun = f'\t\t<testcase name="{_quoted(one_line(name) or "?")}" time="'
    return begun, f'" classname="{_quoted(classname)}"'


def _properties(result: Result) -> str:
    image = result.image
    values = {
        "verdict": verdict_of(result),
        "platform": image.platform,
        "digest": image.digest,
        "image_id": image.image_id,
        "suite": result.suite.digest,
        "reproduce": result.launch.reproduce,
        "waivers.expired": _noted_waivers(result, WaiverState.EXPIRED),
        "waivers.unneeded": _noted_waivers(result, WaiverState.UNNEEDED),
    }
    found = (
        _element(3, "property", {"name": name, "value": one_line(value, _LONGEST_EVIDENCE)})
        for name, value in values.items()
        if value
    )
    return _element(2, "properties", {}, nested="".join(found))


def _case(check: Check) -> _Case:
    output = ""
    if check.outcome is Outcome.PASSED:
        said = _body(check.evidence, check.remedy) if check.evidence.strip() else ""
        return _named(check.id, check.group, check.seconds, output=said)
    message, body = _message(check.message, check.title), _body(check.evidence, check.remedy)
    match check.outcome:
        case _ if check.waiver is not None:
            kind, body, output = "skipped", "", f"{message}\n{body}"
            message = f"waived: {_message(waiver_text(check.waiver))}"
        case Outcome.SKIPPED:
            kind = "skipped"
        case Outcome.FAILED if is_decisive(check):
            kind = "failure failed"
        case Outcome.UNKNOWN if is_decisive(check):
            kind = "error unknown"
        case _:
            unknown = " (unknown)" if check.outcome is Outcome.UNKNOWN else ""
            kind, body, output = "skipped", "", body
            message = f"{check.level.value}: {message}{unknown}"
    return _named(check.id, check.group, check.seconds, (kind, message, body), output=output)


def _named(
    name: str,
    group: str,
    seconds: float,
    problem: tuple[str, str, str] | None = None,
    *,
    output: str = "",
) -> _Case:
    """Return a case; a problem is its kind, perhaps with a type after it, a message and a text."""
    elapsed, tag, inner = _elapsed(seconds), "", ""
    if problem:
        kind, message, body = problem
        tag, _, word = kind.partition(" ")
        inner = _element(3, tag, {"type": word or tag, "message": message}, body)
    if output:
        inner += _element(3, "system-out", {}, output)
    begun, classname = _case_names(name, group)
    end = f">\n{inner}\t\t</testcase>\n" if inner else " />\n"
    return _Case(tag, f"{begun}{elapsed:f}{classname}{end}", elapsed)


def _noted_waivers(result: Result, state: WaiverState) -> str:
    return "; ".join(
        one_line(f"{note.check} for {note.image}: {waiver_text(note)}", _LONGEST_MESSAGE)
        for note in result.waivers
        if note.state is state
    )


def _verdict_case(result: Result, cases: Sequence[_Case]) -> _Case | None:
    ran = any(check.outcome is not Outcome.SKIPPED for check in result.checks)
    failed = any(case.kind == "failure" for case in cases)
    rejected = result.verdict.status is Status.REJECTED
    inconclusive = result.verdict.status is Status.INCONCLUSIVE or not ran
    if not inconclusive and (failed or not rejected):
        return None
    reasons = result.verdict.reasons
    default = "no check was run" if not ran else _NO_MESSAGE
    message = f"{verdict_of(result)}: {_message(reasons[0].text if reasons else '', default)}"
    texts = "\n".join(
        f"{reason.check or 'run'}: {reason.text}" + f"\n{reason.evidence}".rstrip()
        for reason in reasons
    )
    body = _body(texts, "\n".join(dict.fromkeys(reason.remedy for reason in reasons)))
    kind = "error inconclusive" if inconclusive else "failure rejected"
    return _named("verdict", "", 0, (kind, message, body))


def _message(*candidates: str) -> str:
    """Return the first text that is not empty, as one line; never an empty text."""
    lines = (one_line(candidate, _LONGEST_MESSAGE) for candidate in candidates)
    return next(filter(None, lines), _NO_MESSAGE)


def _body(evidence: str, remedy: str) -> str:
    """Join evidence and remedy."""
    parts = [printable(evidence, limit=_LONGEST_EVIDENCE).strip("\n")]
    if remedy.strip():
        parts.append(f"Remedy: {printable(remedy).strip()}")
    return "\n\n".join(filter(None, parts))


def _elapsed(seconds: float) -> float:
    """Return seconds as a number greater than zero, which every reader takes."""
    return max(seconds, 1e-6) if math.isfinite(seconds) else 1e-6
