"""A sweep on a Dask cluster: hosts with engines of their own, one of which is lost meanwhile."""

from __future__ import annotations

import io
import json
import os
import signal
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from certify.engine.client import Engine
from certify.ledger.store import Ledger
from tests.conftest import SAMPLES, Certify
from tests.stories.faults.scene import Scene
from tests.support.clusters import Cluster
from tests.support.private_engine import PrivateEngine, private_engine
from tests.support.registries import Registry, free_port, running
from tests.support.waiting import eventually

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("nothing_left")]


@pytest.fixture
def engines(tmp_path: Path) -> Iterator[list[PrivateEngine]]:
    """Two hosts, as far as certify can tell: engines of their own."""
    with ExitStack() as stack:
        found = []
        for name in ("a", "b"):
            (tmp_path / name).mkdir()
            found.append(stack.enter_context(private_engine(tmp_path / name)))
        yield found


@pytest.fixture
def registry(tmp_path: Path, engine: Engine) -> Iterator[Registry]:
    """A registry with four images that differ in a label."""
    (tmp_path / "registry").mkdir()
    with running(tmp_path / "registry") as found:
        for number in range(4):
            label = f"FROM {SAMPLES}/busybox\nLABEL variant={uuid.uuid4().hex}\n"
            image, _ = engine.client.images.build(fileobj=io.BytesIO(label.encode()), rm=True)
            found.push(str(image.id), f"team/app:{number}")  # which removes it here
        yield found


@pytest.mark.slow  # three processes and two engines: a minute on two cores
def test_a_host_that_is_lost_and_one_that_is_unfit(
    tmp_path: Path, engine: Engine, engines: list[PrivateEngine], registry: Registry
) -> None:
    (tmp_path / "scene").mkdir()
    (tmp_path / "cluster").mkdir()
    scene = Scene(tmp_path / "scene", engine)
    (scene.folder / "images.txt").write_text(f"{registry.host}/team/*:*\n")
    words = ["--profile", "./calm.toml", "--checks", "checks", "--format", "json"]
    with Cluster(tmp_path / "cluster") as cluster:
        workers = {each.address: cluster.worker(each.address) for each in engines}
        cluster.worker(f"unix://{tmp_path}/no-engine.sock")
        cluster.wait_until_up()
        scene.environment = cluster.environment | {"DOCKER_HOST": engines[0].address}
        scene.start(scene.words("sweep", "images.txt", *words, "--cluster", cluster.address))
        eventually(scene.mark.exists, seconds=120)
        candidate = scene.mark.read_text()
        lost = next(
            each for each in engines
            if each.docker("inspect", candidate, check=False).returncode == 0
        )  # fmt: skip
        scene.wait(0)
        workers[lost.address].send_signal(signal.SIGKILL)
        ended = scene.ended()
        assert ended.code == 0, ended.err + cluster.said()
        assert "takes no work: engine: " in ended.err
        results = json.loads(ended.out)["results"]
        assert len(results) == 4
        assert {each["verdict"]["status"] for each in results} == {"certified"}
        assert all(each["host"]["name"] for each in results)
        with Ledger.open(f"sqlite:///{scene.folder}/reports/certify.db") as ledger:
            assert len(list(ledger.results_in_force())) == 4
        # The lost worker's candidate goes by itself; its images go with the engine.
        eventually(lambda: not lost.docker("ps", "--quiet").stdout, seconds=20)
        (kept,) = (each for each in engines if each is not lost)
        assert not kept.docker("ps", "--all", "--quiet").stdout
        assert not kept.docker("images", "--quiet").stdout


@pytest.mark.slow  # a scheduler and a worker as processes
def test_an_interrupt_ends_what_the_workers_run(
    tmp_path: Path, engine: Engine, registry: Registry
) -> None:
    (tmp_path / "scene").mkdir()
    (tmp_path / "cluster").mkdir()
    scene = Scene(tmp_path / "scene", engine)
    scene.wait(200)
    (scene.folder / "images.txt").write_text(f"{registry.host}/team/app:0\n")
    with Cluster(tmp_path / "cluster") as cluster:
        cluster.worker(os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock"))
        cluster.wait_until_up()
        scene.environment = cluster.environment
        words = ["--profile", "./calm.toml", "--checks", "checks", "--cluster", cluster.address]
        process = scene.start(scene.words("sweep", "images.txt", *words))
        eventually(scene.mark.exists, seconds=120)
        candidate = scene.mark.read_text()
        process.send_signal(signal.SIGINT)
        assert scene.ended().code == 130
        named = {"id": candidate}
        eventually(lambda: not engine.client.api.containers(all=True, filters=named), seconds=30)


@pytest.mark.slow  # Dask tries to connect for ten seconds
def test_a_cluster_that_does_not_answer(certify: Certify, tmp_path: Path) -> None:
    (tmp_path / "images.txt").write_text("registry.invalid/team/app@sha256:" + "0" * 64 + "\n")
    address = f"tcp://127.0.0.1:{free_port()}"
    ended = certify("sweep", "--cluster", address)
    assert ended.code == 3
    assert f"The cluster's scheduler at {address} does not answer" in ended.err
    assert "dask scheduler" in ended.err


def test_what_a_cluster_decides_is_no_option(certify: Certify, tmp_path: Path) -> None:
    (tmp_path / "images.txt").write_text("registry.invalid/team/app:1\n")
    for words in (["--jobs", "2"], ["--disk", "1g"], ["--pull", "never"]):
        refused = certify("sweep", "--cluster", "tcp://127.0.0.1:1", *words)
        assert refused.code == 2
        assert (
            "--cluster goes with none of --jobs, --disk, --engine and --pull never" in refused.err
        )
