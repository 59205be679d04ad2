"""Everything that certify created is removed, and nothing else."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from docker.errors import APIError, ImageNotFound, NotFound

from certify.engine import firewall, reaper
from certify.engine.client import Engine
from certify.model.errors import EngineUnavailable
from certify.util.signals import interruptible
from tests.conftest import SAMPLES, Certify, command
from tests.support.waiting import containers_of, eventually, owner_of, running

HERE = reaper.owner().partition("/")[0]


def uptime() -> float:
    return float(Path("/proc/uptime").read_text().split()[0])


# Whose an object is


def test_objects_of_this_process_are_no_orphans() -> None:
    assert reaper.is_orphan(reaper.owner()) is False
    assert reaper.owner() == owner_of(os.getpid())


def test_objects_of_a_living_process_are_no_orphans(tmp_path: Path) -> None:
    # A name that could be taken for the fields that follow it in /proc/PID/stat.
    program = tmp_path / "a) R 1 (b"
    program.write_text("#!/bin/sh\necho up; read -r line\n")
    program.chmod(0o755)
    before = uptime()
    with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"up\n"
        label = owner_of(process.pid)
        started = int(label.rpartition("/")[2]) / os.sysconf("SC_CLK_TCK")
        assert before - 0.05 <= started <= uptime() + 0.05
        assert reaper.is_orphan(label) is False
        process.kill()
        eventually(lambda: reaper.is_orphan(label))
        assert Path(f"/proc/{process.pid}").exists(), "its parent has not asked for its end"
    assert reaper.is_orphan(label) is True


@pytest.mark.parametrize(
    ("label", "orphan"),
    [
        (f"{HERE}/{os.getpid()}/1", True),  # the number lives, but it is another process
        (f"{HERE}/{os.getpid()}", True),
        (f"{HERE}/999999999/1", True),
        (f"{HERE}/x/1", True),
        (f"{HERE}/-1/1", True),
        (f"{HERE}/../1", True),
        (f"{HERE}", True),
        (f"another-{reaper.owner()}", None),
        ("", None),
        ("/1/1", None),
    ],
    ids=map(str, range(10)),
)
def test_owners_that_are_gone(label: str, orphan: bool | None) -> None:
    assert reaper.is_orphan(label) is orphan


def test_a_process_number_counts_only_in_its_namespace() -> None:
    """CI jobs in containers share an engine and a boot id, but no process numbers."""
    unshare = ["unshare", "--pid", "--fork", "--mount-proc"]
    if os.geteuid() != 0:
        unshare += ["--user", "--map-root-user"]
    program = "from certify.engine import reaper as r; print(r.owner(), r.is_orphan(r.owner()))"
    ran = subprocess.run(
        [*unshare, sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    label, orphan_there = ran.stdout.split()
    assert orphan_there == "False"
    assert label.split("/")[1] == "1"
    assert reaper.is_orphan(label) is None


def test_a_hidden_process_is_not_gone() -> None:
    """With /proc's option hidepid a user sees only what is their own; another's run may live."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount /proc anew and then be somebody else")
    label = f"{HERE}/1/1"
    program = (
        "import os, subprocess\n"
        "from certify.engine import reaper\n"
        "subprocess.run(['mount', '-o', 'remount,hidepid=2', '/proc'], check=True)\n"
        "reaper.owner()  # reads what only root may: the interpreter's own files\n"
        "os.setgid(65534); os.setuid(65534)\n"
        f"print(reaper.is_orphan({label!r}), reaper.is_orphan({HERE + '/999999999/1'!r}))\n"
    )
    # Process numbers of the same namespace; only the mount is another.
    shell = 'mount -t proc proc /proc && exec "$@"'
    ran = subprocess.run(
        ["unshare", "--mount", "sh", "-c", shell, "sh", sys.executable, "-c", program],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (ran.stdout, ran.stderr) == ("None True\n", "")


def test_without_proc_nothing_is_an_orphan(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reaper, "Path", lambda _path: Path("/nonexistent"))
    assert reaper.is_orphan(reaper.owner()) is None


def test_labels_hold_purpose_owner_and_image() -> None:
    labels = reaper.labels("run1", "debian:12")
    assert time.time() + reaper.LEASE - 5 < float(labels.pop(reaper.UNTIL)) < time.time() + 7205
    assert labels == {
        "certify": "candidate",
        reaper.RUN: "run1",
        reaper.OWNER: reaper.owner(),
        "certify.image": "debian:12",
    }
    assert reaper.labels("run1", "debian:12", lease=None)[reaper.UNTIL] == ""


def test_no_two_runs_have_one_name() -> None:
    assert len({reaper.new_run_id() for _ in range(100)}) == 100


# What is removed


class Api:
    """An engine that has objects, and may refuse to remove some."""

    def __init__(self, *labels: Mapping[str, str] | None, refuses: tuple[str, ...] = ()) -> None:
        self.labels = labels
        self.refuses = refuses
        self.removed: list[str] = []
        self.filters: list[object] = []

    def _listed(self, kind: str, filters: object) -> list[dict[str, Any]]:
        self.filters.append(filters)
        runs = [(each or {}).get(reaper.RUN) for each in self.labels]
        return [
            {"Id": f"{kind}{n}", "Labels": each, **self.named(kind, runs[n], n)}
            for n, each in enumerate(self.labels)
        ]

    def named(self, kind: str, run: str | None, number: int) -> dict[str, Any]:
        name = f"certify-{run}-{number:04x}"
        if kind == "container":
            return {"Names": [f"/{name}"]}
        return {"RepoTags": [f"certify-probe:{run}"]} if kind == "image" else {"Name": name}

    def containers(self, *, all: bool, filters: object) -> list[dict[str, Any]]:
        assert all, "a container that was created and never ran is found as well"
        return self._listed("container", filters)

    def volumes(self, *, filters: object) -> dict[str, Any]:
        return {"Volumes": self._listed("volume", filters) or None}

    def networks(self, *, filters: object) -> list[dict[str, Any]]:
        return self._listed("network", filters)

    def images(self, *, filters: object) -> list[dict[str, Any]]:
        return self._listed("image", filters)

    def get(self, name: str) -> object:
        for image in self._listed("image", name):
            if name in (image["Id"], *image["RepoTags"]):
                return SimpleNamespace(attrs=image | {"Config": {"Labels": image["Labels"]}})
        raise ImageNotFound(name)

    def _remove(self, name: str) -> None:
        if name in self.refuses:
            raise APIError("in use")
        self.removed.append(name)

    def remove_container(self, name: str, *, v: bool, force: bool) -> None:
        assert v, "with its anonymous volumes"
        assert force, "although it runs"
        self._remove(name)

    def remove_volume(self, name: str, *, force: bool) -> None:
        self._remove(f"volume{int(name[-4:], 16)}")

    def remove_network(self, name: str) -> None:
        self._remove(name)

    def remove_image(self, name: str, *, force: bool) -> None:
        assert force, "whatever names it has"
        self._remove(name)


def engine_with(api: object) -> Engine:
    engine = SimpleNamespace(client=SimpleNamespace(api=api, images=api), ping=lambda: None)
    return cast(Engine, engine)


GONE = f"{HERE}/999999999/1"
RUN = "a" * 12
OURS = {reaper.RUN: RUN, reaper.OWNER: reaper.owner()}
THEIRS = {reaper.RUN: "b" * 12, reaper.OWNER: reaper.owner()}


def test_a_runs_objects_are_removed_and_no_others() -> None:
    api = Api(OURS, THEIRS, None)
    reaper.remove_run(engine_with(api), RUN)
    assert api.removed == ["container0", "volume0", "network0", "image0"]
    assert api.filters == [*([{"label": reaper.RUN}] * 3), f"certify-probe:{RUN}"]


def test_an_image_that_a_run_s_probe_used_goes_as_well_and_is_not_listed() -> None:
    class Copied(Api):
        def containers(self, *, all: bool, filters: object) -> list[dict[str, Any]]:
            return [
                each | {"ImageID": "image1"}
                for each in super().containers(all=all, filters=filters)
            ]

        def named(self, kind: str, run: str | None, number: int) -> dict[str, Any]:
            if (kind, number) == ("image", 1):
                return {"RepoTags": [f"certify-probe:{run}-00aa"]}
            return super().named(kind, run, number)

        def images(self, *, filters: object) -> list[dict[str, Any]]:
            raise AssertionError("an engine goes through all of its images")

    for purpose, removed in ((reaper.PROBE, ["image0", "image1"]), ("candidate", ["image0"])):
        api = Copied(*([OURS | {reaper.LABEL: purpose}] * 2))
        reaper.remove_run(engine_with(api), RUN)
        assert [each for each in api.removed if each.startswith("image")] == removed


def test_a_refused_removal_does_not_prevent_others() -> None:
    api = Api(OURS, refuses=("container0", "volume0"))
    reaper.remove_run(engine_with(api), RUN, seconds=0)
    assert set(api.removed) == {"network0", "image0"}


def test_a_refused_removal_is_tried_again() -> None:
    class Busy(Api):
        def _remove(self, name: str) -> None:
            refused, self.refuses = self.refuses, ()
            if name in refused:
                raise APIError("removal is already in progress")
            super()._remove(name)

    api = Busy(OURS, refuses=("container0",))
    reaper.remove_run(engine_with(api), RUN)
    assert "container0" in api.removed


def test_a_refused_listing_is_tried_again() -> None:
    class Refusing(Api):
        def volumes(self, *, filters: object) -> dict[str, Any]:
            refused, self.refuses = self.refuses, ()
            if refused:
                raise APIError("volume store is busy")
            return super().volumes(filters=filters)

    api = Refusing(OURS, refuses=("volumes",))
    reaper.remove_run(engine_with(api), RUN)
    assert set(api.removed) == {"container0", "volume0", "network0", "image0"}
    api = Refusing(OURS | {reaper.OWNER: GONE}, refuses=("volumes",))
    assert reaper.remove_orphans(engine_with(api)) == 3


def test_images_that_are_listed_already_are_not_listed_again() -> None:
    gone = OURS | {reaper.OWNER: GONE}
    api = Api(gone)
    named = {"RepoTags": [f"certify-probe:{RUN}"]}
    listed: list[dict[str, Any]] = [
        {"Id": "probe", "Labels": gone | {reaper.LABEL: reaper.PROBE}, **named},
        {"Id": "a person's", "Labels": gone | {reaper.LABEL: "candidate"}, **named},
        {"Id": "other", "Labels": None, "RepoTags": None},
    ]
    assert reaper.remove_orphans(engine_with(api), images=listed) == 4
    assert api.removed == ["container0", "volume0", "network0", "probe"]
    assert len(api.filters) == 3


def test_a_signal_in_the_middle_leaves_nothing() -> None:
    class Interrupted(Api):
        def _remove(self, name: str) -> None:
            os.kill(os.getpid(), signal.SIGINT)
            super()._remove(name)

    api = Interrupted(OURS)
    with pytest.raises(KeyboardInterrupt), interruptible():
        reaper.remove_run(engine_with(api), RUN)
    assert api.removed == ["container0", "volume0", "network0", "image0"]


def test_orphans_are_removed_and_counted() -> None:
    api = Api(
        OURS | {reaper.OWNER: GONE}, OURS, OURS | {reaper.OWNER: "elsewhere/1/1"}, {},
        refuses=("network0",),
    )  # fmt: skip
    assert reaper.remove_orphans(engine_with(api)) == 3
    assert api.removed == ["container0", "volume0", "image0"]


@pytest.mark.parametrize(
    ("owner", "until", "removed", "with_kept"),
    [
        (GONE, None, 4, 4),
        (GONE, "", 0, 4),
        (GONE, "9999999999", 4, 4),
        pytest.param(reaper.owner(), "1", 0, 0, id="its own process"),
        ("elsewhere/1/1", "1", 4, 4),
        ("elsewhere/1/1", "9999999999", 0, 0),
        ("elsewhere/1/1", "", 0, 0),
        ("elsewhere/1/1", "soon", 0, 0),
        ("elsewhere/1/1", None, 0, 0),
    ],
)
def test_an_owner_that_cannot_be_looked_up_has_a_time(
    owner: str, until: str | None, removed: int, with_kept: int
) -> None:
    labels = OURS | {reaper.OWNER: owner} | ({} if until is None else {reaper.UNTIL: until})
    assert reaper.remove_orphans(engine_with(Api(labels))) == removed
    assert reaper.remove_orphans(engine_with(Api(labels)), kept=True) == with_kept


def test_everything_includes_living_processes_and_other_machines() -> None:
    api = Api(OURS, OURS | {reaper.OWNER: "elsewhere/1/1"})
    assert reaper.remove_orphans(engine_with(api), everything=True) == 8


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("my-database", OURS),
        (f"certify-{'b' * 12}", OURS),
        (f"certify-{RUN}x", OURS),
        (f"certify-{RUN}", {reaper.RUN: RUN}),
        (f"certify-{RUN}", OURS | {reaper.OWNER: "somebody"}),
        (f"certify-{RUN}", OURS | {reaper.RUN: ""}),
        ("", OURS),
    ],
)
def test_labels_alone_make_nothing_certifys(name: str, labels: dict[str, str]) -> None:
    """A person's copy of a candidate inherits them, and an image may bring them along."""

    class Named(Api):
        def named(self, kind: str, run: str | None, number: int) -> dict[str, Any]:
            field = {"container": "Names", "image": "RepoTags"}.get(kind)
            return {field: [name]} if field else {"Name": name}

    api = Named(labels)
    assert reaper.remove_orphans(engine_with(api), everything=True) == 0
    reaper.remove_run(engine_with(api), RUN)
    assert api.removed == []


