"""Lines of keys: whatever else stands around them, and in whatever way they are written."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.util.toml import line_of

TEXT = '''\
# waivers = "none"
title = "x"

[[waiver]]
image = "a"
reason = """
[[waiver]]
owner = "not a key"
"""

# about the second
[[waiver]]  # [[waiver]]
"image" = [
  "one",

  "two",
]
a.b = 3
'owner' = { name = "ana", mail = "ana@team.example" }

[waiver.more]
owner = 1

[budgets]
boot = 15 # seconds
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ((), 1),
        (("title",), 2),
        (("waiver",), 4),
        (("waiver", 0), 4),
        (("waiver", 0, "image"), 5),
        (("waiver", 0, "reason"), 6),
        (("waiver", 0, "owner"), None),
        (("waiver", 1), 12),
        (("waiver", 1, "image"), 13),
        (("waiver", 1, "image", 1), 13),
        (("waiver", 1, "a", "b"), 18),
        (("waiver", 1, "owner", "mail"), 19),
        (("waiver", 1, "more"), 21),
        (("waiver", 1, "more", "owner"), 22),
        (("waiver", 2), None),
        (("budgets", "boot"), 25),
        (("budgets", "boot", "x"), None),
        (("budgets", 0), None),
        (("waiver", "image"), None),
    ],
)
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_the_line_of_a_key(path: tuple[str | int, ...], line: int | None, ends: str) -> None:
    assert line_of(TEXT.replace("\n", ends), path) == line
    assert line_of(TEXT.rstrip("\n").replace("\n", ends), path) == line


@pytest.mark.parametrize("text", ["a = ", "a = 1\na = 2\n", 'a = """\n', "a = 1\rb = 2"])
def test_what_is_not_toml_has_no_lines(text: str) -> None:
    assert line_of(text, ("a",)) is None


VALUES = st.sampled_from(
    [
        "1",
        '"x"',
        "[\n1,\n2,\n]",
        '"""\n[[t]]\nk = 1\n\n"""',
        "'''\n#\n'''",
        "{ a = 1 }",
        "2027-01-31",
    ]
)
FILLING = st.lists(st.sampled_from(["", "# [[t]]", "  ", "\t# k0 = 1"]), max_size=2)


@settings(derandomize=True, deadline=None)
@given(st.lists(st.lists(st.tuples(FILLING, VALUES), max_size=4), max_size=4))
def test_every_key_of_any_tables(tables: list[list[tuple[list[str], str]]]) -> None:
    lines: list[str] = []
    expected: dict[tuple[str | int, ...], int] = {}
    for number, entries in enumerate(tables):
        lines.append("[[t]]")
        expected["t", number] = len(lines)
        for key, (filling, value) in enumerate(entries):
            lines += filling
            expected["t", number, f"k{key}"] = len(lines) + 1
            lines += f"k{key} = {value}".split("\n")
    text = "\n".join(lines)
    tomllib.loads(text)
    assert {path: line_of(text, path) for path in expected} == expected
    assert line_of(text, ("t", len(tables))) is None
