"""The report for a terminal: what matters at its end, nothing twice, and within 80 columns."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from certify.model.result import (
    Alternative,
    AppliedWaiver,
    Check,
    Reason,
    Recommendation,
    Result,
    Startup,
    WaiverNote,
)
from certify.model.terms import Grade, Level, Outcome, Status, WaiverState
from certify.publish.text import NextSteps, print_report
from tests.factories import DIGEST, NOON

STEADY = settings(derandomize=True, deadline=None)
HOSTILE = st.text(st.characters(exclude_categories=()), min_size=1)
MakeCheck = Callable[..., Check]
MakeResult = Callable[..., Result]


def shown(*results: Result, width: int = 80, colour: bool = False, verbose: bool = False) -> str:
    file = io.StringIO()
    console = Console(
        file=file, width=width, force_terminal=colour, color_system="standard" if colour else None
    )

    def next_steps(result: Result) -> NextSteps:
        rejected = result.verdict.status is Status.REJECTED
        return NextSteps(fix=rejected, page="reports/images/x.html")

    print_report(results, console, next_steps=next_steps, verbose=verbose)
    return file.getvalue()


def test_a_rejection_in_brief_fits_a_terminal(rejected: Result) -> None:
    text = shown(rejected)
    assert (
        text
        == """\
✗ dockerd.container failed
  dockerd answers, but no container can run in it
    $ docker run --rm --network none certify-probe:say
    exit 125
    docker: Error response from daemon: failed to create task for container:
    failed to create shim task: OCI runtime create failed: runc create failed:
    unable to start container process: unable to join session keyring: unable to
    create session key: operation not permitted: unknown.
  → Remove "seccomp-profile" from /etc/docker/daemon.json, and see that
    containerd and runc come from the same release as dockerd.

REJECTED  localhost/debian-broken-dockerd:latest
devspace · linux/amd64 · Debian GNU/Linux 12 (bookworm) · 412.3 MB
31 passed · 1 failed · 3 skipped
boot 0.8 s · dockerd 0.9 s · 32 checks in 11.2 s
isolation caps: an image that means harm can take this host
Cause:  dockerd.container: dockerd answers, but no container can run in it
Fix:    certify fix localhost/debian-broken-dockerd:latest
Report: reports/images/x.html
Try it: certify reproduce localhost/debian-broken-dockerd:latest
"""
    )
    assert len(text.splitlines()) < 24


def test_what_was_not_answered_has_its_cause_and_remedy_in_brief(
    make_check: MakeCheck, make_result: MakeResult
) -> None:
    checks = tuple(
        make_check(
            f"g.c{n}", Outcome.UNKNOWN, message=f"why {n}", evidence="seen", remedy=f"do {n}"
        )
        for n in range(3)
    )
    reasons = tuple(
        Reason(check=check.id, text=check.message, remedy=check.remedy) for check in checks[1:]
    )
    text = shown(make_result(checks=checks, status=Status.INCONCLUSIVE, reasons=reasons))
    assert text.startswith(
        "? g.c1 unknown\n  why 1\n    seen\n  → do 1\n\n? g.c2: why 2\n? g.c0: why 0"
    )


def test_unknown_checks_that_share_a_cause_have_it_in_brief(
    make_check: MakeCheck, make_result: MakeResult
) -> None:
    checks = (
        *(make_check(f"g.c{n}", Outcome.UNKNOWN, message="no network") for n in range(3)),
        make_check("m.c", Outcome.FAILED, level=Level.RECOMMENDED),
    )
    reason = Reason(check=None, text="no network (g.c0, g.c1, g.c2)", remedy="See to it.")
    text = shown(make_result(checks=checks, status=Status.INCONCLUSIVE, reasons=(reason,)))
    assert text.startswith("  no network (g.c0, g.c1, g.c2)\n  → See to it.\n")


def test_a_rejection_in_full_has_skipped_checks_and_the_command(rejected: Result) -> None:
    text = shown(rejected, verbose=True)
    assert (
        "– skipped: dockerd.network, dockerd.compose, dockerd.restart — needs\n"
        "  dockerd.container, which failed\n\n"
        f"To reproduce:\n{rejected.launch.reproduce}\n\n"
        "REJECTED  localhost/"
    ) in text


def test_many_failures_take_a_line_each(make_check: MakeCheck, make_result: MakeResult) -> None:
    checks = tuple(
        make_check(f"g.c{n}", Outcome.FAILED, message=f"no {n}", evidence="a\n" * 30, remedy="r")
        for n in range(10)
    )
    minor = tuple(make_check(f"m.c{n}", Outcome.FAILED, level=Level.RECOMMENDED) for n in range(4))
    text = shown(make_result(checks=(*checks, *minor), status=Status.REJECTED))
    assert len(text.splitlines()) <= 24
    assert "\n✗ g.c5: no 5\n✗ 4 more failed\n" in text
    assert "! 4 recommended checks not met: m.c0, m.c1, m.c2, m.c3\n" in text
    assert "no 6" in shown(make_result(checks=checks, status=Status.REJECTED), verbose=True)


def test_several_launches_show_their_range(make_result: MakeResult) -> None:
    startup = Startup(
        boot_seconds=0.8,
        samples=(0.8, 0.7, 1.1),
        dockerd_seconds=1.2,
        dockerd_samples=(1.2, 1.4),
        provision_seconds=13.2,
        provision_samples=(13.2, 12.6, 19.8),
    )
    assert (
        "boot 0.8 s (median of 3, 0.7–1.1) · dockerd 1.2 s (median of 2, 1.2–1.4) · "
        "provision 13.2 s (median of 3, 12.6–19.8) "
    ) in " ".join(shown(make_result(startup=startup)).split())
    once = Startup(boot_seconds=0.8, dockerd_seconds=0.9, samples=(0.8,), dockerd_samples=(0.9,))
    assert "boot 0.8 s · dockerd 0.9 s" in shown(make_result(startup=once))


def test_each_report_ends_with_its_verdict(one_of_each: list[Result]) -> None:
    verdicts = [
        re.findall(r"^(?:CERTIFIED|REJECTED|INCONCLUSIVE).*?(?=  )", shown(result), re.MULTILINE)
        for result in one_of_each
    ]
    assert verdicts == [
        ["CERTIFIED native"],
        ["CERTIFIED on-launch (+13.2 s)"],
        ["REJECTED"],
        ["INCONCLUSIVE"],
        ["INCONCLUSIVE"],
    ]


def test_an_image_that_cannot_start_has_a_reason(unreachable: Result) -> None:
    assert (
        shown(unreachable)
        == """\
  the registry says: toomanyrequests, pull rate limit reached
  → Log in with docker login, or wait an hour.

