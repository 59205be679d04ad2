"""Excerpts: the most important lines of a log or of a check's evidence."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.judge.diagnosis import LINE_LIMIT, signatures
from certify.judge.excerpts import excerpt, important_lines, pick_lines
from tests.factories import UNKNOWN_FAILURE

LOG = """\
Get:1 http://deb.debian.org/debian bookworm InRelease [151 kB]
Reading package lists...
W: Some index files failed to download. They have been ignored, or old ones used instead.
E: Unable to locate package curl
Setting up libgpg-error0:amd64 (1.46-1) ...
[=====>       ] 12.3MB/45.1MB
 45% |##########          |

Couldn't move remaining userspace processes, ignoring: Input/output error
debconf: unable to initialize frontend: Dialog
[  OK  ] Reached target basic.target - Basic System.
E: Unable to locate package curl
dpkg: error processing package foo
W: be warned
all done
"""


def test_errors_come_before_warnings_before_the_rest_in_the_order_of_the_text() -> None:
    assert important_lines(LOG, 1) == "dpkg: error processing package foo"
    assert important_lines(LOG, 4).splitlines() == [
        "W: Some index files failed to download. They have been ignored, or old ones used instead.",
        "E: Unable to locate package curl",
        "dpkg: error processing package foo",
        "W: be warned",
    ]
    assert important_lines(LOG).splitlines()[-1] == "all done"
    assert important_lines(LOG, 99) == important_lines(LOG, 5)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n \t\n",
        "10%\r20%\r100%\n",
        "a1b2c3d4e5f6: Pull complete\n(3/12) Installing bash (5.2-r0)\n",
        "Couldn't move remaining userspace processes, ignoring: Input/output error\n",
    ],
)
def test_a_text_may_have_no_important_line(text: str) -> None:
    assert important_lines(text) == ""


def picked(text: str, room: int) -> list[str]:
    lines = text.splitlines()
    return [lines[index] for index in pick_lines(lines, [1] * len(lines), room)]


def test_failed_commands_and_their_output_come_first() -> None:
    lines = UNKNOWN_FAILURE.splitlines()
    assert picked(UNKNOWN_FAILURE, 3) == [lines[14], lines[15], lines[22]]
    assert picked(UNKNOWN_FAILURE, 7) == [
        lines[0], lines[10], *lines[12:16], lines[22]
    ]  # fmt: skip
    assert picked(UNKNOWN_FAILURE, 99) == lines


@pytest.mark.parametrize(
    ("text", "room", "expected"),
    [
        ("", 3, [""]),
        ("a\nb\nc\nd", 3, ["a", "c", "d"]),
        ("a\nE: b\nc\nd", 2, ["a", "E: b"]),
        # The output of a command that succeeded ranks low, but errors in it count (journalctl).
        ("$ x  (exit 1, 0.1 s)\na\n$ y  (exit 0, 0.1 s)\nb\nc", 2, ["$ x  (exit 1, 0.1 s)", "a"]),
        ("$ x  (exit 0, 0.1 s)\na\n$ y  (exit 0, 0.1 s)\nit failed\nc", 2,
         ["$ y  (exit 0, 0.1 s)", "it failed"]),
        ("$ x  (did not end in time and was killed, 60.0 s)\na\n$ y  (exit 0, 0.1 s)\nb", 2,
         ["$ x  (did not end in time and was killed, 60.0 s)", "a"]),
        # Progress, empty lines and repetitions.
        ("$ x\nsame\n\nsame\nReading database\n 45% |###", 2, ["$ x", "same"]),
        ("a\nb", 0, []),
    ],
)  # fmt: skip
def test_picked_lines(text: str, room: int, expected: list[str]) -> None:
    assert picked(text or "\n", room) == expected


@given(
    st.lists(st.tuples(st.text("$ a(exit01,.)Es\n", max_size=30), st.integers(0, 9))),
    st.integers(-1, 40),
)
def test_picked_lines_fit_and_keep_their_order(lines: list[tuple[str, int]], room: int) -> None:
    costs = [cost for _, cost in lines]
    found = pick_lines([line for line, _ in lines], costs, room)
    assert found == sorted(set(found))
    assert sum(costs[index] for index in found) <= max(room, 0)


def test_an_excerpt_has_the_most_important_lines() -> None:
    assert excerpt("short", 5) == "short"
    text = UNKNOWN_FAILURE + "\nall is well" * 500
    short = excerpt(text, 700)
    assert len(short) <= 700
    first, mark, *rest = short.split("\n")
    assert first.startswith("$ DEBIAN_FRONTEND=noninteractive apt-get install")
    assert re.fullmatch(r"… \d+ lines left out …", mark)
    assert {"E: Failure running script /usr/local/sbin/provenance", "all is well"} <= set(rest)
    assert excerpt("x" * 50_000 + "the end", 700).endswith("the end")
    assert len(excerpt("x" * 50_000 + "\n" + "y" * 50_000, 700)) <= 700


def test_progress_that_failed_is_important() -> None:
    assert important_lines("Downloading failed: no more mirrors\nDownloading x [==> ]") == (
        "Downloading failed: no more mirrors"
    )


def test_lines_in_other_scripts_are_not_taken_for_progress() -> None:
    assert important_lines("ошибка: файл не найден") == "ошибка: файл не найден"


@given(st.text(), st.integers(-2, 8))
def test_any_text_is_bearable(text: str, n: int) -> None:
    lines = important_lines(text, n).split("\n")
    assert len(lines) <= max(n, 1)
    if n <= 0:
        assert lines == [""]


def test_hostile_lines_take_no_longer_than_others() -> None:
    lines = [(each.example[:12] * LINE_LIMIT)[: LINE_LIMIT - 1] for each in signatures()]
    began = time.process_time()
    important_lines("\n".join(lines))
    assert time.process_time() - began < 5
