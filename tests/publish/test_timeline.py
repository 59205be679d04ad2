"""The timeline of a certification: its steps, its lanes, and the bars in text."""

from __future__ import annotations

from certify.model.result import Result, Startup
from certify.publish.timeline import spans_of, text_timeline
from tests.factories import NOON, result_of


def test_steps_follow_one_another_and_both_boots_begin_with_pid_1() -> None:
    result = result_of(1, NOON)
    startup = Startup(
        create_seconds=0.5, start_seconds=0.25, provision_seconds=10,
        boot_seconds=1, dockerd_seconds=1.5,
    )  # fmt: skip
    checks = tuple(check.model_copy(update={"seconds": 0.5}) for check in result.checks[:4])
    spans = spans_of(result.model_copy(update={"startup": startup, "checks": checks}))
    assert [(span.name, span.begin, span.end) for span in spans] == [
        ("created", 0, 0.5), ("started", 0.5, 0.75), ("installed", 0.75, 10.75),
        ("systemd up", 10.75, 11.75), ("dockerd up", 10.75, 12.25), ("checks", 12.25, 14.25),
    ]  # fmt: skip


def test_where_nothing_was_measured_nothing_is_shown() -> None:
    nothing = result_of(1, NOON).model_copy(update={"startup": Startup(), "checks": ()})
    assert spans_of(nothing) == []
    assert list(text_timeline(nothing))[-1].split() == ["all", "0.00", "s"]


def in_lanes() -> Result:
    result = result_of(1, NOON)
    ran = [("", 0.5, 1), ("packages", 2, 3), ("services", 2.1, 0.5), ("services", 3, 1), ("", 5, 2)]
    checks = tuple(
        check.model_copy(update={"lane": lane, "began_seconds": began, "seconds": seconds})
        for check, (lane, began, seconds) in zip(result.checks, ran, strict=False)
    )
    startup = Startup(lookup_seconds=1, create_seconds=0.5)
    return result.model_copy(update={"startup": startup, "checks": checks})


def test_each_lane_has_its_span() -> None:
    assert [(span.name, span.begin, span.end) for span in spans_of(in_lanes())] == [
        ("created", 0, 0.5), ("checks", 0.5, 1.5), ("packages", 2, 5), ("services", 2.1, 4),
        ("last checks", 5, 7),
    ]  # fmt: skip


def test_the_text_has_what_came_before_and_after() -> None:
    lines = list(text_timeline(in_lanes(), tail=2))
    assert [line.split("  ")[0].strip() for line in lines] == [
        "before the launch", "created", "checks", "packages", "services", "last checks",
        "after the checks", "all",
    ]  # fmt: skip
    assert [float(line.split()[-2]) for line in lines] == [1, 0.5, 1, 3, 1.9, 2, 2, 10]
    bars = {line[:19].strip(): line[19:70] for line in lines}
    assert (bars["packages"].index("━"), bars["services"].index("━")) == (15, 16)
    assert bars["after the checks"].rstrip().endswith("━" * 10)
