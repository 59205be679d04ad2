"""The pages of the site as text: the matrix, a page per image, and the comparison."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup
from rich.filesize import decimal

from certify.fix.proposal import is_offered
from certify.judge.culprits import Comparison
from certify.ledger.changes import Change, SweepEntry, group_by_cause
from certify.ledger.matrix_rows import HistoryPoint
from certify.model.result import Check, Reason, Result
from certify.model.result_key import ResultKey
from certify.model.terms import Level, Outcome
from certify.publish import phrases
from certify.publish.host_note import host_note
from certify.publish.matrix_data import groups_of
from certify.publish.phrases import LEGEND, STATUS_MARKS, Mark, mark_of
from certify.publish.site.environment import CLASSES, items, render
from certify.publish.site.plots import Point, timeline, trend, typical
from certify.publish.timeline import spans_of
from certify.util.text import counted, one_line, printable

_HISTORY = 50
_CAUSES, _NAMES = 5, 4
"""The number of causes that a list of names has, and of names with one cause."""


@dataclass(frozen=True)
class LastSweep:
    """When the last sweep went, and how."""

    source: str
    started_at: datetime
    finished_at: datetime
    tally: str
    """How many images it found to be what."""
    unfound: Sequence[SweepEntry] = ()
    """Names and globs of its list that led to no image, so that the matrix has no rows of them."""

    @property
    def took(self) -> str:
        """The time that it took: ``40 s``, ``95 min``, ``5 h 20 min``."""
        seconds = max(int((self.finished_at - self.started_at).total_seconds()), 0)
        if seconds < 120:
            return f"{seconds} s"
        minutes = seconds // 60
        return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


_WORST_FIRST = (Mark.FAILED, Mark.UNKNOWN, Mark.NOTED, Mark.SKIPPED)


def image_page(
    result: Result,
    stem: str,
    history: Sequence[HistoryPoint],
    now: datetime,
    compared: Comparison | None = None,
) -> str:
    """Return the page of one result as it stands ``now``.

    ``history`` has all results of its name, oldest first; ``compared`` is what changed inside
    the image since its last certificate.
    """
    points = [
        Point(
            each.at,
            each.status,
            each.boot_seconds,
            result.startup.samples if each.at == result.finished_at else (),
        )
        for each in history
        if each.boot_seconds is not None
    ]
    image, by_id = result.image, {check.id: check for check in result.checks}
    marked = [(check, mark_of(check)) for check in result.checks]
    passed = [check for check, mark in marked if mark is Mark.PASSED]
    wrong = [(check, mark, CLASSES[mark]) for check, mark in marked if mark is not Mark.PASSED]
    wrong.sort(key=lambda each: _WORST_FIRST.index(each[1]))
    problems = [each for each in wrong if each[1] is not Mark.SKIPPED]
    return render(
        "image.html.j2",
        title=f"{phrases.verdict_of(result, now)}: {one_line(image.reference)} · certify",
        kind="image",
        root="../" * (1 + stem.count("/")),
        written=result.finished_at,
        result=result,
        stem=stem,
        headline=phrases.verdict_of(result, now),
        status=phrases.status_of(result, now),
        reasons=[(each, _evidence(each, by_id)) for each in result.verdict.reasons],
        reason_ids={each.check for each in result.verdict.reasons},
        marks=_STATUSES,
        timeline=Markup(timeline(spans_of(result))),  # noqa: S704 - escapes what it writes
        trend=Markup(trend(points)),  # noqa: S704 - likewise
        typical=[phrases.seconds(each) for each in typical(points)] if points else [],
        few=len(points) < 4,
        problems=problems,
        problems_title=_problems_title([check for check, _, _ in problems]),
        skipped=wrong[len(problems) :],
        passed=len(passed),
        groups=[(group, items(checks)) for group, checks in groups_of(tuple(passed)).items()],
        facts=_facts(result, now),
        host=_host(result),
        history=_by_digest(history[-_HISTORY:]),
        compared=compared,
        inside=[str(each) for each in (compared.inside if compared else None) or ()],
        older=max(len(history) - _HISTORY, 0),
        launch_command=portable(result.launch.reproduce),
        reproduce_command=f"certify reproduce {_quoted(result.image.reference)} --run"
        f" --profile {_quoted(result.profile)}",
        certify_command=_command(result, "certify"),
        fix_command=_command(result, "certify fix"),
        fixable=is_offered(result),
    )


def _problems_title(checks: Sequence[Check]) -> str:
    """Return how many checks did not pass, or are not met if the verdict does not need them."""
    levels = dict.fromkeys(each.level for each in checks)
    if Level.REQUIRED in levels or any(each.outcome is not Outcome.FAILED for each in checks):
        return f"{counted(len(checks), 'check')} did not pass"
    words = "/".join({Level.INFO: "informative"}.get(each, each.value) for each in levels)
    return f"{counted(len(checks), f'{words} check')} not met"


def index_page(
    changes: Sequence[Change] | None,
    stems: Mapping[ResultKey, str],
    written: datetime,
    sweep: LastSweep | None = None,
) -> str:
    """Return the page of the matrix; its rows, which may be many, are in a script.

    ``changes`` are those of the last sweep, None without an earlier sweep to compare with;
    ``stems`` has the names of all image pages by reference, platform and profile; ``sweep`` is the
    last one, None if there was none.
    """
    kinds = Counter(change.kind.value for change in changes or ())
    shown = [
        {
            "kind": change.kind.value,
            "reference": one_line(change.image.reference),
            "profile": one_line(change.image.profile),
            "stem": stems.get(change.image.key),
        }
        for change in changes or ()
    ]
    return render(
        "index.html.j2", title="Compatibility matrix · certify", kind="index", root="",
        written=written, sweep=sweep, changes=None if changes is None else shown,
        unfound=_unfound(sweep.unfound if sweep else ()),
        kinds=", ".join(f"{count} {kind}" for kind, count in kinds.items()),
        legend={mark: {"class": CLASSES[mark], "text": text} for mark, text in LEGEND.items()},
    )  # fmt: skip


def _unfound(entries: Sequence[SweepEntry]) -> list[tuple[str, list[str], int]]:
    """Return what led to no image by its cause: the cause, some names, and how many more."""
    found = []
    for cause, images in group_by_cause(entries)[:_CAUSES]:
        names = list(dict.fromkeys(one_line(each.reference) for each in images))
        found.append((one_line(cause, 300), names[:_NAMES], len(names[_NAMES:])))
    return found


def compare_page(written: datetime) -> str:
    """Return the page that compares two rows of the matrix."""
    return render(
        "compare.html.j2", title="Compare · certify", kind="compare", root="", written=written
    )


def suggest_page(written: datetime) -> str:
    """Return the page with a form that finds certified images."""
    return render(
        "suggest.html.j2", title="Find an image · certify", kind="suggest", root="", written=written
    )


def _evidence(reason: Reason, checks: Mapping[str, Check]) -> str:
    """Return the evidence of a reason: its own, or else that of its check."""
    found = checks.get(reason.check or "")
    return reason.evidence or (found.evidence if found else "")


def _by_digest(history: Sequence[HistoryPoint]) -> list[tuple[str, list[HistoryPoint]]]:
    """Group results by digest; newest digest first, and newest result first in each group."""
    found: dict[str, list[HistoryPoint]] = {}
    for each in reversed(history):
        found.setdefault(each.identity, []).append(each)
    return list(found.items())


def _command(result: Result, command: str) -> str:
    """Return a command about this image, pinned by digest, to paste into a shell."""
    image = result.image
    name = f"{image.registry}/{image.repository}" if image.repository else image.reference
    pinned = f"{name}@{image.digest}" if image.digest and image.repository else image.reference
    return f"{command} {_quoted(pinned)} --profile {_quoted(result.profile)}"


def portable(command: str) -> str:
    """Return the command of a launch with the seccomp profile as a file of the working directory.

    As it was recorded, it names the file of the certify that made the launch, on its host.
    """
    return re.sub(r"(--security-opt[= ]seccomp=)[^'\"]*?/seccomp\.json", r"\1seccomp.json", command)


def _quoted(word: str) -> str:
    return shlex.quote(printable(word))


def _facts(result: Result, now: datetime) -> list[tuple[str, str]]:
    image = result.image
    size = None if image.size_bytes is None else decimal(image.size_bytes)
    found = (
        ("reference", image.reference),
        ("digest", image.digest),
        ("manifest", image.manifest_digest if image.manifest_digest != image.digest else None),
        ("image id", image.image_id),
        ("platform", image.platform),
        ("system", (image.os.pretty_name or image.os.id) if image.os else None),
        ("packages", image.package_manager),
        ("size", size and f"{size} in {image.layers} layer{'s' * (image.layers != 1)}"),
        ("created", image.created),
        ("trust", image.trust.value),
        ("boot", result.boot_rank and phrases.rank_text(result.boot_rank)),
        ("launch", f"{result.launch.kind}, isolation {phrases.isolation_text(result)}"),
        ("network", result.launch.network),
        ("missing as shipped", ", ".join(result.launch.missing)),
        ("verdicts", host_note(result, now)),
        ("suite", f"{result.suite.version} {result.suite.digest}"),
    )
    return [(name, value) for name, value in found if value]


def _host(result: Result) -> list[tuple[str, str]]:
    host = result.host
    if host is None:
        return []
    found = [
        ("engine", f"{host.engine} {host.engine_version}"),
        ("kernel", host.kernel),
        ("cgroups", f"v{host.cgroup_version}"),
        ("storage", host.storage_driver),
        ("architecture", host.architecture),
        ("processors", str(host.cpus)),
        ("memory", decimal(host.memory_bytes)),
    ]
    if host.calibration:
        found.append(("probe container", phrases.seconds(host.calibration.total_seconds)))
    return found


_STATUSES = {
    status: {"mark": mark.value, "class": CLASSES[mark]} for status, mark in STATUS_MARKS.items()
} | {phrases.EXPIRED: {"mark": "○", "class": "expired"}}
