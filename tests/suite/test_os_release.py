"""os-release(5), as images really have it."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.suite.os_release import os_fact, parse_os_release

DEBIAN = """\
PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
ID=debian
"""


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}),
        (DEBIAN, {
            "PRETTY_NAME": "Debian GNU/Linux 12 (bookworm)", "NAME": "Debian GNU/Linux",
            "VERSION_ID": "12", "ID": "debian",
        }),
        ("ID=a\n\n# a comment\n  NAME='Alpine Linux' \n", {"ID": "a", "NAME": "Alpine Linux"}),
        ('NAME="a \\"b\\" \\$c"\n', {"NAME": 'a "b" \\$c'}),
        ('ID="unclosed\n', {"ID": '"unclosed'}),
        ("ID=\nNAME=x=y\n", {"ID": "", "NAME": "x=y"}),
        ("no assignment\n=nothing\n", {"": "nothing"}),
        ("ID=a\nID=b\n", {"ID": "b"}),
    ],
)  # fmt: skip
def test_os_release(text: str, found: dict[str, str]) -> None:
    assert parse_os_release(text) == found


@settings(deadline=None)
@given(st.dictionaries(st.from_regex(r"[A-Z_]+", fullmatch=True), st.text("ab \"'$#=ü")))
def test_quoted_values_come_back(values: dict[str, str]) -> None:
    text = "\n".join(f"{key}={shlex.quote(value)}" for key, value in values.items())
    assert parse_os_release(text) == values


@settings(deadline=None)
@given(st.text())
def test_any_text_can_be_parsed(text: str) -> None:
    assert all("=" not in key for key in parse_os_release(text))


def test_a_fact_has_the_fields_of_a_result_and_none_for_what_is_not_there() -> None:
    assert os_fact({"ID": "debian", "VERSION_ID": "", "PRETTY_NAME": "a\nb"}) == {
        "id": "debian", "version_id": None, "pretty_name": "a",
    }  # fmt: skip