def test_an_engine_that_has_nothing() -> None:
    assert reaper.remove_orphans(engine_with(Api())) == 0


def test_rules_that_outlived_their_network_go_with_the_next_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tidied: list[bool] = []
    monkeypatch.setattr(firewall, "tidy", lambda: tidied.append(True))
    reaper.remove_run(engine_with(Api()), RUN)
    assert not tidied, "a launch without a network of its own starts no process for it"
    reaper.remove_orphans(engine_with(Api()))
    assert tidied


class Gone(Api):
    def containers(self, **_options: object) -> list[dict[str, Any]]:
        raise ConnectionError("gone")


def test_a_run_ends_quietly_when_the_engine_is_gone_and_clean_says_so() -> None:
    reaper.remove_run(engine_with(Gone()), RUN)
    with pytest.raises(EngineUnavailable):
        reaper.remove_orphans(engine_with(Gone()))


# A real engine


@pytest.fixture
def foreign(engine: Engine) -> Iterator[list[str]]:
    """Objects that are not certify's to remove: nobody's, and a living process's."""
    api = engine.client.api
    word = f"certify-test-{secrets.token_hex(6)}"
    mine = {reaper.RUN: "1", reaper.OWNER: reaper.owner()}
    with contextlib.ExitStack() as stack:
        api.create_volume(word, labels={"certify-test": "", reaper.OWNER: GONE})
        stack.callback(api.remove_volume, word)
        api.create_volume(f"{word}-lives", labels=mine)
        stack.callback(api.remove_volume, f"{word}-lives")
        api.create_network(word, labels={"certify": "candidate"})
        stack.callback(api.remove_network, word)
        container = api.create_container(f"{SAMPLES}/busybox", name=word, labels={"certify": "x"})
        stack.callback(api.remove_container, container["Id"], v=True, force=True)
        yield [word, f"{word}-lives", container["Id"]]


