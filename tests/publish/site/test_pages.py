"""The text of the pages; tests/stories/browser looks at them in a browser."""

from __future__ import annotations

import re
from html import unescape

import pytest

from certify.model.result import Result
from certify.publish.site.pages import compare_page, image_page, index_page
from tests.factories import NOON
from tests.stories.browser.hostile import HARM, hostile


def test_an_image_page_has_every_check_and_the_commands(one_of_each: list[Result]) -> None:
    for result in one_of_each:
        page = unescape(image_page(result, "stem", []))
        assert all(check.id in page for check in result.checks)
        assert result.launch.reproduce in page
        assert f"--profile {result.profile}" in page


def test_only_an_image_with_something_to_fix_has_the_command(
    native: Result, rejected: Result
) -> None:
    assert "certify fix" in image_page(rejected, "stem", [])
    assert "certify fix" not in image_page(native, "stem", [])


@pytest.mark.parametrize("number", range(len(HARM)))
def test_no_text_of_an_image_becomes_a_tag(number: int) -> None:
    page = image_page(hostile(number), "stem", [])
    scripts = re.findall(r"<script[^>]*>", page)
    assert all("src=" in script for script in scripts)
    assert not re.search(r"<(img[^>]+onerror|style|base|meta[^>]+refresh|svg/)", page)
    assert not set(page) & {"\x1b", "\x07", "\x9b", "\u202e", "\u2066"}


def test_pages_without_results_are_whole() -> None:
    for page in (index_page(None, {}, NOON), index_page([], {}, NOON), compare_page(NOON)):
        assert page.startswith("<!doctype html>")
        assert page.rstrip().endswith("</html>")
        assert "Content-Security-Policy" in page
