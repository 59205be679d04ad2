"""`certify doctor` on a real engine, and without one."""

from __future__ import annotations

import secrets
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest

from certify.doctor.examine import Scope, _Examiner
from certify.engine import reaper
from certify.engine.client import Engine
from certify.engine.probe import programs
from certify.engine.probe.image import probe_image
from scripts.json_schema import json_schema
from tests.conftest import SAMPLES, Certify, Ended, command
from tests.support.waiting import eventually

NOBODY = "127.0.0.1:1"  # inside a container: the container's own loopback, where nobody listens
PORT = 7770


def statuses(ended: Ended) -> dict[str, str]:
    found = ended.json()
    jsonschema.validate(found, json_schema("doctor.v1.json"))
    for check in found["checks"]:
        assert set(check) == {"name", "status", "text", "remedy"}
        assert check["text"]
        assert bool(check["remedy"]) is (check["status"] != "ok")
    return {check["name"]: check["status"] for check in found["checks"]}


def has_every_capability() -> bool:
    """Whether this machine can give a privileged container all that the kernel knows of."""
    status = Path("/proc/self/status").read_text()
    (bounding,) = (line.split()[1] for line in status.splitlines() if line.startswith("CapBnd:"))
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text())
    return int(bounding, 16) == (1 << last + 1) - 1


@pytest.fixture
def registry(engine: Engine) -> Iterator[tuple[str, str]]:
    """A network of the engine's with somebody who listens in it: the network, and a name there."""
    api = engine.client.api
    word = f"certify-test-{secrets.token_hex(6)}"
    program = programs.serve(engine.platform.partition("/")[2], PORT, b"here")
    api.import_image_from_data(programs.image_archive(program), repository=word, tag="serve")
    network = api.create_network(word)["Id"]
    container = None
    try:
        container = api.create_container(f"{word}:serve", command=["/probe"])["Id"]
        api.connect_container_to_network(container, network, aliases=["registry.invalid"])
        api.start(container)
        yield word, "registry.invalid"
    finally:
        if container:
            api.remove_container(container, force=True)
        api.remove_network(network)
        api.remove_image(f"{word}:serve", force=True)


@pytest.mark.engine
@pytest.mark.usefixtures("nothing_left")
def test_a_host_that_can_certify(
    certify: Certify, engine: Engine, registry: tuple[str, str]
) -> None:
    network, name = registry
    words = ("doctor", "--network", network, "--registry", f"{name}:{PORT}")
    ended = certify(*words, "--format", "json")
    assert (ended.code, ended.err) == (0, "")
    found = statuses(ended)
    for name in ("engine", "isolation.default", "isolation.caps", "clock", "storage", "emulation"):
        assert found[name] == "ok", name
    told = {check["name"]: check["text"] for check in ended.json()["checks"]}
    assert "a container starts, can mount," in told["isolation.caps"]
    assert "mount" not in told["isolation.default"]
    assert ("own" in told["clock"]) is engine.local
    if "sysbox-runc" not in engine.info["Runtimes"]:
        assert found["isolation.sysbox"] == "ok"
        assert "the engine has no sysbox-runc" in told["isolation.sysbox"]
    if has_every_capability():
        assert found["isolation.privileged"] == "ok"
    else:
        assert found["isolation.privileged"] == "warn"
        assert "lacks a capability" in told["isolation.privileged"]
    assert found["cgroups"] == ("ok" if engine.host().cgroup_version == "2" else "warn")
    assert (found["names"], found["registry"]) == ("ok", "ok")
    assert {"disk", "memory", "cpus", "speed"} <= set(found)
    if engine.local:
        shown = engine.client.containers.run(
            f"{SAMPLES}/busybox", "sh -c 'ulimit -Hn'", remove=True
        )
        assert told["files"] == f"a container may open {int(shown)} at a time"


@pytest.mark.engine
@pytest.mark.usefixtures("nothing_left")
def test_a_registry_where_nobody_listens(engine: Engine, registry: tuple[str, str]) -> None:
    network, name = registry
    with probe_image(engine) as probe:

        def found(scope: Scope) -> dict[str, str]:
            return {each.name: each.status for each in _Examiner(probe, scope).network()}

        closed = found(Scope(name, PORT + 1, network))
        assert closed == {"names": "ok", "registry": "warn"}
        address, _, port = NOBODY.partition(":")
        by_address = found(Scope(address, int(port)))
        assert by_address == {"network": "ok", "registry": "warn"}, "no look-up is needed"


@pytest.mark.engine
@pytest.mark.usefixtures("nothing_left")
def test_people_read_it_in_80_columns(certify: Certify) -> None:
    ended = certify("doctor", "--registry", "registry.invalid")
    assert (ended.code, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in ended.out
    assert "✓ isolation.caps" in ended.out
    (names,) = (line for line in lines if line.startswith("! names"))
    assert "registry.invalid" in names
    assert lines[-1].startswith("Images can be certified here; ")


@pytest.mark.engine
@pytest.mark.usefixtures("nothing_left")
def test_a_host_on_which_no_launch_works(certify: Certify) -> None:
    words = ("--registry", NOBODY, "--network", "certify-no-such-network")
    ended = certify("doctor", *words, "--format", "json")
    assert ended.code == 3
    found = statuses(ended)
    assert {found[f"isolation.{way}"] for way in ("default", "caps", "privileged")} == {"fail"}


@pytest.mark.engine
@pytest.mark.usefixtures("nothing_left")
def test_interrupted_in_mid_trial_it_leaves_nothing(engine: Engine, tmp_path: Path) -> None:
    with subprocess.Popen(
        command("doctor", "--registry", NOBODY),
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        theirs = {"label": "certify.image=certify-probe"}

        def at_work() -> bool:
            found = engine.client.api.containers(all=True, filters=theirs)
            owners = (each["Labels"][reaper.OWNER].split("/")[1] for each in found)
            return str(process.pid) in owners

        eventually(at_work)
        process.send_signal(signal.SIGTERM)
    assert process.returncode == 130


@pytest.mark.parametrize("address", ["unix://{}/none.sock", "tcp://127.0.0.1:1"])
def test_no_engine_is_told_plainly(certify: Certify, tmp_path: Path, address: str) -> None:
    host = address.format(tmp_path)
    ended = certify("doctor", "--registry", NOBODY, DOCKER_HOST=host)
    assert (ended.code, ended.err) == (3, "")
    assert ended.out.startswith("✗ engine ")
    assert "does not answer" in ended.out
    assert ended.out.splitlines()[-1].startswith("Images cannot be certified here")
    as_json = certify("doctor", "--registry", NOBODY, "--format", "json", DOCKER_HOST=host)
    assert as_json.code == 3
    assert statuses(as_json) == {"engine": "fail"}


@pytest.mark.parametrize(
    "registry", ["", "a b", "http://r.example", "r.example:0", "r.example:65536", "r.example:x",
                 "-r.example", "r..example", "x" * 64, "::1", "r.example/path"],
)  # fmt: skip
def test_a_malformed_registry_is_wrong_usage(certify: Certify, registry: str) -> None:
    ended = certify("doctor", "--registry", registry)
    assert (ended.code, ended.out) == (2, "")
    assert "HOST[:PORT]" in ended.err
