"""The templates of the site write nothing that an image could use against its reader."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError

from certify.model.result import Check
from certify.model.terms import Level, Outcome
from certify.publish.phrases import Mark
from certify.publish.site.environment import CLASSES, items, render
from tests.factories import a_check

HARM = "<script>alert(1)</script>\x1b[2J\u202e"


def check_of(**fields: str) -> Check:
    return a_check("image.os", Outcome.FAILED, Level.REQUIRED).model_copy(update=fields)


@pytest.mark.parametrize("field", ["title", "message", "evidence", "remedy"])
def test_an_images_words_are_shown_and_do_nothing(field: str) -> None:
    text = items([check_of(**{field: HARM})])
    assert "&lt;script&gt;" in text
    assert not [each for each in ("<script", "\x1b", "\u202e") if each in text]


@given(words=st.text(max_size=40))
def test_any_words_leave_the_items_whole(words: str) -> None:
    plain = items([check_of(message="x")])
    text = items([check_of(message=f"x{words}")])
    for tag in ("<li", "</li>", "<details", "</details>"):
        assert text.count(tag) == plain.count(tag)


def test_checks_that_read_the_same_are_filled_once_and_all_are_there() -> None:
    passed = a_check("image.os", Outcome.PASSED)
    text = items([passed, passed, a_check("image.shell", Outcome.PASSED)])
    assert (text.count("image.os"), text.count("image.shell")) == (
        2 * items([passed]).count("image.os"),
        items([a_check("image.shell", Outcome.PASSED)]).count("image.shell"),
    )


def test_every_mark_has_a_class() -> None:
    assert set(CLASSES) == set(Mark)


def test_a_template_that_lacks_a_value_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        render("index.html.j2")
