"""Metrics for Prometheus, as files for the textfile collector of its node exporter.

The text is valid in Prometheus' own format and in OpenMetrics: gauges only, ends with ``# EOF``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

from certify.ledger.sweeps import FinishedSweep
from certify.model.result import Result
from certify.model.terms import Status
from certify.util.text import printable

Sample = tuple[str, float]
"""Labels, as they are written, and a value."""


def image_metrics(results: Sequence[Result]) -> Iterator[str]:
    """Yield lines: the verdict, the times and the age of each image, inconclusive ones by cause."""
    causes = Counter(
        (each.profile, each.verdict.reasons[0].check or "none")
        for each in results
        if each.verdict.status is Status.INCONCLUSIVE and each.verdict.reasons
    )
    families: list[tuple[str, str, Iterable[Sample]]] = [
        (
            "certify_image_verdict",
            "1 for the verdict of an image, by status and grade.",
            ((f"{_labels(each)},{_verdict(each)}", 1) for each in results),
        ),
        (
            "certify_image_result_timestamp_seconds",
            "When the image was last certified, rejected or found inconclusive.",
            ((_labels(each), each.finished_at.timestamp()) for each in results),
        ),
        (
            "certify_image_expires_timestamp_seconds",
            "When the certificate expires.",
            ((_labels(r), r.expires_at.timestamp()) for r in results if _certified(r)),
        ),
        *(
            (
                f"certify_image_{name}_seconds",
                f"Startup time: {name}.",
                _times(results, f"{name}_seconds"),
            )
            for name in ("boot", "dockerd", "provision")
        ),
        (
            "certify_inconclusive_images",
            "Images without a verdict, by the first check that could not be answered.",
            ((_text(profile=p, check=check), count) for (p, check), count in causes.items()),
        ),
    ]
    return _lines(families)


def sweep_metrics(
    sweeps: Sequence[FinishedSweep], tally: Callable[[int], Mapping[Status, int]]
) -> Iterator[str]:
    """Yield lines: when the last sweep of each list ended, how long it took, and what it found.

    ``tally`` returns the number of entries of a sweep with each verdict.
    """
    last = {each.source: each for each in reversed(sweeps)}.values()
    found = [
        (_text(list=each.source, status=status.value), count)
        for each in last
        for status, count in tally(each.id).items()
    ]
    ended = [(_text(list=each.source), each.finished_at.timestamp()) for each in last]
    took = [
        # The clock may have been set back meanwhile.
        (_text(list=each.source), max((each.finished_at - each.started_at).total_seconds(), 0.0))
        for each in last
    ]
    return _lines(
        [
            ("certify_sweep_finished_timestamp_seconds", "When the last sweep ended.", ended),
            ("certify_sweep_duration_seconds", "How long the last sweep took.", took),
            ("certify_sweep_images", "What the last sweep found its list to be.", found),
        ]
    )


def _labels(result: Result) -> str:
    platform = result.image.platform or ""
    # By itself, as its text is another for each image.
    return f'reference="{_escaped(result.image.reference)}",' + _text(
        profile=result.profile, platform=platform
    )


def _verdict(result: Result) -> str:
    grade = result.verdict.grade
    return _text(status=result.verdict.status.value, grade=grade.value if grade else "")


def _certified(result: Result) -> bool:
    return result.verdict.status is Status.CERTIFIED


def _times(results: Sequence[Result], name: str) -> Iterator[Sample]:
    for each in results:
        seconds = getattr(each.startup, name)
        if seconds is not None:
            yield _labels(each), seconds


def _lines(families: Iterable[tuple[str, str, Iterable[Sample]]]) -> Iterator[str]:
    for name, meaning, samples in families:
        yield f"# HELP {name} {meaning}\n# TYPE {name} gauge\n"
        for labels, value in samples:
            yield f"{name}{{{labels}}} {value:.15g}\n"
    yield "# EOF\n"


@lru_cache(maxsize=1_000)
def _text(**labels: str) -> str:
    return ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())


def _escaped(text: str) -> str:
    return printable(text).replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
