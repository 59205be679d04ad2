"""The matrix: who fares how where, at a glance, on every width and in every format."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.console import Console

from certify.model.host import HostVerdict
from certify.model.result import AppliedWaiver, Check, Result
from certify.model.terms import Outcome, Status
from certify.publish.matrix import matrix_json, matrix_markdown, print_matrix
from tests.factories import NOON

STEADY = settings(derandomize=True, deadline=None)
HOSTILE = st.text(st.characters(exclude_categories=())) | st.text(
    st.sampled_from("|`*_[]()<>&#!~\\$:/@w.\n -x1"), min_size=1
)
MakeCheck = Callable[..., Check]
MakeResult = Callable[..., Result]


def shown(results: list[Result], width: int = 80, now: datetime = NOON) -> str:
    file = io.StringIO()
    print_matrix(results, Console(file=file, width=width), now=now)
    return "".join(line.rstrip() + "\n" for line in file.getvalue().splitlines())


def test_the_whole_at_80_columns(one_of_each: list[Result]) -> None:
    assert (
        shown(one_of_each)
        == """\
devspace · linux/amd64

                                             pack- syst- dock- star- work-
reference               verdict        image ages  emd   erd   tup   space  boot
localho…debian-devspace ✓ native       ✓     ✓     ✓     ✓     ✓     ✓     0.8 s
localhost/debian:trixie ✓ on-launch    ✓     ✓     ! 1   ✓     ✓     ✓     1.1 s
localho…-broken-dockerd ✗ rejected     ✓     ✓     ✓     ✗ 1   ✓     ✓     0.8 s
registr…/team/missing:1 ? inconclusive
localhost/debian:12     ? inconclusive ✓     ? 2   ✓     ✓     ✓     ✓     0.8 s

✓ passed  ✗ failed  ! failed, not required or waived  ? unknown  – skipped
✗ 2: two checks failed · native, on-launch: certified
5 results: 2 certified (1 native, 1 on-launch), 1 rejected, 2 inconclusive
"""
    )


def test_profiles_and_platforms_have_tables_of_their_own(make_result: MakeResult) -> None:
    results = [
        make_result("one"),
        make_result("two", profile="plain"),
        make_result("three", image={"platform": "linux/arm64"}),
        make_result("four", image={}),
    ]
    text = shown(results)
    titles = ["devspace · linux/amd64", "plain · linux/amd64", "devspace · linux/arm64"]
    assert [line for line in text.split("\n") if " · linux/" in line] == titles
    assert text.index("four") < text.index(titles[1])  # whoever has no platform joins the first
    assert shown([make_result("alone", image={})]).startswith("devspace\n\n")


@pytest.mark.parametrize("width", [40, 80, 200])
def test_an_expired_certificate_is_shown_as_expired(one_of_each: list[Result], width: int) -> None:
    end = max(result.expires_at for result in one_of_each)
    text = shown(one_of_each, width, now=end)
    assert text.count("○ expired") == 2, "of all verdicts only a certificate ends"
    assert not re.search("✓ native|✓ on-launch", text)
    told = "5 results: 1 rejected, 2 inconclusive, 2 expired"
    assert told in " ".join(text.split())
    markdown = matrix_markdown(one_of_each, end)
    assert (markdown.count("| ○ EXPIRED |"), told in markdown) == (2, True)
    assert "CERTIFIED" not in markdown
    assert "expired" not in shown(one_of_each, width, now=end - timedelta(seconds=1))


def test_an_empty_matrix_says_so() -> None:
    assert shown([]) == "no results\n"
    assert matrix_markdown([], NOON) == "# Compatibility matrix\n\nno results\n"
    assert json.loads("".join(matrix_json([], NOON))) == {"schema": "certify/matrix/v1", "rows": []}


def test_json_has_a_row_for_each(one_of_each: list[Result]) -> None:
    rows = json.loads("".join(matrix_json(one_of_each, NOON)))["rows"]
    assert [row["status"] for row in rows] == [r.verdict.status.value for r in one_of_each]
    assert rows[2]["groups"]["dockerd"] == {"passed": 4, "failed": 1, "skipped": 3, "unknown": 0}
    assert rows[2]["not_passed"] == [
        {"id": "dockerd.container", "level": "required", "outcome": "failed"}
    ]
    assert rows[1]["grade"] == "on-launch"
    assert rows[1]["provision_seconds"] == 13.21
    assert rows[3]["groups"] == {}
    assert rows[0]["finished_at"] == "2026-03-01T12:00:14.200Z"


@pytest.fixture
def excused(make_check: MakeCheck, make_result: MakeResult, waived: AppliedWaiver) -> Result:
    """Certified only by way of waivers, of a failure and of what it kept from being asked."""
    checks = (
        make_check("image.os"),
        make_check("dockerd.container", Outcome.FAILED, waiver=waived),
        make_check("dockerd.restart", Outcome.SKIPPED, waiver=waived),
        make_check("systemd.units", Outcome.FAILED, waiver=waived),  # only recommended
    )
    return make_result("team/app:1", checks=checks)


@pytest.mark.parametrize("width", [60, 80, 200])
def test_the_terminal_counts_waivers(excused: Result, width: int) -> None:
    text = shown([excused], width)
    assert "✓ native, 2 waived" in text
    assert "✗" not in text.partition("✓ passed  ✗ failed")[0]


def test_markdown_marks_what_is_waived(excused: Result) -> None:
    text = matrix_markdown([excused], NOON)
    assert "✓ CERTIFIED native, 2 waived" in text
    assert "| dockerd.container (waived), systemd.units (waived) |" in text


def test_json_names_what_is_waived(excused: Result, rejected: Result) -> None:
    rows = json.loads("".join(matrix_json([excused, rejected], NOON)))["rows"]
    assert rows[0]["waived"] == ["dockerd.container", "dockerd.restart", "systemd.units"]
    assert rows[1]["waived"] == []


class Words(HTMLParser):
    """The text and the tags of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.rows: list[list[str]] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


