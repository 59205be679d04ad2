"""TOML that people write: the line of every key, and messages that lead to every mistake."""

from __future__ import annotations

import tomllib
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, field_validator

from certify.util.toml import Document, line_of

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


# ---------------------------------------------------------------- loading


class Bad(Exception):
    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


class Pet(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1)
    age: float = Field(default=0.0, gt=0, strict=True)


class Zoo(BaseModel):
    model_config = ConfigDict(extra="forbid")
    city: Literal["Basel", "Bern"] = "Bern"
    words: tuple[str, ...] = ()
    pet: tuple[Pet, ...] = ()
    keeper: Pet | None = None

    @field_validator("words")
    @classmethod
    def _no_rude_ones(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        if "damn" in words:
            raise ValueError("is rude")
        return words


def read(text: str, remedy: str = "") -> Zoo:
    return Document(text, "zoo.toml", Bad).validated(Zoo, remedy=remedy)


def test_a_sound_text_is_a_model() -> None:
    zoo = read('[[pet]]\nname = "Max"\n')
    assert zoo.pet == (Pet(name="Max"),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("city = 'Rome'", "zoo.toml:1: city: 'Rome' is none of 'Basel' or 'Bern'"),
        ("words = 'a'", "zoo.toml:1: words: must be a list in brackets"),
        ("\nwords = ['a', 1]", "zoo.toml:2: words 2: must be text in quotes"),
        ("words = ['damn']", "zoo.toml:1: words: is rude"),
        ("[[pet]]\nage = 1", "zoo.toml:1: pet 1, name: is missing"),
        ("[[pet]]\nname = ''", "zoo.toml:2: pet 1, name: is empty"),
        ("[keeper]\nname = 'a'\nage = 'b'", "zoo.toml:3: keeper.age: must be a number"),
        ("[keeper]\nname = 'a'\nage = 0", "zoo.toml:3: keeper.age: must be greater than 0"),
        ("[keeper]\nname = 'a'\nagee = 0", "zoo.toml:3: keeper.agee: is not known here; did you "
         "mean 'age'?"),
        ("[[pet]]\nname = 'a'\nx = 0", "zoo.toml:3: pet 1, x: is not known here"),
        ("pets = 1", "zoo.toml:1: pets: is not known here; did you mean 'pet'?"),
        ("keeper = 1", "zoo.toml:1: keeper: must be a table"),
        ('"\\u001b[2Ja" = 1', "zoo.toml:1: a: is not known here"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_file_line_and_key(text: str, message: str) -> None:
    with pytest.raises(Bad) as caught:
        read(text, remedy="Mind the animals.")
    assert (str(caught.value), caught.value.remedy) == (message, "Mind the animals.")


def test_all_mistakes_are_reported_at_once() -> None:
    with pytest.raises(Bad) as caught:
        read("city = 1\nwords = 2\n")
    assert [line.split(": ")[:2] for line in str(caught.value).splitlines()] == [
        ["zoo.toml:1", "city"],
        ["zoo.toml:2", "words"],
    ]


@pytest.mark.parametrize("text", ["= 1", "[", "a = 1\na = 2", "\x00", "[" * 9999])
def test_a_text_that_is_not_toml_is_reported(text: str) -> None:
    with pytest.raises(Bad, match=r"^zoo\.toml: this is not TOML: "):
        read(text)
