"""Atom feeds, read by a real reader: what changed, once, the newest first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import feedparser
from hypothesis import given

from certify.ledger.changes import find_changes, sweep_entry
from certify.model.result import Reason, Verdict
from certify.model.terms import Status
from certify.publish.feed import KEPT, LINES, Entry, change_lines, with_entry
from tests.factories import a_certificate
from tests.publish.test_markdown import HOSTILE, STEADY

BEGUN = datetime(2026, 3, 4, 3, 17, tzinfo=UTC)


def entry(night: int, *lines: str) -> Entry:
    return Entry(f"night {night}", BEGUN + timedelta(days=night), lines)


def read(text: str | None) -> Any:
    parsed = feedparser.parse(text)
    assert not parsed.bozo, parsed.get("bozo_exception")
    assert parsed.version == "atom10"
    return parsed


def after(*entries: Entry) -> str | None:
    text = None
    for each in entries:
        text = with_entry(text, "matrix", "Changes", each)
    return text


def test_a_feed_has_what_the_format_asks_for() -> None:
    parsed = read(after(entry(1, "newly broken: app:1", "vanished: <b>:2")))
    assert parsed.feed.title == "Changes"
    assert parsed.feed.author == "certify"
    assert parsed.feed.id.startswith("urn:uuid:")
    assert parsed.feed.updated_parsed[:5] == (2026, 3, 5, 3, 17)
    (only,) = parsed.entries
    assert (only.title, only.content[0].value) == (
        "night 1", "<ul><li>newly broken: app:1</li><li>vanished: &lt;b&gt;:2</li></ul>",
    )  # fmt: skip
    assert only.id != parsed.feed.id


def test_the_newest_comes_first_and_nothing_comes_twice() -> None:
    parsed = read(after(entry(1, "a"), entry(2), entry(3, "b"), entry(3, "b")))
    assert [each.title for each in parsed.entries] == ["night 3", "night 1"]
    assert parsed.feed.updated_parsed[:3] == (2026, 3, 7)
    assert len({each.id for each in parsed.entries}) == 2


def test_old_entries_go_and_long_ones_end() -> None:
    parsed = read(after(*(entry(night, "x") for night in range(KEPT + 3))))
    assert len(parsed.entries) == KEPT
    assert parsed.entries[-1].title == "night 3"
    long = read(after(entry(1, *(str(n) for n in range(LINES + 2)))))
    assert long.entries[0].content[0].value.endswith("<li>and 2 more</li></ul>")


def test_a_damaged_feed_starts_anew() -> None:
    text = with_entry("<feed", "matrix", "Changes", entry(1, "a"))
    assert [each.title for each in read(text).entries] == ["night 1"]


def test_changes_are_lines_with_their_cause() -> None:
    reasons = (Reason(check="systemd.state", text="degraded", remedy=""),)
    broken = a_certificate(verdict=Verdict(status=Status.REJECTED, reasons=reasons))
    changes = find_changes([sweep_entry(a_certificate())], [sweep_entry(broken)])
    assert change_lines(changes) == [
        "newly broken: registry.invalid/team/app:1 [plain]: systemd.state: degraded"
    ]


@STEADY
@given(words=HOSTILE)
def test_whatever_an_image_says_it_is_a_feed(words: str) -> None:
    text = after(Entry(words, BEGUN, (words, f"x{words}")), entry(1, "a"))
    assert len(read(text).entries) == 2
