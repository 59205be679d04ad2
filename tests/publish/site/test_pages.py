"""The text of the pages; tests/stories/browser looks at them in a browser."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest

from certify.ledger.changes import SweepEntry
from certify.model.result import AppliedWaiver, Check, Result
from certify.model.terms import Level, Outcome, Status
from certify.publish.site.environment import items
from certify.publish.site.pages import LastSweep, compare_page, image_page, index_page
from tests.factories import NOON, MakeCheck
from tests.stories.browser.hostile import HARM, hostile


def test_an_image_page_has_every_check_and_the_commands(one_of_each: list[Result]) -> None:
    for result in one_of_each:
        page = unescape(image_page(result, "stem", [], NOON))
        assert all(check.id in page for check in result.checks)
        assert result.launch.reproduce in page
        assert f"--profile {result.profile}" in page


def test_the_launch_by_hand_names_no_file_of_another_host(rejected: Result) -> None:
    for way in ("--security-opt seccomp=", "'--security-opt=seccomp=/a b"):
        command = rejected.launch.reproduce.replace("--security-opt seccomp=", f"{way}/usr/lib/", 1)
        launch = rejected.launch.model_copy(update={"reproduce": command})
        page = unescape(image_page(rejected.model_copy(update={"launch": launch}), "s", [], NOON))
        assert "seccomp=seccomp.json" in page
        assert '<a href="../seccomp.json" download>' in page
        assert "/usr/lib" not in page
        assert f"certify reproduce {rejected.image.reference} --run --profile devspace" in page


def test_skipped_checks_are_folded(rejected: Result) -> None:
    page = image_page(rejected, "stem", [], NOON)
    assert "1 check did not pass" in page
    assert "3 checks skipped" in page
    failed, skipped = (
        page.index('<li id="dockerd-container"'),
        page.index('<li id="dockerd-network"'),
    )
    assert failed < page.index('<details class="folded">') < skipped


def test_a_certified_image_has_no_failures_but_recommendations_not_met(
    native: Result, make_check: MakeCheck
) -> None:
    failed = [
        make_check(f"a.{level.value}", Outcome.FAILED, level=level)
        for level in (Level.RECOMMENDED, Level.RECOMMENDED, Level.INFO)
    ]
    for count, title in ((1, "1 recommended check"), (3, "3 recommended/informative checks")):
        checks = (*native.checks, *failed[:count])
        page = image_page(native.model_copy(update={"checks": checks}), "s", [], NOON)
        assert f"<h2>{title} not met</h2>" in page
    unknown = make_check("a.b", Outcome.UNKNOWN, level=Level.RECOMMENDED)
    page = image_page(native.model_copy(update={"checks": (unknown,)}), "s", [], NOON)
    assert "<h2>1 check did not pass</h2>" in page


def mended(rejected: Result) -> Result:
    """The same failure by a cause for which certify has a command."""
    said = "daemon.json in the image sets data-root"
    checks = [
        each.model_copy(update={"message": said}) if each.id == "dockerd.container" else each
        for each in rejected.checks
    ]
    return rejected.model_copy(update={"checks": tuple(checks)})


def test_only_an_image_that_certify_can_mend_has_the_command(
    native: Result, rejected: Result
) -> None:
    assert "certify fix" in image_page(mended(rejected), "stem", [], NOON)
    for other in (rejected, native):
        assert "certify fix" not in image_page(other, "stem", [], NOON)


@pytest.mark.parametrize("number", range(len(HARM)))
def test_no_text_of_an_image_becomes_a_tag(number: int) -> None:
    page = image_page(hostile(number), "stem", [], NOON)
    scripts = re.findall(r"<script[^>]*>", page)
    assert all("src=" in script for script in scripts)
    assert not re.search(r"<(img[^>]+onerror|style|base|meta[^>]+refresh|svg/)", page)
    assert not set(page) & {"\x1b", "\x07", "\x9b", "\u202e", "\u2066"}


def test_pages_without_results_are_whole() -> None:
    for page in (index_page(None, {}, NOON), index_page([], {}, NOON), compare_page(NOON)):
        assert page.startswith("<!doctype html>")
        assert page.rstrip().endswith("</html>")
        assert "Content-Security-Policy" in page


def test_a_rejected_image_begins_with_cause_evidence_and_fix(rejected: Result) -> None:
    page = unescape(image_page(mended(rejected), "stem", [], NOON))
    cause = rejected.verdict.reasons[0]
    (failed,) = [check for check in rejected.checks if check.id == cause.check]
    assert failed.evidence
    verdict, _, rest = page.partition("</section>")
    places = [verdict.index(text) for text in (cause.text, failed.evidence, "certify fix")]
    assert places == sorted(places)
    assert rest.index(f'<li id="{failed.id.replace(".", "-")}">') < rest.index("The launch")


def test_an_expired_certificate_is_not_shown_as_certified(native: Result) -> None:
    page = image_page(native, "stem", [], native.expires_at)
    assert "<strong>EXPIRED</strong>" in page
    assert '<section class="verdict expired"' in page
    assert "CERTIFIED" not in page


def test_the_matrix_says_when_and_how_the_last_sweep_went() -> None:
    sweep = LastSweep("images.txt", NOON, NOON + timedelta(minutes=95), "3 certified, 1 rejected")
    page = index_page([], {}, NOON, sweep)
    assert "2026-03-01 13:35 UTC" in page
    assert "took 95 min: 3 certified, 1 rejected" in page
    assert "Last sweep" not in index_page(None, {}, NOON)
    assert "Not found by" not in page


def test_the_matrix_names_what_led_to_no_image_by_its_cause() -> None:
    entries = [
        SweepEntry(f"r.example/{name}", "", profile, "", Status.INCONCLUSIVE, cause=cause)
        for name, profile, cause in [
            *((f"app:{number}", "plain", "r.example does not answer") for number in range(12)),
            ("app:1", "devspace", "r.example does not answer"),
            ("bsybox:1", "plain", "r.example does not find <b>bsybox:1"),
            ("*", "", "r.example asks for a login"),
        ]
    ]
    page = index_page([], {}, NOON, LastSweep("images.txt", NOON, NOON, "", entries))
    (text,) = re.findall('<section class="note unfound".*</section>', page)
    assert "<b>bs" not in text
    words = unescape(re.sub("<[^>]*>", "", text))
    assert words.startswith("Not found by the last sweep")
    assert "r.example does not answer: r.example/app:0, r.example/app:1, " in words
    assert " and 8 more" in words
    assert "r.example does not find <b>bsybox:1: r.example/bsybox:1" in words
    assert "r.example asks for a login: r.example/*" in words


@pytest.mark.parametrize(
    ("seconds", "took"), [(-5, "0 s"), (119.9, "119 s"), (7199, "119 min"), (19_230, "5 h 20 min")]
)
def test_the_time_of_a_sweep_is_told_as_people_would(seconds: float, took: str) -> None:
    assert LastSweep("images.txt", NOON, NOON + timedelta(seconds=seconds), "").took == took


WAIVED = AppliedWaiver(reason="<i>", owner="ana", expires=NOON)


@pytest.mark.parametrize(
    "told",
    [
        {"title": "<b>\u202e"}, {"title": "other"}, {"level": Level.INFO}, {"seconds": 0.26},
        {"id": "image.other"}, {"outcome": Outcome.SKIPPED}, {"message": "<m>"},
        {"evidence": "<e>"}, {"remedy": "<r>", "outcome": Outcome.FAILED}, {"waiver": WAIVED},
    ],
)  # fmt: skip
def test_checks_that_read_the_same_are_filled_once_and_others_anew(told: dict[str, object]) -> None:
    known = {"id": "image.os", "title": "system", "group": "image", "seconds": 0.24}
    plain = Check.model_validate(known | {"level": Level.REQUIRED, "outcome": Outcome.PASSED})
    other = plain.model_copy(update=told)
    one, two, again = str(items([plain])), str(items([other])), str(items([plain]))
    assert one == again
    assert "required · 0.2 s" in one
    assert "passed" in one
    assert two != one
    assert not re.search("<(b|m|e|r|i)>|\u202e", two)
    assert str(items([plain, other])) == one + two
