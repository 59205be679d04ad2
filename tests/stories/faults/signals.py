"""Moments of a run at which a signal comes, from the start to the reports."""

from __future__ import annotations

import contextlib
import io
import secrets
import sqlite3
import subprocess
import tarfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from certify.engine.errors import APIError
from tests.conftest import SAMPLES
from tests.stories.faults.scene import IMAGE, Scene
from tests.support.misbehaving import SILENCE, Reply, forwarding, serving
from tests.support.registries import running
from tests.support.waiting import containers_of

Reach = Callable[[Scene], contextlib.AbstractContextManager[None]]
INIT = ["--pull", "never", "--profile", "devspace", "--format", "json"]


@dataclass(frozen=True)
class Moment:
    """A moment of a run, and how to get there."""

    title: str
    reach: Reach


def started(words: Callable[[Scene], list[str]], ready: Callable[[Scene], object]) -> Reach:
    """Return the way to a moment that can be seen from outside."""

    @contextlib.contextmanager
    def reach(scene: Scene) -> Iterator[None]:
        scene.start(words(scene))
        scene.until(lambda: ready(scene))
        yield

    return reach


@contextlib.contextmanager
def registry_asked(scene: Scene) -> Iterator[None]:
    """A registry has been asked, and does not answer."""
    asked = threading.Event()

    def answer(_method: str, _path: str) -> Reply:
        asked.set()
        return SILENCE

    with serving(answer) as port:
        scene.start(scene.run(f"127.0.0.1:{port}/team/app:1"))
        scene.until(asked.is_set)
        yield


@contextlib.contextmanager
def unknown_image(scene: Scene, answer: Callable[[str, str], Reply | None]) -> Iterator[str]:
    """Serve an image that no engine has, by a registry that answers otherwise now and then."""
    folder, name = scene.folder / "registry", f"certify-fault:{secrets.token_hex(6)}"
    folder.mkdir()
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        entry = tarfile.TarInfo("random")
        entry.size = 100_000
        tar.addfile(entry, io.BytesIO(secrets.token_bytes(entry.size)))
    docker = ["docker", "import", "-", name]
    subprocess.run(docker, input=archive.getvalue(), check=True, capture_output=True)
    with running(folder) as registry:
        registry.push(name, "team/app:1")
        subprocess.run(["docker", "rmi", name], check=True, capture_output=True)
        with serving(forwarding(registry.host, answer)) as port:
            yield f"127.0.0.1:{port}/team/app:1"


@contextlib.contextmanager
def layers_pulled(scene: Scene) -> Iterator[None]:
    """A registry has given all but the layers."""
    reached = threading.Event()

    def layer(_method: str, path: str) -> Reply | None:
        if "/blobs/" not in path:
            return None
        reached.set()
        return SILENCE

    with unknown_image(scene, layer) as name:
        scene.start(scene.run(name))
        scene.until(reached.is_set)
        yield


@contextlib.contextmanager
def recorded(scene: Scene) -> Iterator[None]:
    """The result waits for a ledger that somebody else has locked."""
    scene.wait(0)
    scene.next_run()  # makes the ledger
    scene.mark.unlink()
    with contextlib.closing(sqlite3.connect(scene.folder / "reports/certify.db")) as other:
        scene.wait(1)
        scene.start()
        scene.until(scene.mark.exists)
        other.execute("BEGIN EXCLUSIVE")
        scene.until(lambda: not scene.left())
        yield


def reports_written(scene: Scene) -> bool:
    """Return True once the first report of a run is there."""
    return any((scene.folder / "reports/results").glob("*.json"))


def swept(scene: Scene) -> list[str]:
    """Return the command line of a sweep of two images."""
    (scene.folder / "list").write_text(f"{IMAGE}\n{SAMPLES}/debian\n")
    calm = ["--profile", "./calm.toml", "--checks", "checks", "--pull", "never"]
    return scene.words("sweep", "list", *calm)


def boots(image: str) -> Callable[[Scene], list[str]]:
    """Return the command line of a run of an image that boots."""
    return lambda scene: scene.words("run", *INIT, f"{SAMPLES}/{image}")


def installs(scene: Scene) -> bool:
    """Return True once the launch has begun to install packages."""
    found = scene.left(running=True)
    api = scene.engine.client.api
    with contextlib.suppress(APIError):  # the one that measures the host may be gone
        return any(b"Get:" in api.logs(each) or b"Reading" in api.logs(each) for each in found)
    return False


def loading(scene: Scene) -> bool:
    """Return True while the modules of a run are loaded; one of them has a library."""
    assert scene.process is not None
    return "pydantic_core" in Path(f"/proc/{scene.process.pid}/maps").read_text()


def boots_now(scene: Scene) -> bool:
    """Return True once the container of an image that boots runs."""
    assert scene.process is not None
    return bool(containers_of(scene.engine, scene.process.pid, f"{SAMPLES}/debian-devspace"))


MOMENTS = (
    Moment("its modules are loaded", started(Scene.run, loading)),
    Moment("the run begins", started(Scene.run, lambda s: s.said("starting"))),
    Moment("the registry is asked", registry_asked),
    Moment("layers are pulled", layers_pulled),
    Moment("the host is measured", started(Scene.run, Scene.left)),
    Moment("the image is looked up", started(Scene.run, lambda s: s.said("looking for"))),
    Moment("the container is made", started(Scene.run, lambda s: s.said("launching"))),
    Moment("packages are installed", started(boots("debian"), installs)),
    Moment("systemd boots", started(boots("debian-devspace"), boots_now)),
    Moment("a check runs", started(Scene.run, lambda s: s.mark.exists())),
    Moment("the checks have ended", started(Scene.run, lambda s: s.said("image.waiting"))),
    Moment("the result is recorded", recorded),
    Moment("reports are written", started(Scene.run, reports_written)),
    Moment("a sweep is under way", started(swept, lambda s: s.mark.exists())),
)
