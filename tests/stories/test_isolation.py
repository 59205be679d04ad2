"""Levels of isolation, as the command line asks for them and reports tell of them."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from certify.engine import reaper
from certify.engine.client import Engine
from certify.engine.firewall import removals
from certify.model.terms import Outcome, Status
from tests.conftest import SAMPLES, Certify
from tests.stories.faults.scene import Scene
from tests.support.waiting import eventually

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("nothing_left")]
BUSYBOX = f"{SAMPLES}/busybox"


def test_a_level_that_the_engine_lacks_is_inconclusive(certify: Certify, engine: Engine) -> None:
    assert engine.resolve_isolation().level == "caps"
    for profile, level in (("devspace", "caps"), ("plain", "default")):
        ended = certify(
            "run", "--pull", "never", "--profile", profile, "--require-isolation", "userns",
            "--format", "json", BUSYBOX,
        )  # fmt: skip
        assert ended.code == 3
        assert ended.result.verdict.status is Status.INCONCLUSIVE
        assert f"isolation {level}, and userns is required" in ended.result.verdict.reasons[0].text


def test_a_runtime_by_its_name_and_the_line_about_harm(certify: Certify) -> None:
    runtime = ("--runtime", "io.containerd.runc.v2", "--require-isolation", "caps")
    ended = certify("run", "--pull", "never", *runtime, "--format", "json", BUSYBOX)
    assert ended.result.launch.isolation == "caps (io.containerd.runc.v2)"
    assert "--runtime=io.containerd.runc.v2" in ended.result.launch.reproduce
    ended = certify("run", "--pull", "never", BUSYBOX)
    assert "isolation caps: an image that means harm can take this host" in ended.out
    ended = certify("run", "--pull", "never", "--profile", "plain", BUSYBOX)
    assert "isolation default\n" in ended.out
    ended = certify("run", "--pull", "never", "--runtime", "none", "--profile", "plain", BUSYBOX)
    assert (ended.code, "no runtime none" in ended.out) == (3, True)


def test_without_a_network_only_what_needs_one_is_unknown(certify: Certify) -> None:
    words = ("--profile", "plain", "--network", "none", "--format", "json")
    ended = certify("run", "--pull", "never", *words, f"{SAMPLES}/debian")
    assert ended.code == 3
    open_ = {check.id for check in ended.result.checks if check.outcome is not Outcome.PASSED}
    packages = {"packages.refresh", "packages.install", "packages.remove", "packages.current",
                "packages.database", "packages.downgrade"}  # fmt: skip
    assert "packages.refresh" in open_ <= packages
    assert not [each for each in ended.result.checks if each.outcome is Outcome.FAILED]


def firewall() -> str:
    """The rules of this host's firewall, as far as they are readable."""
    if shutil.which("iptables") is None:
        return ""
    return subprocess.run(
        ["iptables", "-w", "-S"], capture_output=True, text=True, check=False
    ).stdout


def test_each_image_has_a_network_of_its_own(certify: Certify) -> None:
    words = ("run", "--pull", "never", "--format", "json")
    ended = certify(*words, f"{SAMPLES}/debian-devspace")
    assert (ended.code, ended.result.verdict.grade) == (0, "native"), ended.out
    assert "--network" not in ended.result.launch.reproduce
    assert ended.result.launch.network.startswith("own: the host and private addresses are ")
    if os.geteuid() == 0 and "DOCKER-USER" in firewall():
        assert ended.result.launch.network.endswith(" are closed, but for what --reach names")
    # Other tests may have theirs at the same time.
    eventually(lambda: not removals(firewall(), {name for _, name in socket.if_nameindex()}))


def test_a_killed_run_leaves_neither_network_nor_rules(engine: Engine, tmp_path: Path) -> None:
    scene = Scene(tmp_path, engine)
    scene.wait(60)
    process = scene.start(scene.run(BUSYBOX, "--pull", "never"))
    scene.until(scene.mark.exists)
    labels = engine.client.api.inspect_container(scene.mark.read_text())["Config"]["Labels"]
    chain = f"certify-{labels[reaper.RUN]}"
    if os.geteuid() == 0 and "DOCKER-USER" in firewall():
        assert chain in firewall()
    process.kill()
    process.wait()
    eventually(lambda: not scene.left() and chain not in firewall(), seconds=10)
