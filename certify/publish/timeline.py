"""The timeline of one certification: the steps of the launch, and the checks by their lanes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from certify.model.result import Check, Result

_COLUMNS = 50


@dataclass(frozen=True, slots=True)
class Span:
    """One step of a launch, in seconds since certify requested the container."""

    name: str
    begin: float
    end: float
    kind: str
    """The CSS class of its colour: engine, install, boot, dockerd or checks."""


def spans_of(result: Result) -> list[Span]:
    """Return the measured steps of a launch in the order in which they happened."""
    startup = result.startup
    spans: list[Span] = []
    now = 0.0
    for name, seconds, kind in (
        ("created", startup.create_seconds, "engine"),
        ("started", startup.start_seconds, "engine"),
        ("installed", startup.provision_seconds, "install"),
    ):
        if seconds is not None:
            spans.append(Span(name, now, now + seconds, kind))
            now += seconds
    up = now
    for name, seconds, kind in (
        ("systemd up", startup.boot_seconds, "boot"),
        ("dockerd up", startup.dockerd_seconds, "dockerd"),
    ):
        if seconds is not None:  # both are measured from the start of PID 1
            spans.append(Span(name, now, now + seconds, kind))
            up = max(up, now + seconds)
    return [*spans, *_checks(result.checks, up)]


def _checks(checks: Sequence[Check], up: float) -> list[Span]:
    """Return the spans of the checks: those that ran alone, and each lane."""
    ran = {each: each.began_seconds for each in checks if each.began_seconds is not None}
    if not ran:  # a result of an earlier version
        seconds = sum(check.seconds for check in checks)
        return [Span("checks", up, up + seconds, "checks")] if seconds else []
    parted = min((began for each, began in ran.items() if each.lane), default=float("inf"))
    spans: dict[str, Span] = {}
    for each, began in sorted(ran.items(), key=lambda pair: pair[1]):
        name = each.lane or ("checks" if began < parted else "last checks")
        begin = spans[name].begin if name in spans else began
        spans[name] = Span(name, begin, began + each.seconds, "checks")
    return list(spans.values())


def text_timeline(result: Result, tail: float | None = None) -> Iterator[str]:
    """Yield a line for each step, with a bar; ``tail`` is what followed the checks, in seconds."""
    spans = spans_of(result)
    end = max((span.end for span in spans), default=0.0)
    if head := result.startup.lookup_seconds:
        spans.insert(0, Span("before the launch", -head, 0.0, "engine"))
    if tail is not None:
        spans.append(Span("after the checks", end, end + tail, "engine"))
    first = min((span.begin for span in spans), default=0.0)
    whole = max((span.end for span in spans), default=0.0) - first
    for span in spans:
        at = round((span.begin - first) / (whole or 1.0) * _COLUMNS)
        width = max(1, round((span.end - span.begin) / (whole or 1.0) * _COLUMNS))
        bar = " " * at + "━" * width
        yield f"{span.name:<19}{bar:<{_COLUMNS + 1}}{span.end - span.begin:6.2f} s"
    yield f"{'all':<19}{'':<{_COLUMNS + 1}}{whole:6.2f} s"
