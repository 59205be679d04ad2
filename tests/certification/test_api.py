"""What programs in Python call, by the examples of its docstrings and of its page."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

import certify
from certify.certification import api
from certify.model.errors import BadProfile, BadReference

PAGE = Path(__file__).parents[2] / "docs" / "python.md"


def examples(text: str) -> list[str]:
    return [example.source for example in doctest.DocTestParser().get_examples(text)]


def test_the_page_shows_the_examples_of_the_docstrings() -> None:
    for function in (certify.certify, certify.load_profile):
        assert set(examples(function.__doc__ or "")) <= set(examples(PAGE.read_text()))


@pytest.mark.engine
def test_the_examples_of_the_page_say_what_happens() -> None:
    done = doctest.testfile(str(PAGE), module_relative=False, optionflags=doctest.ELLIPSIS)
    assert done.attempted > 5
    assert done.failed == 0


def test_what_is_no_image_or_no_profile_is_refused() -> None:
    with pytest.raises(BadReference):
        certify.certify("no image")
    with pytest.raises(BadProfile):
        certify.certify("debian:12", "no-such-profile")
    with pytest.raises(AttributeError):
        certify.certifi  # type: ignore[attr-defined] # noqa: B018


def test_all_that_is_offered_is_typed() -> None:
    stub = Path(certify.__file__).with_suffix(".pyi").read_text()
    assert all(f"import {name} as {name}" in stub for name in api.__all__)
    assert all(getattr(certify, name) is getattr(api, name) for name in api.__all__)
