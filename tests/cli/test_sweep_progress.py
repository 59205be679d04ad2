"""The progress of a sweep: a table on a terminal that fits it, plain lines everywhere else."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from certify.cli.sweep_progress import SweepProgress, clock, time_left
from tests.conftest import SAMPLES, Certify, command
from tests.support.terminals import on_terminal

BAR = re.compile(r"^━[━╸╺]* (\d)/(\d)( · about \d+ (s|min) left)?$")

# Many units with long names, and an end when the table has been drawn with all of them.
CROWD = """
import sys
from certify.cli.sweep_progress import SweepProgress
from certify.model.reference import Reference
from certify.judge.profiles import load
from certify.sweep.units import Unit

name = "registry.example:5000/" + "a-team-with-a-long-name/" * 4 + "app{}:1.2.3"
plain, devspace = load("plain"), load("devspace")
units = [
    Unit(reference, "linux/amd64", None, (plain,), ((reference, "plain"),))
    for reference in (Reference.parse(name.format(number)) for number in range(30))
]
with SweepProgress(units) as progress:
    rows = [progress.events(unit) for unit in units]
    for row in rows[:29]:
        row.phase("starting")
    rows[0].phase("looking for the image")
    rows[29].phase("pulling")
    progress._live and progress._live.refresh()
    if sys.argv[1:]:
        raise KeyboardInterrupt
"""


@pytest.mark.engine
@pytest.mark.usefixtures("nothing_left")
def test_a_sweep_on_a_terminal_of_80_columns(tmp_path: Path) -> None:
    listing = tmp_path / "list.txt"
    listing.write_text(f"{SAMPLES}/scratch\n{SAMPLES}/busybox profile=plain profile=webdevops-base")
    shown = on_terminal(
        command("sweep", str(listing), "--profile", "plain", "--pull", "never", "--jobs", "1"),
        tmp_path,
    )
    assert shown.code == 1
    rows = [line for screen in shown.screens for line in screen if re.search(r" \d:\d\d$", line)]
    assert any(re.match(rf"{SAMPLES}/scratch:latest \[plain\] +launching +0:0\d$", r) for r in rows)
    both = rf"{SAMPLES}/…latest \[plain, webdevops-base\] "
    assert any(re.match(both, row) for row in rows)
    bars = [found for screen in shown.screens for line in screen if (found := BAR.match(line))]
    assert {bar[1] for bar in bars} >= {"0", "1"}
    assert {bar[2] for bar in bars} == {"3"}
    # The table is gone in the end, and what was found out has stayed.
    assert [re.sub(r"\d+\.\d", "N", line) for line in shown.last[-3:]] == [
        f"[1/3] {SAMPLES}/scratch:latest [plain]: REJECTED (N s)",
        f"[2/3] {SAMPLES}/busybox:latest [plain]: REJECTED (N s)",
        f"[3/3] {SAMPLES}/busybox:latest [webdevops-base]: REJECTED (N s)",
    ]
    assert "3 to certify" in shown.last[-4]
    assert b"\x1b[1;31mREJECTED" in shown.written
    assert not shown.cursor_hidden


@pytest.mark.parametrize(("columns", "rows", "ends"), [(80, 12, "interrupted"), (40, 24, "well")])
def test_a_crowd_fits_any_terminal(tmp_path: Path, columns: int, rows: int, ends: str) -> None:
    words = [sys.executable, "-P", "-c", CROWD, *(["interrupt"] if ends == "interrupted" else [])]
    shown = on_terminal(words, tmp_path, columns=columns, rows=rows)
    full = max(shown.screens, key=lambda screen: sum(1 for line in screen if line))
    lines = [line for line in full if line]
    assert len(lines) == rows - 2, "its rows, how many more there are, and the bar"
    assert lines[-2] == f"and {30 - len(lines) + 2} more"
    assert re.match(r"━+ 0/30$", lines[-1])
    # The end of a name tells more than its beginning.
    assert (
        re.match(r"reg.*….*app0:1\.2\.3 +looking for the image +0:0\d$", lines[0]) or columns < 80
    )
    assert lines[0].endswith(("0:00", "0:01"))
    assert not shown.cursor_hidden
    assert not any("━" in line for line in shown.last)


@pytest.mark.parametrize(
    "environment", [{"CI": "true"}, {"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str
)
def test_nothing_is_overwritten_where_nobody_wants_it(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    shown = on_terminal([sys.executable, "-P", "-c", CROWD], tmp_path, environment=environment)
    assert shown.code == 0
    assert shown.written == b""


@pytest.mark.engine
def test_a_pipe_gets_plain_lines(certify: Certify, tmp_path: Path) -> None:
    (tmp_path / "images.txt").write_text(f"{SAMPLES}/scratch\n")
    words = ("sweep", "--profile", "plain", "--pull", "never")
    ended = certify(*words, CI="", FORCE_COLOR="1", TERM="xterm")
    lines = re.sub(r"\x1b\[[\d;]*m", "", ended.err).splitlines()
    assert "\x1b[?25l" not in ended.err
    assert re.fullmatch(
        rf"\[1/1\] {SAMPLES}/scratch:latest \[plain\]: REJECTED \(\d\.\d s\)", lines[-1]
    )


def test_names_of_other_sweeps_do_nothing_to_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with SweepProgress([]) as progress:
        progress.waits(1, ["[red]a\x1b]0;title\x07 --shard 1/2\x1b[2J\nb"])
        progress.waits(2, ["a", "\x9b31mb\u202e"])
    assert capsys.readouterr().err.splitlines() == [
        "certify: waiting for 1 image that a sweep of [red]a --shard 1/2 certifies now",
        "certify: waiting for 2 images that sweeps of a, b\\u202e certify now",
    ]


@pytest.mark.parametrize(
    ("done", "total", "latest", "elapsed", "told"),
    [
        (0, 10, 0.0, 50.0, ""),  # no pace yet
        (1, 10, 10.0, 10.0, "about 90 s left".replace("90 s", "2 min")),
        (1, 10, 10.0, 15.0, "about 85 s left"),  # time goes on between two answers
        (5, 10, 300.0, 300.0, "about 5 min left"),
        (1, 100, 600.0, 600.0, "about 16.5 h left"),
        (1, 2, 10.0, 25.0, ""),  # the estimate is up
        (10, 10, 100.0, 100.0, ""),
        (0, 0, 0.0, 0.0, ""),
    ],
)
def test_the_time_left(done: int, total: int, latest: float, elapsed: float, told: str) -> None:
    assert time_left(done, total, latest, elapsed) == told


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.4, "0:00"), (75, "1:15"), (3599.9, "59:59"), (3723, "1:02:03")]
)
def test_the_clock(seconds: float, shown: str) -> None:
    assert clock(seconds) == shown
