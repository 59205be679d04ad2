"""Summaries: results without their long texts, from which tables are made.

The ledger keeps one beside each document, a tenth of its length. It has the image, the verdict and
the outcome of each check, but no evidence, messages, log, command or host. Whatever is equal is one
object, so that many thousands of summaries fit in memory. The outcomes are packed: most results
share them with many others, and they are unpacked once for all of these.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from sys import intern
from typing import Any, Self, TypeVar, TypeVarTuple

from pydantic_core import from_json

from certify.model.result import (
    AppliedWaiver,
    Check,
    Image,
    Launch,
    Os,
    Reason,
    Result,
    Startup,
    Suite,
    Verdict,
)
from certify.model.terms import Grade, LaunchKind, Level, Outcome, Status, Trust
from certify.model.value import trusted
from certify.util.packing import pack, unpack
from certify.util.text import one_line, safe_json

FORMAT = "3"
"""The first line of a summary; one of another format is made again from its document."""
_FORMATS = (FORMAT, "2")
"""The formats that are read; outcomes of the older one are not packed."""
NAMES = ("reference", "registry", "repository", "tag")
"""The fields of an image that a reader of a summary gives."""
_LONGEST = 1_000
"""The most characters of a text; tables show no more."""
_LARGEST = 16 * 1024 * 1024
"""The most bytes of the outcomes of a result."""
More = TypeVarTuple("More")
R = TypeVar("R")

_MOMENTS = ("started_at", "finished_at", "expires_at")


# The values of summaries have classes of their own, of which all objects are made alike: so Python
# keeps the names of their fields once (:func:`~certify.model.value.trusted`).
class Summary(Result, defer_build=True):
    """A result without its long texts."""

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy with other values of some fields, as small as a summary."""
        return trusted(type(self), {**vars(self), **(update or {})})


class _Image(Image, defer_build=True):
    pass


class _Startup(Startup, defer_build=True):
    pass


class KnownCheck(Check):
    """The outcome of a check, one object for all summaries in which it is equal."""

    __hash__ = object.__hash__  # which makes tuples of them good keys


def once_per_outcomes(
    function: Callable[[tuple[Check, ...], *More], R],
) -> Callable[[tuple[Check, ...], *More], R]:
    """Keep what a function returns for the checks of a summary, which many images share.

    Those of whole results are large, and few of them are equal.
    """
    kept = lru_cache(maxsize=20_000)(function)

    def call(checks: tuple[Check, ...], *more: *More) -> R:
        known = bool(checks) and isinstance(checks[0], KnownCheck)
        return (kept if known else function)(checks, *more)

    return call


def text_of(result: Result) -> str:
    """Return the summary of a result as text: its format, its checks, and everything else."""
    checks = [
        (each.id, each.group, each.level, each.outcome, each.waiver and _dumped(each.waiver))
        for each in result.checks
    ]
    verdict, startup, suite = result.verdict, result.startup, result.suite
    system = result.image.os
    fields = {
        "image": {
            **_dumped(result.image, exclude={"created", "os", *NAMES}),
            "os": system and {name: _shortened(text) for name, text in _dumped(system).items()},
        },
        "profile": result.profile,
        "verdict": (verdict.status, verdict.grade),
        "reason": [
            (each.check, _shortened(each.text), _shortened(each.remedy))
            for each in verdict.reasons[:1]
        ],
        "startup": _dumped(startup),
        "launch": (result.launch.kind, *result.launch.missing),
        "suite": (suite.version, suite.digest),
        **_dumped(result, include=set(_MOMENTS)),
    }
    return "\n".join((FORMAT, pack(safe_json(checks)), safe_json(fields)))


def read(text: str | None, names: Mapping[str, Any]) -> Result | None:
    """Return the result in a summary with the reference in ``names``; None if it cannot be read."""
    try:
        written, checks, rest = (text or "").split("\n", 2)
        if written not in _FORMATS:
            return None
        fields = from_json(rest, cache_strings="keys")
        made = {
            "image": _image(fields["image"], names),
            "profile": intern(fields["profile"]),
            "verdict": _verdict(*fields["verdict"], *map(tuple, fields["reason"])),
            "checks": _checks(checks),
            "startup": _startup(fields["startup"]),
            "launch": _launch(*fields["launch"]),
            "host": None,
            "suite": _suite(*fields["suite"]),
            **{name: datetime.fromisoformat(fields[name]) for name in _MOMENTS},
        }
        return trusted(Summary, made)
    except (ValueError, KeyError, TypeError):
        return None


def brief(result: Result) -> Result:
    """Return the summary of a result; the result itself if it has none."""
    names = {name: getattr(result.image, name) for name in NAMES}
    return read(text_of(result), names) or result


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else one_line(text, _LONGEST)


def _dumped(value: Any, **chosen: Any) -> dict[str, Any]:
    found: dict[str, Any] = value.model_dump(mode="json", exclude_defaults=True, **chosen)
    return found


def _image(fields: dict[str, Any], names: Mapping[str, Any]) -> Image:
    system, digest = fields.get("os"), fields.get("digest")
    same = {name: digest for name in _DIGESTS if fields.get(name) == digest}
    shared = {name: intern(fields[name]) for name in _SHARED if name in fields}
    lists = {name: tuple(map(intern, fields[name])) for name in _LISTS if name in fields}
    known = {"os": system and _os(**system), "trust": Trust(fields.get("trust", Trust.UNKNOWN))}
    return trusted(_Image, {**fields, **same, **shared, **lists, **known, **names})


_DIGESTS = ("manifest_digest", "image_id")
_SHARED = ("platform", "package_manager")
_LISTS = ("platforms", "layer_digests", "rival_manifests")


def _startup(fields: dict[str, Any]) -> Startup:
    lists = {name: tuple(value) for name, value in fields.items() if isinstance(value, list)}
    return trusted(_Startup, {**fields, **lists})


@lru_cache(maxsize=1_000)
def _launch(kind: LaunchKind, *missing: str) -> Launch:
    return Launch(kind=kind, isolation="", missing=missing)


@lru_cache(maxsize=1_000)
def _os(**fields: Any) -> Os:
    return Os(**fields)


@lru_cache(maxsize=1_000)
def _suite(version: str, digest: str) -> Suite:
    return Suite(version=version, digest=digest)


@lru_cache(maxsize=10_000)
def _verdict(status: str, grade: str | None, *reasons: tuple[str | None, str, str]) -> Verdict:
    known = (Reason(check=check, text=text, remedy=remedy) for check, text, remedy in reasons)
    return Verdict(
        status=Status(status), grade=Grade(grade) if grade else None, reasons=tuple(known)
    )


@lru_cache(maxsize=10_000)
def _checks(text: str) -> tuple[KnownCheck, ...]:
    written = text if text.startswith("[") else unpack(text, _LARGEST)
    return tuple(
        _check(*each, AppliedWaiver(**waiver) if waiver else None)
        for *each, waiver in from_json(written)
    )


@lru_cache(maxsize=10_000)
def _check(
    check_id: str, group: str, level: str, outcome: str, waiver: AppliedWaiver | None
) -> KnownCheck:
    return KnownCheck(
        id=check_id, title="", group=group, level=Level(level), outcome=Outcome(outcome),
        seconds=0, waiver=waiver,
    )  # fmt: skip