INCONCLUSIVE  registry.example.com/team/missing:1
devspace
Report: reports/images/x.html
Help:   certify help inconclusive
"""
    )


def test_a_result_without_reasons_has_a_sentence(make_result: MakeResult) -> None:
    silent = make_result(checks=(), status=Status.INCONCLUSIVE)
    assert "No check was run" in shown(silent)


def test_the_whole_report_of_a_waived_certificate(
    make_check: MakeCheck, make_result: MakeResult, waived: AppliedWaiver
) -> None:
    because = "needs dockerd.container, which failed"
    checks = (
        make_check("image.os"),
        make_check("dockerd.container", Outcome.FAILED, message="no container", waiver=waived),
        make_check("dockerd.network", Outcome.SKIPPED, message=because, level=Level.RECOMMENDED),
        make_check("dockerd.restart", Outcome.SKIPPED, message=because, waiver=waived),
    )
    told = {
        "image.size": WaiverState.UNNEEDED,
        "image.os": WaiverState.EXPIRED,
        "dockerd.container": WaiverState.USED,
    }
    notes = tuple(
        WaiverNote(check=check, image="team/*", state=state, **waived.model_dump())
        for check, state in told.items()
    )
    result = make_result("team/app:1", checks=checks, waivers=notes, startup=Startup())
    assert (
        shown(result, verbose=True)
        == f"""\
! dockerd.container failed, waived: harmless (ana, until 2026-05-31, OPS-7)
  no container

– skipped: dockerd.network — needs dockerd.container, which failed
– skipped, waived: dockerd.restart — needs dockerd.container, which failed;
  harmless (ana, until 2026-05-31, OPS-7)