def rendered(markdown: str) -> Words:
    words = Words()
    words.feed(MarkdownIt("commonmark").enable("table").render(markdown))
    return words


PLAIN_TAGS = {"ul", "li", "h1", "h2", "table", "thead", "tbody", "tr", "th", "td", "p"}


def test_markdown_is_a_table_that_reads_well_unrendered(one_of_each: list[Result]) -> None:
    text = matrix_markdown(one_of_each, NOON)
    assert (
        "| localhost/debian:trixie | ✓ CERTIFIED on-launch (+13.2 s) | systemd.units | ✓ 6 |"
        in text
    )
    assert "Newest result: 2026-03-01 12:00 UTC." in text
    page = rendered(text)
    assert page.tags == PLAIN_TAGS
    assert {len(row) for row in page.rows} == {10}
    first = page.rows[1][0].strip()
    assert first == "localhost/debian-broken-dockerd:latest", "what was rejected comes first"


def test_many_rows_of_markdown_stay_readable(make_result: MakeResult) -> None:
    results = [make_result(f"good-{number:03}") for number in range(300)]
    results.insert(150, make_result("bad", status=Status.REJECTED))
    text = matrix_markdown(results, NOON)
    assert text.index("| bad |") < text.index("<details><summary>300 certified</summary>")
    assert text.index("<details>") < text.index("| good-000 |") < text.index("</details>")
    assert "<details>" not in matrix_markdown(results[140:160], NOON)


@STEADY
@given(HOSTILE)
def test_markdown_shows_hostile_text_as_text(
    make_check: MakeCheck, make_result: MakeResult, text: str
) -> None:
    checks = (make_check("g.f", Outcome.FAILED), make_check(f"g.{text}", Outcome.FAILED))
    result = make_result(f"x{text}y|`<b>", checks=checks, status=Status.REJECTED)
    page = rendered(matrix_markdown([result], NOON))
    assert page.tags == PLAIN_TAGS - {"ul", "li"}
    assert [len(row) for row in page.rows[:2]] == [5, 5]
    assert "http://" not in matrix_markdown([make_result("http://evil www.evil.com")], NOON)


def test_no_data_controls_the_terminal(make_check: MakeCheck, make_result: MakeResult) -> None:
    hostile = "[red]x[/]\x1b[2J\u202e"
    check = make_check("g.x", Outcome.FAILED, group=hostile)
    for width in (80, 250):
        text = shown([make_result(hostile, checks=(check,), status=Status.REJECTED)], width)
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "[red]x[/]" in text


def test_hosts_that_disagree_are_named_below_the_table_and_in_the_json(
    make_result: MakeResult,
) -> None:
    verdicts = tuple(
        HostVerdict(
            kind=f"cgroup v{version}, overlay2, amd64",
            status=status,
            finished_at=NOON,
            expires_at=NOON + timedelta(days=1),
        )
        for version, status in ((1, Status.CERTIFIED), (2, Status.REJECTED))
    )
    results = [make_result("one", hosts=verdicts), make_result("two", hosts=verdicts[:1])]
    note = (
        "one, by host: rejected on cgroup v2, overlay2, amd64;"
        " certified on cgroup v1, overlay2, amd64"
    )
    assert note in shown(results).replace("\n", " ")
    assert matrix_markdown(results, NOON).count("by host") == 1
    rows = json.loads("".join(matrix_json(results, NOON)))["rows"]
    assert [[each["status"] for each in row["hosts"]] for row in rows] == [
        ["certified", "rejected"],
        ["certified"],
    ]
