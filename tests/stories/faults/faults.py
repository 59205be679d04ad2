"""Faults of a host: each is brought about while certify works, and none may be told as the image's.

A fault is a context manager around a scene. In its block the run is under way or still to be
started; the fault ends with the block.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from tests.conftest import SAMPLES
from tests.stories.faults.scene import IMAGE, Scene
from tests.stories.faults.signals import layers_pulled, unknown_image
from tests.support.misbehaving import SILENCE, Reply, writing
from tests.support.private_engine import PrivateEngine, fill, private_engine, small_disk
from tests.support.registries import running

Bring = Callable[[Scene], contextlib.AbstractContextManager[None]]


@dataclass(frozen=True)
class Fault:
    """A fault of the host, and the words that must be told of it."""

    title: str
    when: str
    tells: str
    """A regular expression for the outcome."""
    bring: Bring
    engine: bool = False
    """True if the engine itself is hurt, so that it is one of the suite's own."""


# Something is taken away while a check runs


def taken(take: Callable[[Scene, str], object]) -> Bring:
    """Return the way to do something to the container in the middle of a check."""

    @contextlib.contextmanager
    def bring(scene: Scene) -> Iterator[None]:
        scene.start()
        scene.until(scene.mark.exists)
        take(scene, scene.mark.read_text())
        yield

    return bring


def docker(*words: str) -> Callable[[Scene, str], object]:
    """Return the way to have somebody run a docker command with the container."""

    def take(scene: Scene, container: str) -> None:
        subprocess.run(["docker", *words, container], check=True, capture_output=True)

    return take


def paused(scene: Scene, container: str) -> None:
    """Pause the container, once the check's command runs.

    Docker 20.10 locks a container for good if it is paused while an exec starts in it.
    """
    scene.until(lambda: "sleep" in str(scene.engine.client.api.top(container)))
    docker("pause")(scene, container)


def shells_killed(scene: Scene, container: str) -> None:
    """Kill every process of the container but PID 1, certify's shell among them."""
    subprocess.run(
        ["docker", "exec", container, "sh", "-c", "kill -9 -1"], check=False, capture_output=True
    )


def child_killed(scene: Scene, _container: str) -> None:
    """Kill the process that runs the checks, but not the server that it was copied from.

    Of the run's children, the server alone has children; it may be a copy of the run, too.
    """
    assert scene.process is not None
    copies = [copy for child in children(scene.process.pid) for copy in children(child)]
    assert copies, "the checks run in a process of their own"
    for copy in copies:
        os.kill(copy, signal.SIGKILL)


def children(process: int) -> list[int]:
    """Return the children of all threads of a process."""
    tasks = Path(f"/proc/{process}/task").iterdir()
    return [int(each) for task in tasks for each in (task / "children").read_text().split()]


def network_gone(scene: Scene, container: str) -> None:
    """Take the container off its network."""
    settings = scene.engine.client.api.inspect_container(container)["NetworkSettings"]
    for network in settings["Networks"]:
        words = ["docker", "network", "disconnect", "--force", network, container]
        subprocess.run(words, check=True, capture_output=True)


# The engine


def hurt(moment: str, how: str) -> Bring:
    """Return the way to kill, restart or freeze the engine at a moment of a run."""

    @contextlib.contextmanager
    def bring(scene: Scene) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            engine = stack.enter_context(private_engine(scene.folder / "engine"))
            engine.load(IMAGE)
            scene.address = engine.address
            if moment == "a pull":
                stack.enter_context(layers_pulled(scene))
            elif moment == "a launch":
                scene.start()
                scene.until(lambda: scene.said("launching"))
            else:
                scene.wait(60 if how == "frozen" else 5)
                words = ["sweep", "list", "--profile", "./calm.toml", "--checks", "checks"]
                (scene.folder / "list").write_text(f"{IMAGE}\n")
                sweep = [*words, "--pull", "never", "--format", "json"]
                scene.start(scene.words(*sweep) if moment == "a sweep" else None)
                scene.until(scene.mark.exists)
            with hurting(engine, how):
                scene.ended()
            yield
            left = engine.docker("ps", "--all", "--quiet").stdout.split()
            assert scene.next_run().code == 0
            after = engine.docker("ps", "--all", "--quiet").stdout.split()
            assert after == [], f"{left} before, {after} after the next run"

    return bring


@contextlib.contextmanager
def hurting(engine: PrivateEngine, how: str) -> Iterator[None]:
    """Hurt an engine; it is well again after the block."""
    if how == "frozen":
        with engine.frozen():
            yield
        return
    engine.kill(signal.SIGKILL if how == "killed" else signal.SIGTERM)
    if how == "restarted":
        engine.start()
        yield
        return
    yield
    engine.start()