! waiver expired, and therefore ignored: image.os for team/* — harmless (ana,
  until 2026-05-31, OPS-7)
  → Renew it if it is still needed, or remove it.
! waiver no longer needed, because the check passes: image.size for team/* —
  harmless (ana, until 2026-05-31, OPS-7)
  → Remove it.

To reproduce:
{result.launch.reproduce}

CERTIFIED native, 2 waived  team/app:1
devspace · linux/amd64 · Debian GNU/Linux 12 (bookworm) · 412.3 MB
1 passed · 1 failed (1 waived) · 2 skipped (1 waived)
2 checks in 0.7 s
isolation caps: an image that means harm can take this host
Report: reports/images/x.html
"""
    )


def test_only_a_certificate_shows_its_waivers_in_the_heading(
    make_check: MakeCheck, make_result: MakeResult, waived: AppliedWaiver
) -> None:
    checks = (make_check("a.b", Outcome.FAILED, waiver=waived), make_check("c.d", Outcome.FAILED))
    text = shown(make_result("x:1", checks=checks, status=Status.REJECTED))
    assert "\nREJECTED  x:1\n" in text
    assert "2 failed (1 waived)\n" in text
    grade = {"grade": Grade.ON_LAUNCH, "startup": Startup(provision_seconds=13.21)}
    text = shown(make_result("x:1", checks=checks[:1], **grade))
    assert "\nCERTIFIED on-launch (+13.2 s), 1 waived  x:1\n" in text


def test_a_waived_recommended_check_changes_no_heading(
    make_check: MakeCheck, make_result: MakeResult, waived: AppliedWaiver
) -> None:
    noted = make_check("a.b", Outcome.FAILED, waiver=waived, level=Level.RECOMMENDED)
    text = shown(make_result("x:1", checks=(noted,)))
    assert "\nCERTIFIED native  x:1\n" in text
    assert "! a.b, waived: harmless" in text


def test_decisive_checks_come_first(make_check: MakeCheck, make_result: MakeResult) -> None:
    checks = (
        make_check("image.size", Outcome.FAILED, level=Level.INFO),
        make_check("packages.refresh", Outcome.UNKNOWN),
        make_check("workspace.bash", Outcome.FAILED),
    )
    text = shown(make_result(checks=checks, status=Status.REJECTED), verbose=True)
    assert re.findall(r"^[✗?!] (\S+)", text, re.MULTILINE) == [
        "workspace.bash",
        "packages.refresh",
        "image.size",
    ]
    assert "title of image.size" in text  # no message: at least its title


def test_passed_checks_are_a_count_only(native: Result) -> None:
    text = shown(native)
    assert "35 passed\n" in text
    assert "image.os" not in text


def test_several_results_end_in_one_summary(one_of_each: list[Result]) -> None:
    text = shown(*one_of_each)
    assert text.count("\nREJECTED ") == 2
    assert "\nREJECTED                       localhost/debian-broken-dockerd:latest — d" in text
    assert text.endswith(
        "\n5 results: 2 certified (1 native, 1 on-launch), 1 rejected, 2 inconclusive\n"
    )
    assert "results:" not in shown(one_of_each[0])
    assert shown() == "\n0 results: no results\n"


def test_a_run_that_never_started_has_a_short_report(
    make_check: MakeCheck, make_result: MakeResult
) -> None:
    checks = tuple(make_check(f"g.c{n}", Outcome.UNKNOWN, message="was not run") for n in range(30))
    reasons = (
        Reason(check=None, text="the engine does not answer", remedy="Start it."),
        Reason(check=None, text="was not run (g.c0, g.c1 and 28 more)", remedy="Run again."),
    )
    status = Status.INCONCLUSIVE
    text = shown(make_result(checks=checks, reasons=reasons, status=status, startup=Startup()))
    assert "  the engine does not answer\n  → Start it.\n\nINCONCLUSIVE  " in text
    assert "\n30 unknown\n" in text
    assert "g.c0" not in text


@pytest.mark.parametrize("width", [80, 100, 200])
def test_it_fits_and_pads_nothing(one_of_each: list[Result], width: int) -> None:
    commands = {result.launch.reproduce for result in one_of_each}
    for line in shown(*one_of_each, width=width).split("\n"):
        assert line in commands or cell_len(line) <= width
        assert line == line.rstrip()


@pytest.mark.parametrize("width", [1, 20, 40])
def test_a_narrow_terminal_still_shows_the_verdict(one_of_each: list[Result], width: int) -> None:
    assert "REJECTED"[:width] in shown(*one_of_each, width=width)


@pytest.mark.parametrize("colour", [False, True])
def test_the_command_stays_in_one_piece(rejected: Result, colour: bool) -> None:
    text = shown(rejected, colour=colour, verbose=True)
    assert f"\n{rejected.launch.reproduce}\n" in text


def test_text_is_the_same_without_colour(one_of_each: list[Result]) -> None:
    coloured = shown(*one_of_each, colour=True)
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == shown(*one_of_each)


def test_data_is_no_markup(
    make_check: MakeCheck, make_result: MakeResult, waived: AppliedWaiver
) -> None:
    text = "[bold red]x[/] :boom: [link=http://x]y[/link]"
    waiver = waived.model_copy(update={"reason": text})
    failed = make_check(
        "a.b", Outcome.FAILED, message=text, evidence=text, remedy=text, waiver=waiver
    )
    assert shown(make_result(text, checks=(failed,)), verbose=True).count(text) == 5


@STEADY
@given(HOSTILE)
def test_no_data_controls_the_terminal(
    make_check: MakeCheck, make_result: MakeResult, waived: AppliedWaiver, hostile: str
) -> None:
    text = hostile + "\x1b[2J\x07\x9b"
    waiver = waived.model_copy(update={"reason": text, "owner": text, "ticket": text})
    note = WaiverNote(check=text, image=text, state=WaiverState.EXPIRED, **waiver.model_dump())
    told = {"message": text, "evidence": text, "remedy": text, "waiver": waiver}
    check = make_check("a.b", Outcome.FAILED, **told)
    skipped = make_check("c.d", Outcome.SKIPPED, message=text, title=text, waiver=waiver)
    reason = Reason(check=None, text=text, remedy=text)
    checks = (check, skipped)
    result = make_result(text, checks=checks, reasons=(reason,), profile=text, waivers=(note,))
    result = result.model_copy(
        update={"launch": result.launch.model_copy(update={"reproduce": text})}
    )
    output = shown(result, result) + shown(result, verbose=True)
    output.encode()
    assert not set(output) & {"\x1b", "\x07", "\x9b", "\r", "\u202e"}


def test_timing_leaves_out_missing_measurements(
    make_check: MakeCheck, make_result: MakeResult
) -> None:
    result = make_result(
        checks=(make_check("image.os"),), grade=Grade.NATIVE, startup=Startup(boot_seconds=123.4)
    )
    assert "boot 123 s · 1 check in 0.3 s\n" in shown(result)


def alternative(reference: str, grade: Grade = Grade.NATIVE) -> Alternative:
    return Alternative(
        reference=reference, digest=DIGEST, image_id=None, os=None, grade=grade, certified_at=NOON
    )


def test_a_recommendation_is_one_or_two_lines(make_result: MakeResult) -> None:
    base, other = alternative("base:1"), alternative("other:1", Grade.ON_LAUNCH)
    recommended = Recommendation(closest=(base, other), extends=base)
    result = make_result(status=Status.REJECTED, recommendation=recommended)
    assert "closest" not in shown(result), "in brief the most telling one is enough"
    text = shown(result, verbose=True)
    assert (
        "  something above base:1 (native) broke it\n  certified and closest: other:1 (on-launch)\n"
    ) in text


def test_a_rejection_with_a_recommendation_fits_a_terminal(rejected: Result) -> None:
    base, other = alternative(f"{'b' * 60}:1"), alternative("other:1", Grade.ON_LAUNCH)
    checks = tuple(
        each.model_copy(update={"evidence": "a line\n" * 40}) if each.evidence else each
        for each in rejected.checks
    )
    recommended = Recommendation(closest=(base, other), extends=base)
    result = rejected.model_copy(update={"checks": checks, "recommendation": recommended})
    text = shown(result)
    assert len(text.splitlines()) < 24
    assert any(line.endswith("…") and len(line) == 80 for line in text.splitlines())
    assert "(native) broke it" in shown(result, verbose=True).replace("\n  ", " ")


def test_without_a_recommendation_there_is_no_line(make_result: MakeResult) -> None:
    assert "closest" not in shown(make_result())


def test_a_recommended_check_that_failed_is_not_met(
    make_check: MakeCheck, make_result: MakeResult
) -> None:
    failed = [make_check(f"g.c{n}", Outcome.FAILED) for n in range(4)]
    optional = [
        check.model_copy(update={"level": level})
        for check, level in zip(
            failed,
            (Level.REQUIRED, Level.RECOMMENDED, Level.RECOMMENDED, Level.INFO),
            strict=True,
        )
    ]
    text = shown(make_result(checks=tuple(optional), status=Status.REJECTED))
    assert "\n1 failed · 2 recommended checks not met · 1 informative check not met\n" in text


def test_what_was_not_found_has_neither_rights_nor_a_way_to_start_it(
    make_check: MakeCheck, make_result: MakeResult
) -> None:
    reason = Reason(check=None, text="it is not on the engine", remedy="Build it.")
    checks = (make_check("image.os", Outcome.UNKNOWN, message="was not run", seconds=0.0),)
    result = make_result(checks=checks, status=Status.INCONCLUSIVE, reasons=(reason,))
    image = result.image.model_copy(update={"image_id": None, "digest": None})
    text = shown(result.model_copy(update={"image": image}))
    assert "Cause:  it is not on the engine" in text
    assert "isolation" not in text
    assert "Try it" not in text
    assert "Try it" in shown(result)
