"""Text from images: harmless in every output, with everything visible still there."""

from __future__ import annotations

import json
import re
import time
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.util.text import (
    _JSON,
    _PRINTABLE,
    _STORED,
    FILE_NAME_BYTES,
    REPLACEMENT,
    WORD_JOINER,
    file_name,
    inert,
    one_line,
    printable,
    safe_json,
    short_digest,
    visible_json,
    without_passwords,
)

# Hypothesis rarely puts an ESC before a bracket by itself, so it gets the pieces.
PIECES = st.sampled_from(
    "\x1b[]P\x07\x9b\x9c\x9d\r\n\t \x00\x85\u2028\u202e\u200d\ufe0f\ufffe\uffff\ud83d\ude00aä💥"
) | st.sampled_from(["0;", "31m", "\x1b\\", "]]>", "<b>", "\U000e0041"])
SURROGATES_TOO = st.text(st.characters(exclude_categories=()))
HOSTILE = st.one_of(SURROGATES_TOO, st.lists(PIECES).map("".join))

STEADY = settings(derandomize=True, deadline=None)
NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        pytest.param("plain\ttext\nand more\n", "plain\ttext\nand more\n", id="plain"),
        pytest.param(b"caf\xc3\xa9 \xff", "café \ufffd", id="bytes"),
        pytest.param("\x1b[1;31mred\x1b[0m", "red", id="colour"),
        pytest.param("\x9b31mred", "red", id="colour-c1"),
        pytest.param("\x1b]0;title\x07text", "text", id="osc-bel"),
        pytest.param("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link", id="osc-link"),
        pytest.param("\x1bPq#0;2\x1b\\after", "after", id="dcs"),
        pytest.param("\x1b(Btext\x1b7", "text", id="charset"),
        pytest.param("\x1b]0;open\nnext line", "0;open\nnext line", id="osc-open-hides-nothing"),
        pytest.param("tail\x1b", "tail\\x1b", id="lone-esc"),
        pytest.param("\x1b\x1b[0m[31mx", "\\x1b[31mx", id="esc-reassembled"),
        pytest.param("a\r\nb\r\r\nc", "a\nb\nc", id="crlf"),
        pytest.param("10%\r50%\r100%\ndone", "100%\ndone", id="progress"),
        pytest.param("working\r   \r", "working", id="progress-wiped"),
        pytest.param("bell\x07 nul\x00", "bell\\x07 nul\\x00", id="controls"),
        pytest.param("a\x85b\u2028c", "a\\x85b\\u2028c", id="line-separators"),
        pytest.param("user\u202etxt.exe", "user\\u202etxt.exe", id="bidi"),
        pytest.param("a\u200bb\ufeffc\u00ad", "a\\u200bb\\ufeffc\\xad", id="zero-width"),
        pytest.param("\U000e0041", "\\U000e0041", id="tag-character"),
        pytest.param("\u3164", "\\u3164", id="hangul-filler"),
        pytest.param("✔\ufe0f ok", "✔ ok", id="variation-selector"),
        pytest.param("\ud800 \ufffe \uffff \ufdd0", " ".join("\ufffd" * 4), id="no-characters"),
        pytest.param("naïve 日本語 💥", "naïve 日本語 💥", id="all-scripts"),
    ],
)
def test_text_as_a_terminal_shows_it(printed: str | bytes, shown: str) -> None:
    assert printable(printed) == shown


@STEADY
@given(HOSTILE)
def test_printable_text_is_harmless(text: str) -> None:
    safe = printable(text)
    safe.encode("utf-8")
    assert not NOT_XML.search(safe)
    assert "\x1b" not in safe
    assert "\r" not in safe
    ET.fromstring(f"<a>{safe.replace('&', '&amp;').replace('<', '&lt;').replace('>', '&gt;')}</a>")


@STEADY
@given(st.binary())
def test_printable_bytes_are_harmless(raw: bytes) -> None:
    assert not NOT_XML.search(printable(raw))


@STEADY
@given(HOSTILE, st.none() | st.integers(0, 80))
def test_a_second_call_changes_nothing(text: str, limit: int | None) -> None:
    once = printable(text, limit=limit)
    assert printable(once, limit=limit) == once