# The disk


@contextlib.contextmanager
def full_for(scene: Scene, what: str) -> Iterator[None]:
    """Leave no room on the disk of the reports or of the ledger."""
    with small_disk(scene.folder, 4) as disk:
        if what == "reports":
            scene.reports, scene.ledger = str(disk), f"sqlite:///{scene.folder}/ledger.db"
        else:
            scene.ledger = f"sqlite:///{disk}/ledger.db"
            assert scene.next_run().code == 0  # makes the ledger
            scene.mark.unlink()
        fill(disk)
        scene.start()
        scene.ended()
        (disk / "filling").unlink()
        yield
        assert scene.next_run().code == 0


@contextlib.contextmanager
def full_for_images(scene: Scene) -> Iterator[None]:
    """Leave no room on the engine's disk for the image."""
    (scene.folder / "registry").mkdir()
    (scene.folder / "engine").mkdir()
    with (
        running(scene.folder / "registry") as registry,
        small_disk(scene.folder, 64) as disk,
        private_engine(scene.folder / "engine", disk) as engine,
    ):
        scene.address = engine.address
        scene.start(scene.run(registry.push(f"{SAMPLES}/debian", "team/app:1")))
        scene.ended()
        yield
        engine.load(IMAGE)
        assert scene.next_run().code == 0


# The ledger


def ledger(spoil: Callable[[Path], object], *, keeps: bool = False) -> Bring:
    """Return the way to certify with a ledger that was good and then was spoilt."""

    @contextlib.contextmanager
    def bring(scene: Scene) -> Iterator[None]:
        path = scene.folder / "ledger.db"
        scene.ledger = f"sqlite:///{path}"
        assert scene.next_run().code == 0
        scene.mark.unlink()
        good = path.read_bytes()
        spoil(path)
        scene.start()
        scene.ended()
        yield
        if path.is_dir():
            path.rmdir()
        if not keeps:
            path.write_bytes(good)

    return bring


@contextlib.contextmanager
def locked(scene: Scene) -> Iterator[None]:
    """Keep the ledger locked by another process until the run has ended."""
    scene.next_run()
    scene.mark.unlink()
    with contextlib.closing(sqlite3.connect(scene.folder / "reports/certify.db")) as other:
        scene.start()
        scene.until(scene.mark.exists)
        other.execute("BEGIN EXCLUSIVE")
        scene.ended()
    yield
    assert scene.next_run().code == 0
    with contextlib.closing(sqlite3.connect(scene.folder / "reports/certify.db")) as read:
        (kept,) = read.execute("SELECT count(*) FROM certify_results").fetchone()
    assert kept == 3, "what was told is in the ledger once it can be written"


@contextlib.contextmanager
def read_only(scene: Scene) -> Iterator[None]:
    """Put the ledger on a file system that nobody may write to."""
    with small_disk(scene.folder, 8) as disk:
        scene.ledger = f"sqlite:///{disk}/ledger.db"
        assert scene.next_run().code == 0
        scene.mark.unlink()
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        scene.start()
        scene.ended()
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
        yield
        assert scene.next_run().code == 0


def newer(path: Path) -> None:
    """Mark a ledger as one of a newer certify."""
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE certify_schema SET version = 99")


def flipped(path: Path) -> None:
    """Flip a bit in each byte of a ledger but its first page."""
    raw = path.read_bytes()
    path.write_bytes(raw[:4096] + bytes(each ^ 0x10 for each in raw[4096:]))


def a_folder(path: Path) -> None:
    """Put a folder in the place of a ledger."""
    path.unlink()
    path.mkdir()


# The clock


CLOCK = Path(__file__).parents[2] / "support/clock"
"""A folder for PYTHONPATH that sets the clock of certify's processes."""


def clock_set(days: int) -> Bring:
    """Return the way to set the clock in the middle of a check, and to set it right afterwards."""

    @contextlib.contextmanager
    def bring(scene: Scene) -> Iterator[None]:
        clock, ledger = scene.folder / "clock", scene.folder / "reports/certify.db"
        clock.write_text("0")
        right, scene.environment = scene.environment, scene.environment | {
            "CERTIFY_TEST_CLOCK": str(clock),
            "PYTHONPATH": f"{CLOCK}:{os.environ.get('PYTHONPATH', '')}",
        }  # fmt: skip
        told = [scene.next_run()]
        scene.mark.unlink()
        scene.wait(3)
        scene.start()
        scene.until(scene.mark.exists)
        clock.with_suffix(".new").write_text(str(days * 86400))
        clock.with_suffix(".new").rename(clock)
        told.append(scene.ended())
        yield
        told.append(scene.next_run())
        scene.environment = right
        told.append(scene.next_run())
        assert [each.code for each in told] == [0] * 4, [each.err for each in told]
        moments = [each.result.finished_at for each in told]
        assert [round((each - moments[0]) / timedelta(days=1)) for each in moments] == [
            0, days, days, 0,
        ], moments  # fmt: skip
        with contextlib.closing(sqlite3.connect(ledger)) as read:
            (kept,) = read.execute("SELECT count(*) FROM certify_results").fetchone()
        assert kept == 4, "what was told is in the ledger"
        scene.start(scene.words("matrix", "--format", "json"))
        (row,) = json.loads(scene.ended().out)["rows"]
        assert datetime.fromisoformat(row["finished_at"]) == moments[-1], "the last recorded stands"

    return bring


