"""``make faults``: bring about every fault of the host; print both tables, write the page.

    python -m tests.stories.faults.table [WORD...]

With words, only what has one of them in its title. Exit code 0 if nothing false was told and
nothing is left, else 1. What was seen is kept beside this module, and docs/reliability.md is
written from it: ``measured.json`` for hosts with cgroup v1, ``measured-cgroup2.json`` for others.
An engine on another machine is not hurt, nor asked to pull from a registry of the suite's own.
"""

from __future__ import annotations

import json
import re
import signal
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

import click

from certify.engine.client import Engine
from tests.stories.elsewhere import described
from tests.stories.escapes.table import written
from tests.stories.faults.faults import FAULTS, Fault
from tests.stories.faults.scene import Scene, told
from tests.stories.faults.signals import MOMENTS, Moment

PAGE = Path(__file__).parents[3] / "docs/reliability.md"
MARK, MARK_OF_CGROUP2 = "faults", "faults with cgroup v2"
MEASURED = {
    MARK: Path(__file__).with_name("measured.json"),
    MARK_OF_CGROUP2: Path(__file__).with_name("measured-cgroup2.json"),
}
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
AT_ONCE = 2
_LONG = 110


@dataclass
class Row:
    """What was seen of one fault."""

    told: str
    seconds: float = 0.0
    """Seconds from the fault, or the start of the run, to the end of the run."""
    left: float | None = 0.0
    """Seconds until nothing was left; None if something was."""
    wrong: list[str] = field(default_factory=list)


def examined(scene: Scene, tells: str, begun: float) -> Row:
    """Return what is seen once a run has ended."""
    ended = scene.ended()
    row = Row(told(ended), time.monotonic() - begun, scene.seconds_until_nothing_is_left())
    if not re.match(tells, row.told):
        row.wrong.append(f"told {row.told!r}, not {tells!r}")
    if "Traceback" in ended.err:
        row.wrong.append(f"a traceback: {ended.err.strip().splitlines()[-1]}")
    if row.told.startswith("rejected"):
        row.wrong.append("held against the image")
    if row.left is None:
        row.wrong.append(f"left: {scene.left()}")
    return row


def bring(engine: Engine, fault: Fault) -> Row:
    """Bring about a fault, and look at the run, what it left, and the next run."""
    with tempfile.TemporaryDirectory(prefix="certify-fault-") as folder:
        scene = Scene(Path(folder), engine)
        if fault.engine:
            (scene.folder / "engine").mkdir()
        begun = time.monotonic()
        with fault.bring(scene):
            row = examined(scene, fault.tells, begun)
        if not scene.address and scene.next_run().code != 0:
            row.wrong.append(f"the next run: {told(scene.ended())}")
    return row


def interrupted(engine: Engine, moment: Moment, number: signal.Signals) -> Row:
    """Send a run a signal at a moment, and look at what it left, and the next run."""
    # There is nothing to clean up while modules are loaded.
    early = moment.title == "its modules are loaded"
    killed = number == signal.SIGKILL or (early and number == signal.SIGTERM)
    tells = f"ended by signal {number:d}" if killed else "exit 130"
    with tempfile.TemporaryDirectory(prefix="certify-fault-") as folder:
        scene = Scene(Path(folder), engine)
        with moment.reach(scene):
            assert scene.process is not None
            begun = time.monotonic()
            scene.process.send_signal(number)
            row = examined(scene, tells, begun)
        if scene.next_run().code != 0:
            row.wrong.append(f"the next run: {told(scene.ended())}")
    return row


def key(title: str, when: str) -> str:
    """Return the name of a row among what was measured."""
    return f"{title}, while {when}"


def cell(row: Row) -> list[str]:
    """Return what the page says of a fault: what was told, and what was left."""
    told = row.told if len(row.told) <= _LONG else f"{row.told[:_LONG].rsplit(' ', 1)[0]} …"
    told = re.sub(r"127\.0\.0\.1:\d+|/tmp/[^ ]*/", "…", told).replace("|", "¦")
    left = "**something**" if row.left is None else "nothing"
    if told.startswith(("ended by", "exit 130")) and row.left is not None:
        left = f"nothing after {row.seconds + row.left:.1f} s"
    return [told, left]


def tables(measured: dict[str, list[str]]) -> str:
    """Return the tables of what was measured: of signals, and of other faults."""
    heads = " | ".join(each.name for each in SIGNALS)
    signals = [f"| a signal while … | {heads} |", "| --- |" + " --- |" * len(SIGNALS)]
    unseen = ["not measured", ""]
    for moment in MOMENTS:
        found = [measured.get(key(each.name, moment.title), unseen) for each in SIGNALS]
        if found != [unseen] * len(SIGNALS):
            cells = [", ".join(filter(None, each)).removeprefix("ended by ") for each in found]
            signals.append(f"| {moment.title} | {' | '.join(cells)} |")
    others = ["| fault | while … | reported | left |", "| --- | --- | --- | --- |"]
    for fault in FAULTS:
        if row := measured.get(key(fault.title, fault.when)):
            others.append(f"| {fault.title} | {fault.when} | {' | '.join(row)} |")
    return "\n\n".join("\n".join(each) for each in (signals, others) if len(each) > 2)


def kept(mark: str = MARK) -> dict[str, list[str]]:
    """Return what was measured up to now for the tables at a mark of the page."""
    found: dict[str, list[str]] = json.loads(MEASURED[mark].read_text("utf-8"))
    return found


def main(*words: str) -> int:
    """Bring about the faults whose titles have one of the words, or all."""

    def chosen(name: str, *, here: bool = False) -> bool:
        here = here or name.endswith(("while a pull", "while layers are pulled"))
        return (engine.local or not here) and (not words or any(word in name for word in words))

    wrong = 0
    with Engine.connect() as engine, ThreadPoolExecutor(AT_ONCE) as pool:
        mark = MARK if engine.host().cgroup_version == "1" else MARK_OF_CGROUP2
        measured = kept(mark)
        work = {
            pool.submit(interrupted, engine, moment, number): key(number.name, moment.title)
            for moment in MOMENTS
            for number in SIGNALS
            if chosen(key(number.name, moment.title))
        } | {
            pool.submit(bring, engine, each): key(each.title, each.when)
            for each in FAULTS
            if chosen(key(each.title, each.when), here=each.engine)
        }
        for future in as_completed(work):
            try:
                row = future.result()
            except Exception as error:
                row = Row("", wrong=[f"{type(error).__name__}: {error}"])
            else:
                measured[work[future]] = cell(row)
                text = json.dumps(measured, indent=1, sort_keys=True) + "\n"
                MEASURED[mark].write_text(text, "utf-8")
            wrong += bool(row.wrong)
            click.echo(f"{'✗' if row.wrong else '✓'} {work[future]}: {row.told}")
            for each in row.wrong:
                click.echo(f"    {each}")
        host = described(engine.host())
    block = f"{host}:\n\n{tables(measured)}"
    PAGE.write_text(written(PAGE.read_text("utf-8"), block, mark), "utf-8")
    click.echo(f"{len(work) - wrong} of {len(work)} as they must be")
    return 1 if wrong or not work else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