@STEADY
@given(st.text(st.characters(codec="utf-8")), st.integers(0, 80))
def test_no_result_is_longer_than_the_limit(text: str, limit: int) -> None:
    assert len(printable(text, limit=limit)) <= limit
    assert len(one_line(text, limit)) <= limit


def test_a_limit_leaves_both_ends_and_a_note() -> None:
    text = "first line\n" + "x" * 1000 + "\nlast line, the telling one"
    short = printable(text, limit=120)
    head, left_out, tail = re.split(r"\n… (\d+) characters left out …\n", short)
    assert head.startswith("first line")
    assert tail.endswith("last line, the telling one")
    assert int(left_out) == len(text) - len(head) - len(tail)
    assert len(tail) > len(head)


def test_a_limited_line_stays_a_line() -> None:
    assert "\n" not in printable("x" * 500, limit=100)


@pytest.mark.parametrize("opener", ["\x1b]", "\x9d", "\x1bP", "\x9b", "\x1b[", "\r", "\x1b "])
def test_every_input_takes_linear_time(opener: str) -> None:
    started = time.process_time()
    printable(opener * 200_000)
    printable(opener + "1" * 400_000)
    assert time.process_time() - started < 5  # quadratic would take hours


def test_hostile_text_fills_no_memory() -> None:
    everything = "".join(map(chr, range(0x80, 0x80 + 2 * _STORED)))
    assert printable(everything) == printable(everything)
    assert visible_json(everything) == visible_json(everything)
    assert 0 < len(_PRINTABLE) <= _STORED
    assert 0 < len(_JSON) <= _STORED


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", ""),
        ("\n  \n\t E: no  such\tpackage \nmore", "E: no such package"),
        (b"\x1b[31mE:\x1b[0m x", "E: x"),
        ("abcdef", "abcd…"),
    ],
)
def test_one_line(text: str | bytes, line: str) -> None:
    assert one_line(text, 5 if text == "abcdef" else 200) == line


@STEADY
@given(HOSTILE)
def test_one_line_is_one_line(text: str) -> None:
    line = one_line(text)
    assert "\n" not in line
    assert one_line(line) == line


@pytest.mark.parametrize("text", ["debian", "debian-12.5_x", "12", "a" * FILE_NAME_BYTES])
def test_a_good_name_is_unchanged(text: str) -> None:
    assert file_name(text) == text


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("docker.io/library/debian:12", "docker.io_library_debian_12-"),
        ("../../etc/passwd", "etc_passwd-"),
        ("-rf", "rf-"),
        (".hidden", "hidden-"),
        ("", "unnamed-"),
        ("...", "unnamed-"),
        ("Debian", "Debian-"),
        ("a" * 500, "a" * 50),
        ("debian-0123456789", "debian-0123456789-"),
        ("\ud800", "unnamed-"),
    ],
)
def test_a_changed_name_ends_in_a_digest(text: str, begins: str) -> None:
    name = file_name(text)
    assert name.startswith(begins)
    assert re.search(r"-[0-9a-f]{10}$", name)


@STEADY
@given(HOSTILE)
def test_a_file_name_is_portable(text: str) -> None:
    name = file_name(text)
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", name)
    assert len(name.encode()) <= FILE_NAME_BYTES


@STEADY
@given(st.lists(HOSTILE, unique=True, max_size=20))
def test_file_names_are_unique(texts: list[str]) -> None:
    assert len({file_name(text).lower() for text in texts}) == len(texts)


@STEADY
@given(st.dictionaries(st.text(), st.lists(st.text())))
def test_json_is_parsed_to_the_same_data(data: dict[str, list[str]]) -> None:
    assert json.loads(safe_json(data)) == data


@STEADY
@given(st.lists(HOSTILE))
def test_json_is_safe_to_show(data: list[str]) -> None:
    shown = safe_json(data)
    assert printable(shown) == shown
    json.loads(shown)


def test_json_has_letters_as_they_are_and_escapes_the_invisible() -> None:
    assert safe_json(["é💥", "\x7f\x9b\u202e\ufeff"]) == '["é💥", "\\u007f\\u009b\\u202e\\ufeff"]'
    assert safe_json("\U000e0041") == '"\\udb40\\udc41"'
    assert safe_json("\ud800") == '"\ufffd"'