# The registry


def served(answer: Callable[[str, str], Reply | None]) -> Bring:
    """Return the way to pull from a registry that gives all but what is answered otherwise."""

    @contextlib.contextmanager
    def bring(scene: Scene) -> Iterator[None]:
        with unknown_image(scene, answer) as name:
            scene.start(scene.run(name))
            scene.ended()
            yield

    return bring


def dies(_method: str, path: str) -> Reply | None:
    """Break off in the middle of a layer."""
    body = bytes(1000)
    return Reply(200, body, {"Content-Length": "500000"}) if "/blobs/" in path else None


def silent(_method: str, path: str) -> Reply | None:
    """Answer nothing where a layer is asked for."""
    return SILENCE if "/blobs/" in path else None


@contextlib.contextmanager
def drips(scene: Scene) -> Iterator[None]:
    """Send an answer of a registry one byte at a time."""

    def write(send: Callable[[bytes], object]) -> None:
        for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}":
            send(bytes([byte]))
            drip.wait(4)

    drip = threading.Event()
    with writing(write) as port:
        scene.start(scene.run(f"127.0.0.1:{port}/team/app:1"))
        scene.ended()
        drip.set()
        yield


GONE = (
    "inconclusive: .*(stopped answering|does not answer|killed from outside|stopped from outside)"
)
AGAIN = "inconclusive: |certified"
CHECK, RUN = "a check runs", "the run begins"
FAULTS = (
    Fault("somebody kills the container", CHECK, "inconclusive: .*killed from outside",
          taken(docker("kill"))),
    Fault("somebody stops the container", CHECK, "inconclusive: .*from outside",
          taken(docker("stop", "--time", "1"))),  # before the check ends
    Fault("somebody removes the container", CHECK, "inconclusive: ",
          taken(docker("rm", "-f", "-v"))),
    Fault("somebody pauses the container", CHECK, "inconclusive: Somebody paused the container",
          taken(paused)),
    Fault("all processes but PID 1 are killed", CHECK, "inconclusive: ", taken(shells_killed)),
    Fault("the process of the checks is killed", CHECK, "inconclusive: .*broke down",
          taken(child_killed)),
    Fault("the container loses its network", CHECK, "certified", taken(network_gone)),
    *(Fault(f"the engine is {how}", moment, AGAIN if how == "restarted" else GONE,
            hurt(moment, how), engine=True)
      for moment in ("a pull", "a launch", CHECK, "a sweep")
      for how in ("killed", "restarted", "frozen")),
    Fault("the disk of the reports is full", RUN, "certified, not recorded",
          lambda scene: full_for(scene, "reports")),
    Fault("the disk of the ledger is full", RUN, "certified, not recorded|exit 3: ",
          lambda scene: full_for(scene, "ledger")),
    Fault("the disk of the images is full", "a pull", "inconclusive: .*(is full|was not pulled)",
          full_for_images),
    Fault("the ledger is locked until the end", CHECK, "certified, not recorded", locked),
    Fault("the ledger lies on a read-only disk", RUN, "certified, not recorded|exit 3", read_only),
    Fault("the ledger is cut off", RUN, "exit 3: ",
          ledger(lambda path: os.truncate(path, 6000))),
    Fault("bits of the ledger are flipped", RUN, "exit 3: ", ledger(flipped)),
    Fault("the ledger is an empty file", RUN, "exit 3: ",
          ledger(lambda path: path.write_bytes(b""))),
    Fault("the ledger is a folder", RUN, "exit 3: ", ledger(a_folder)),
    Fault("the ledger is of a newer certify", RUN, "exit 3: ", ledger(newer)),
    Fault("the clock is set three days ahead", CHECK, "certified", clock_set(3)),
    Fault("the clock is set three days back", CHECK, "certified", clock_set(-3)),
    Fault("the registry breaks off", "a pull", "inconclusive: ", served(dies)),
    Fault("the registry falls silent", "a pull", "inconclusive: .*nothing came", served(silent)),
    Fault("the registry drips", "a pull", "inconclusive: ", drips),
)  # fmt: skip
