"""Sweeps over registries that ask for a login, lose things, limit pulls, or are slow."""

from __future__ import annotations

import base64
import io
import json
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from certify.engine.client import Engine
from certify.ledger.store import Ledger
from certify.model.terms import Status
from tests.conftest import SAMPLES, Certify, Ended, command
from tests.support.misbehaving import MANIFESTS, SILENCE, Reply, forwarding, serving
from tests.support.registries import Registry, running
from tests.support.webhook import receiving

SHELL = """\
name = "shell"
title = "A shell"
description = "What has a shell."
source = "This test"
launch = "idle"
required = ["image.shell"]
"""
pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("nothing_left")]


@pytest.fixture
def registry(tmp_path_factory: pytest.TempPathFactory, engine: Engine) -> Iterator[Registry]:
    with running(tmp_path_factory.mktemp("registry")) as found:
        found.push(f"{SAMPLES}/busybox", "team/busybox:1")
        yield found


def sweep(certify: Certify, path: Path, line: str, *more: str, **environment: str) -> Ended:
    path.write_text(f"{line}\n", "utf-8")
    return certify("sweep", str(path), "--profile", "plain", *more, **environment)


def manifest(registry: Registry, name: str) -> dict[str, object]:
    url = f"http://{registry.host}/v2/{name.replace(':', '/manifests/')}"
    answer = requests.get(url, headers={"Accept": ", ".join(MANIFESTS)}, timeout=10)
    answer.raise_for_status()
    found: dict[str, object] = answer.json()
    return found


def test_a_repository_that_vanishes_and_one_that_appears(
    certify: Certify, tmp_path: Path, registry: Registry
) -> None:
    line, path = f"{registry.host}/team/*:*", tmp_path / "list.txt"
    assert sweep(certify, path, line).code == 1
    registry.copy("team/busybox", "1", "team/renamed", "1")
    registry.drop_repository("team/busybox")
    ended = sweep(certify, path, line)
    assert ended.code == 1
    assert f"appeared        {registry.host}/team/renamed:1" in ended.out
    assert f"vanished        {registry.host}/team/busybox:1" in ended.out
    assert "1 same" in ended.err, "it is the image that was certified under its other name"


def test_a_blob_that_is_missing_is_the_registrys_fault(
    certify: Certify, tmp_path: Path, registry: Registry, engine: Engine
) -> None:
    body = b"FROM " + SAMPLES.encode() + b"/busybox\nRUN echo lost >/lost\n"
    built, _ = engine.client.images.build(fileobj=io.BytesIO(body), rm=True)
    registry.push(str(built.id), "team/broken:1")
    layers = manifest(registry, "team/broken:1")["layers"]
    assert isinstance(layers, list)
    registry.drop_blob(layers[-1]["digest"])
    line = f"{registry.host}/team/*:*"
    ended = sweep(certify, tmp_path / "list.txt", line, "--format", "json")
    verdicts = {r.image.repository: r.verdict.status for r in ended.results}
    assert verdicts == {"team/broken": Status.INCONCLUSIVE, "team/busybox": Status.REJECTED}
    said = next(r for r in ended.results if r.image.repository == "team/broken").verdict.reasons[0]
    assert "could not be pulled" in said.text


def test_a_registry_that_is_slow_and_limits_requests_is_swept_all_the_same(
    certify: Certify, tmp_path: Path, registry: Registry
) -> None:
    refusals = [Reply(429, b"{}", {"Retry-After": "1"})] * 2
    never = threading.Event()

    def instead(method: str, path: str) -> Reply | None:
        never.wait(0.3)
        return refusals.pop() if refusals and method == "HEAD" and "/manifests/" in path else None

    with serving(forwarding(registry.host, instead)) as port:
        line = f"127.0.0.1:{port}/team/busybox:1"
        ended = sweep(certify, tmp_path / "list.txt", line, "--format", "json")
    assert not refusals
    assert ended.result.verdict.status is Status.REJECTED, ended.err


def test_an_interruption_does_not_wait_for_a_silent_registry(tmp_path: Path) -> None:
    asked = threading.Event()

    def silent(_method: str, path: str) -> Reply:
        if "/manifests/" in path:
            asked.set()
            return SILENCE
        return Reply(200)

    with serving(silent) as port:
        lines = [f"127.0.0.1:{port}/team/app:{number}\n" for number in range(40)]
        (tmp_path / "list.txt").write_text("".join(lines), "utf-8")
        sweeping = subprocess.Popen(
            command("sweep", "list.txt"), cwd=tmp_path, stderr=subprocess.PIPE, text=True
        )
        assert asked.wait(30)
        sweeping.send_signal(signal.SIGINT)
        begun = time.monotonic()
        _, err = sweeping.communicate(timeout=60)
    assert (sweeping.returncode, time.monotonic() - begun < 10) == (130, True), err
    with Ledger.open(f"sqlite:///{tmp_path / 'reports' / 'certify.db'}") as ledger:
        assert ledger.results_in_force() == [], "nothing is known of what nobody was told of"