def test_a_short_digest_is_twelve_digits() -> None:
    assert short_digest("sha256:" + "0123456789abcdef" * 4) == "0123456789ab"
    assert short_digest("unknown") == "unknown"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://me@db/x", "postgresql://me@db/x"),
        ("postgresql://me:p@/:s@db/x", "postgresql://me:***@db/x"),
        ("postgresql://db/x?Password=p%26&user=me#a", "postgresql://db/x?Password=***&user=me#a"),
        (
            "postgresql://me:p@db/x?a=1&sslpassword=p",
            "postgresql://me:***@db/x?a=1&sslpassword=***",
        ),
        ("https://me@team.example:p@host/list", "https://me@team.example:***@host/list"),
        ("https://me:p\n@host/list", "https://me:***@host/list"),
        ("tcp://me@host:8786", "tcp://me@host:8786"),
        ("reports/certify.db", "reports/certify.db"),
    ],
)
def test_an_address_is_told_without_passwords(address: str, shown: str) -> None:
    assert without_passwords(address) == shown


# In chats

MARKUP = st.sampled_from(
    "<>`*~_@#&|$[]()!:/. aéx1\\" + WORD_JOINER + REPLACEMENT
) | st.sampled_from(
    ["@everyone", "<!channel>", "](http://", "<a href=", "https:", "www.", "mailto:", "&lt;",
     "&#64;", "__", "||", "sha256:" + "a" * 64, "docker.service"]
)  # fmt: skip
IN_CHATS = st.one_of(HOSTILE, st.lists(MARKUP).map("".join)).map(lambda text: one_line(text, 300))
LIVE = re.compile(
    r"(?i)[<>`*~]|@(?!sha256:[0-9a-f]{64}(?![0-9a-f])|\u2060)|\]\(|\]\[|//|&[#\w]|#\w|\|\||\$\$"
    r"|\b(?:https?|ftp|mailto):\S(?<!\u2060)|\bwww\.|(?<![^\W_])_|_(?![^\W_])"
)
"""What some chat makes a mention, a link or markup of."""
ORIGINALS = str.maketrans("‹›ˋ∗∼ˍ", "<>`*~_", WORD_JOINER)


@STEADY
@given(IN_CHATS)
def test_nothing_is_live_in_a_chat(line: str) -> None:
    assert not LIVE.search(inert(line))


@STEADY
@given(IN_CHATS)
def test_people_read_in_a_chat_what_was_printed(line: str) -> None:
    assert inert(line).translate(ORIGINALS) == line.translate(ORIGINALS)


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        ("<!channel> @here", "‹!channel› @~here"),
        ("[x](http://evil.example/a)", "[x]~(http:~/~/~evil~.~example/~a)"),
        ("www.evil.example a@evil.example", "www~.~evil~.~example a@~evil~.~example"),
        ("*bold* `code` __init__ _x_", "∗bold∗ ˋcodeˋ ˍˍinitˍˍ ˍxˍ"),
        ("&lt;a&gt; #tag ||a|| $$a$$", "&~lt;a&~gt; #~tag |~|a|~| $~$a$~$"),
    ],
)
def test_markup_is_broken_up(printed: str, shown: str) -> None:
    assert inert(printed) == shown.replace("~", WORD_JOINER)


@pytest.mark.parametrize(
    "name",
    ["registry.example:5000/team/my_app:1.2", f"docker.io/library/debian@sha256:{'1a' * 32}",
     "oci:images/app.tar", "dockerd.container: dockerd answers, but no container can run in it",
     "Install docker.io & systemd (or enable docker.service in /etc/systemd).", "a | b, 5 $"],
)  # fmt: skip
def test_names_can_be_copied_from_a_chat(name: str) -> None:
    assert inert(name) == name


@pytest.mark.parametrize("part", ["_", "@", "/", "https:", "www.", "&#", "](", "a_", "_ a", ":/"])
def test_a_line_for_a_chat_takes_linear_time(part: str) -> None:
    begin = time.perf_counter()
    inert(part * 100_000)
    assert time.perf_counter() - begin < 5