def children(pid: int) -> list[int]:
    return [
        int(child)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]


@pytest.mark.engine
@pytest.mark.alone
def test_clean_removes_what_a_killed_run_left_and_nothing_else(
    engine: Engine, nothing_left: None, foreign: list[str], certify: Certify, tmp_path: Path
) -> None:
    api = engine.client.api
    image = f"{SAMPLES}/debian-systemd"
    killed = command("run", "--pull", "never", image)
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with running(killed, tmp_path, **silent) as process:
        theirs = {"label": f"{reaper.OWNER}={owner_of(process.pid)}"}
        (container,) = eventually(lambda: containers_of(engine, process.pid, image))
        below = children(process.pid)
        labels = [owner_of(child) for child in below]
        assert labels, "the checks run in a process of their own"
        for pid in (*below, process.pid):  # its watchdog, too: as by the end of a pod
            os.kill(pid, signal.SIGKILL)
    assert api.volumes(filters=theirs)["Volumes"]
    (folder,) = Path(tempfile.gettempdir()).glob(f"certify-*-{process.pid}-*")
    cleaned = certify("clean")
    assert not folder.exists(), "the folder of the notification socket"
    assert (cleaned.code, cleaned.err) == (0, "")
    assert cleaned.out.startswith("removed ")
    with pytest.raises(NotFound):
        api.inspect_container(container["Id"])
    assert not api.volumes(filters=theirs)["Volumes"]
    eventually(lambda: all(reaper.is_orphan(label) for label in labels))
    word, living, created = foreign
    assert api.inspect_volume(word)
    assert api.inspect_volume(living)
    assert api.inspect_network(word)
    assert api.inspect_container(created)
