"""Badges: true to the moment, wide enough, legible, and closed to what images say."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.model.file_names import certificate_stem
from certify.model.result import Result
from certify.publish import badge as module
from certify.publish.badge import (
    badge_files,
    badge_of,
    endpoint,
    svg,
    text_width,
    total_badge,
    total_badge_files,
)

STEADY = settings(derandomize=True, deadline=None)
MakeResult = Callable[..., Result]
SVG = "{http://www.w3.org/2000/svg}"


def test_each_verdict_has_its_words(one_of_each: list[Result]) -> None:
    now = one_of_each[0].finished_at
    said = [badge_of(result, now).message for result in one_of_each]
    assert said == [
        "certified native", "certified on-launch", "rejected", "inconclusive", "inconclusive",
    ]  # fmt: skip
    assert total_badge(one_of_each, now).message == "2 certified, 1 rejected"


def test_an_expired_certificate_is_shown_as_expired(one_of_each: list[Result]) -> None:
    native = one_of_each[0]
    at_its_end = native.expires_at
    assert badge_of(native, at_its_end - timedelta(seconds=1)).message == "certified native"
    for moment in (at_its_end, at_its_end + timedelta(days=1)):
        badge = badge_of(native, moment)
        assert (badge.message, badge.colour) == ("expired", module.GREY)
        assert "certified" not in svg(badge) + endpoint(badge)
        assert total_badge([native], moment).message == "0 certified, 1 expired"


def test_shields_io_can_read_it(one_of_each: list[Result]) -> None:
    told = json.loads(endpoint(badge_of(one_of_each[0], one_of_each[0].finished_at)))
    assert told["schemaVersion"] == 1
    assert (told["label"], told["message"]) == ("devspace", "certified native")
    assert set(told) <= {"schemaVersion", "label", "message", "color", "labelColor", "cacheSeconds"}


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize(
    "colour", [module.LABEL_COLOUR, module.GREEN, module.TEAL, module.RED, module.GREY]
)
def test_white_text_is_legible_on_every_colour(colour: str) -> None:
    assert 1.05 / (luminance(colour) + 0.05) >= 4.5


@STEADY
@given(words=st.text(st.characters(exclude_categories=())))
def test_any_name_makes_one_valid_picture(one_of_each: list[Result], words: str) -> None:
    for result in one_of_each[:3]:
        image = result.image.model_copy(update={"reference": words})
        hostile = result.model_copy(update={"image": image, "profile": words})
        root = ET.fromstring(svg(badge_of(hostile, result.finished_at)))
        tags = {element.tag.removeprefix(SVG) for element in root.iter()}
        assert tags == {"svg", "title", "clipPath", "rect", "g", "text"}
        left, right = (rect for rect in root.iter(f"{SVG}rect") if rect.get("fill"))
        assert float(left.get("width", 0)) + float(right.get("width", 0)) == pytest.approx(
            float(root.get("width", 0))
        )


def test_there_are_two_files_each_and_two_for_all(one_of_each: list[Result]) -> None:
    now = one_of_each[0].finished_at
    files = dict(total_badge_files(one_of_each, now))
    for result in one_of_each:
        files |= dict(badge_files(result, now))
    stems = [certificate_stem(result) for result in one_of_each] + ["all"]
    assert set(files) == {f"badges/{stem}{end}" for stem in stems for end in (".svg", ".json")}


def test_wider_texts_are_wider() -> None:
    assert text_width("mm") == pytest.approx(2 * text_width("m"))
    assert text_width("漢") == max(text_width(chr(code)) for code in range(0x20, 0x7F))


def test_the_badge_of_all_is_green_only_if_all_is_well(one_of_each: list[Result]) -> None:
    native, on_launch, rejected, *unclear = one_of_each
    now = native.finished_at
    for good in ([native], [native, on_launch], [native, *unclear]):
        assert total_badge(good, now).colour == module.GREEN
    for bad in ([native, rejected], [rejected]):
        assert total_badge(bad, now).colour == module.AMBER
    assert total_badge([native], native.expires_at).colour == module.AMBER
    assert total_badge(unclear, now).colour == total_badge([], now).colour == module.GREY
