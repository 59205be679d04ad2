"""Words that are commands, or nearly so, where images are expected."""

from __future__ import annotations

import re

import pytest

from certify.cli.main import COMMANDS
from certify.cli.spelling import images_among, require_image
from certify.model.errors import UsageError


@pytest.mark.parametrize(
    "word",
    ["debian", "debian:12", "sweep:latest", "quay.io/sweep", "./sweep", "python", "images.txt"],
)
def test_an_image_is_an_image(word: str) -> None:
    require_image(word, COMMANDS)


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("sweep", "sweep is a command, and comes first"),
        ("swepp", "swepp is not a command. Did you mean sweep?"),
        ("veryfi", "Did you mean verify?"),
    ],
)
def test_a_command_or_nearly_one_is_no_image(word: str, told: str) -> None:
    with pytest.raises(UsageError, match=re.escape(told)) as refused:
        require_image(word, COMMANDS)
    assert f"certify {word}:latest" in refused.value.remedy


@pytest.mark.parametrize(
    ("words", "images"),
    [
        (["--reports", "sweep", "debian:12"], ("debian:12",)),
        (["-q", "sweep", "images.txt"], ("sweep", "images.txt")),
        (["debian:12", "--profile=plain", "matrix"], ("debian:12", "matrix")),
        (["--no-such-option", "matrix"], ()),
        ([], ()),
    ],
)
def test_values_of_options_are_no_images(words: list[str], images: tuple[str, ...]) -> None:
    assert images_among(COMMANDS["run"], words) == images
