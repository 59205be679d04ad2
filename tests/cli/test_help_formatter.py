"""Lines of help break between words, never within a name or a command."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.cli.help_formatter import HelpFormatter

WORDS = st.lists(
    st.sampled_from(["approved-images.txt", "`certify run IMAGE`", "a", "image", "on-launch"]),
    min_size=1,
    max_size=30,
)


@given(words=WORDS, width=st.integers(25, 90))
def test_names_and_commands_stay_whole(words: list[str], width: int) -> None:
    formatter = HelpFormatter(width=width)
    formatter.write_text(" ".join(words))
    written = formatter.getvalue()
    assert re.findall(r"`[^`]+`|\S+", written) == words
    assert all(len(line) <= width for line in written.splitlines())


@pytest.mark.parametrize("width", [40, 80])
def test_a_description_stays_whole_too(width: int) -> None:
    formatter = HelpFormatter(width=width)
    formatter.write_dl(
        [("--policy FILE", "the policy, such as approve-by-digest.toml, that counts")]
    )
    assert "approve-by-digest.toml" in formatter.getvalue()
    assert formatter.getvalue().isascii()