def test_a_limit_of_pulls_is_kept(certify: Certify, tmp_path: Path, registry: Registry) -> None:
    pulled: list[str] = []

    def instead(method: str, path: str) -> Reply | None:
        if "/manifests/" not in path:
            return None
        if method == "GET":
            pulled.append(path)
        reply = forwarding(registry.host, lambda _method, _path: None)(method, path)
        return Reply(reply.status, reply.body, reply.headers | {"ratelimit-remaining": "1;w=60"})

    with serving(forwarding(registry.host, instead)) as port:
        line = f"127.0.0.1:{port}/team/busybox:1"
        ended = sweep(certify, tmp_path / "list.txt", line, "--format", "json")
    assert ended.code == 3
    assert pulled == []
    assert "1 image must wait" in ended.err
    assert "allows no more pulls for now" in ended.result.verdict.reasons[0].text


def test_a_login_is_taken_from_dockers_configuration(
    certify: Certify, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, engine: Engine
) -> None:
    with running(tmp_path_factory.mktemp("locked"), password=True) as locked:
        pair = base64.b64encode(b"certify:certify").decode()
        config = {"auths": {locked.host: {"auth": pair}}}
        (tmp_path / "config.json").write_text(json.dumps(config))
        name = f"{locked.host}/team/busybox"
        engine.client.images.get(f"{SAMPLES}/busybox").tag(name, "1")
        login = {"username": "certify", "password": "certify"}
        for step in engine.client.images.push(
            name, tag="1", auth_config=login, stream=True, decode=True
        ):
            assert "error" not in step, step
        engine.client.images.remove(f"{name}:1")
        line, path = f"{locked.host}/team/*:*", tmp_path / "list.txt"
        ended = sweep(certify, path, line, "--format", "json", DOCKER_CONFIG=str(tmp_path))
        assert ended.result.verdict.status is Status.REJECTED, ended.err
        shut_out = sweep(certify, path, line, "--ledger", "other.db")
        assert shut_out.code == 3
        assert f"list.txt:1: {locked.host} does not list" in shut_out.err
        assert f"asks for a login\n  `docker login {locked.host}` first." in shut_out.err


def test_a_slip_in_a_list_is_told_everywhere_and_not_recorded(
    certify: Certify, tmp_path: Path, registry: Registry
) -> None:
    good, slip = f"{registry.host}/team/busybox:1", f"{registry.host}/team/bsybox:1"
    path, reports = tmp_path / "list.txt", tmp_path / "reports"
    (tmp_path / "shell.toml").write_text(SHELL, "utf-8")

    def swept(*names: str) -> Ended:
        path.write_text("".join(f"{name}\n" for name in names), "utf-8")
        return certify("sweep", str(path), "--profile", "./shell.toml", "--notify", hook)

    def naming_it() -> set[str]:
        everything = (each for each in reports.rglob("*") if each.is_file())
        return {
            str(each.relative_to(reports))
            for each in everything
            if "bsybox" in each.name or b"bsybox" in each.read_bytes()
        }

    with receiving() as (port, got):
        hook = f"json://127.0.0.1:{port}/hook"
        wrong = swept(good, slip)
        shown, files = certify("matrix").out, naming_it()
        right = swept(good)
    assert (wrong.code, right.code) == (3, 0)
    assert f"1 inconclusive: {registry.host} does not find team/bsybox:1" in wrong.out
    assert "→ Check the spelling" in wrong.out
    assert "bsybox" not in shown
    assert files == {"certify.db", "index.html", "junit.xml"}
    told, corrected = (each["message"] for each in got)
    assert f"newly inconclusive: {slip}" in told
    assert f"vanished: {slip}" in corrected
    assert f"vanished        {slip}" in right.out
    assert "bsybox" not in certify("matrix").out
    assert naming_it() <= {"certify.db", "changes.atom", "index.html"}, "what changed in a sweep"
    assert swept(good).code == 0
    assert naming_it() <= {"certify.db", "changes.atom"}, "which remember former sweeps"
    assert certify("history", slip).code == 2
