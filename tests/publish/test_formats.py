"""Every output format, whatever is added to the table: complete, stable, and closed to images."""

from __future__ import annotations

import pytest

from certify.model.result import Result
from certify.publish.formats import RENDERERS
from tests.publish.test_markdown import with_words

pytestmark = pytest.mark.parametrize("form", RENDERERS)


def test_a_format_is_a_function_of_the_results(form: str, one_of_each: list[Result]) -> None:
    text = RENDERERS[form](one_of_each)
    assert text.endswith("\n")
    assert text == RENDERERS[form](list(one_of_each))


def test_a_format_takes_no_results(form: str) -> None:
    assert RENDERERS[form]([]).endswith("\n")


def test_a_format_names_what_was_rejected(form: str, rejected: Result) -> None:
    assert "localhost/debian-broken-dockerd" in RENDERERS[form]([rejected])


def test_a_format_lets_no_control_character_through(form: str, one_of_each: list[Result]) -> None:
    hostile = [with_words(each, "\x1b[2J\x9b\x07\u202e\ud800\x00") for each in one_of_each]
    text = RENDERERS[form](hostile)
    text.encode()
    assert not set(text) & {"\x1b", "\x9b", "\x07", "\u202e", "\x00"}
