"""What a sweep has to tell, and how: each thing once, with what to do about it."""

from __future__ import annotations

import re
from dataclasses import replace

from hypothesis import given

from certify.ledger.changes import find_changes, sweep_entry
from certify.model.result import Reason, Result, Verdict
from certify.model.result_key import ResultKey
from certify.model.terms import Status
from certify.sweep.news import NAMED, Kind, message, news_of, title
from tests.factories import a_certificate
from tests.publish.test_markdown import HOSTILE, STEADY


def result(name: str, status: Status, text: str = "no shell", remedy: str = "add one") -> Result:
    reasons = () if status is Status.CERTIFIED else (Reason(check="a.b", text=text, remedy=remedy),)
    return a_certificate(image={"reference": name}, verdict=Verdict(status=status, reasons=reasons))


CERTIFIED, REJECTED, INCONCLUSIVE = Status.CERTIFIED, Status.REJECTED, Status.INCONCLUSIVE


def news(
    before: list[Result] | None, after: list[Result], unclear: tuple[str, ...] = ()
) -> list[tuple[Kind, str]]:
    changes = (
        None if before is None else find_changes(map(sweep_entry, before), map(sweep_entry, after))
    )
    keys = {ResultKey.of(each) for each in after if each.image.reference in unclear}
    return [(each.kind, each.entry.reference) for each in news_of(changes, after, keys)]


def test_each_kind_of_change_is_news_but_a_move() -> None:
    moved = result("same:1", CERTIFIED)
    elsewhere = moved.model_copy(
        update={"image": moved.image.model_copy(update={"digest": "sha256:" + "f" * 64})}
    )
    before = [
        result("broken:1", CERTIFIED), result("mended:1", REJECTED), result("gone:1", CERTIFIED),
        moved, result("bad:1", REJECTED),
    ]  # fmt: skip
    after = [
        result("broken:1", REJECTED), result("mended:1", CERTIFIED), elsewhere,
        result("bad:1", REJECTED), result("new:1", REJECTED), result("fine:1", CERTIFIED),
    ]  # fmt: skip
    assert news(before, after) == [
        (Kind.REJECTED, "broken:1"),
        (Kind.REJECTED, "new:1"),
        (Kind.VANISHED, "gone:1"),
        (Kind.CERTIFIED, "fine:1"),
        (Kind.CERTIFIED, "mended:1"),
    ]


def test_inconclusive_is_news_once() -> None:
    before, after = [result("a:1", CERTIFIED)], [result("a:1", INCONCLUSIVE)]
    changes = find_changes(map(sweep_entry, before), map(sweep_entry, before))
    assert [each.kind for each in news_of(changes, after, set())] == [Kind.INCONCLUSIVE]
    assert not news_of(changes, after, {ResultKey.of(after[0])})


def test_nothing_changed_is_no_news() -> None:
    same = [result("a:1", CERTIFIED), result("b:1", REJECTED), result("c:1", INCONCLUSIVE)]
    assert news(same, same, unclear=("c:1",)) == []


def test_in_the_first_sweep_everything_is_new() -> None:
    assert news(None, [result("a:1", CERTIFIED), result("b:1", REJECTED)]) == [
        (Kind.REJECTED, "b:1"),
        (Kind.CERTIFIED, "a:1"),
    ]


def test_a_message_says_what_to_do() -> None:
    items = news_of(None, [result("app:1", REJECTED), result("base:1", CERTIFIED)], set())
    assert title(items) == "certify: 1 newly rejected, 1 newly certified"
    text = message(items, "images.txt", "https://certify.example/")
    begin, *_ = text.split("\n  https")
    assert begin == (
        "Sweep of images.txt:\n\n"
        "newly rejected: app:1 [plain]\n  cause: a.b: no shell\n  remedy: add one"
    )
    assert "\n  https://certify.example/images/app" in text
    assert "images/" not in message(items, "images.txt", None)


def test_a_thousand_images_make_no_endless_message() -> None:
    items = news_of(None, [result(f"app:{n}", REJECTED) for n in range(1000)], set())
    text = message(items, "images.txt", None)
    assert text.count("newly rejected:") == NAMED
    assert text.endswith(f"\nand {1000 - NAMED} more newly rejected\n")


@STEADY
@given(words=HOSTILE)
def test_an_image_cannot_write_a_line_of_its_own(words: str) -> None:
    items = news_of(None, [result("app:1", REJECTED, words, words)], set())
    lines = message(items, "images.txt", None).splitlines()
    assert all(line.startswith(("  cause: ", "  remedy: ")) for line in lines[3:])


def test_no_text_of_an_image_mentions_anybody_or_leads_anywhere() -> None:
    hostile = "@everyone <!channel> [x](https://evil.example)"
    failed = result("app:1", REJECTED, hostile, hostile)
    certificate = failed.model_copy(update={"profile": hostile})
    (item,) = news_of(None, [certificate], set())
    text = message([replace(item, inside=hostile)], hostile, "https://certify.example")
    assert text.count("@\u2060everyone") == 5
    assert not re.search(r"@e|<!|\]\(|://evil", text)
    assert text.count("://") == 1
    assert "\n  https://certify.example/images/app" in text
