"""The engine's host fails in mid-run: killed, full, or too restricted. The image is not asked."""

from __future__ import annotations

import io
import json
import os
import re
import secrets
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from certify.certification.certify import Certification
from certify.certification.options import Options
from certify.engine.client import Engine
from certify.judge.profiles import load
from certify.model.host import ORDINARY_FILES
from certify.model.reference import Reference
from certify.model.terms import Outcome, Status
from tests.conftest import SAMPLES, Certify, Ended, command
from tests.stories.inconclusive.answers import reason
from tests.support.private_engine import PrivateEngine, fill, private_engine, small_disk
from tests.support.registries import running
from tests.support.waiting import eventually

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("nothing_left")]

SMALL_CHECK = '''
from pathlib import Path
from certify.suite import check

@check("image.waiting", title="waits", needs=("image.shell",), remedy="None.")
def test_waiting(candidate):
    """The command ends well.

    Why: somebody waits for it.

    How: it takes long enough for the engine to be killed meanwhile.
    """
    mark = Path({mark!r})
    mark.with_suffix(".new").write_text(candidate.job.container)
    mark.with_suffix(".new").rename(mark)
    assert candidate.run("sleep 60").rc == 0, "the command failed"
'''


@contextmanager
def a_check_that_waits(folder: Path, address: str | None) -> Iterator[tuple[str, list[Ended]]]:
    """A run in which a check asks the container that is named, and how it ended (afterwards)."""
    checks, mark, ended = folder / "checks", folder / "mark", list[Ended]()
    checks.mkdir()
    (checks / "test_waiting.py").write_text(SMALL_CHECK.format(mark=str(mark)))
    words = command(
        "run", "--profile", "plain", "--checks", str(checks), "--format", "json",
        f"{SAMPLES}/debian",
    )  # fmt: skip
    environment = os.environ | {"CI": "1"} | ({"DOCKER_HOST": address} if address else {})
    with subprocess.Popen(
        words, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as certifying:
        eventually(mark.exists)
        yield mark.read_text(), ended
        out, err = certifying.communicate(timeout=45)  # the check alone would wait longer
    ended.append(Ended(certifying.returncode, out.decode(), err.decode()))


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(signal.SIGKILL, id="killed"),
        pytest.param(signal.SIGTERM, id="stopped", marks=pytest.mark.slow),
    ],
)
def test_an_engine_that_ends_while_a_check_asks(
    mortal: PrivateEngine, tmp_path: Path, number: signal.Signals
) -> None:
    with a_check_that_waits(tmp_path, mortal.address) as (_, ended):
        mortal.kill(number)
    mortal.start()
    assert "The container engine does not answer" in reason(ended[0], tmp_path / "reports")
    waiting = [check for check in ended[0].result.checks if check.id == "image.waiting"]
    assert all(check.outcome is Outcome.UNKNOWN for check in waiting)
    # What the engine could not remove any more, `certify clean` does once there is one.
    clean = os.environ | {"DOCKER_HOST": mortal.address}
    subprocess.run(command("clean"), env=clean, check=True, capture_output=True)
    assert mortal.docker("ps", "--all", "--quiet").stdout == b""


# A full disk


@pytest.mark.parametrize(("megabytes", "told"), [(64, "was not pulled"), (200, "was stopped|full")])
def test_a_disk_too_full_for_the_image(
    certify: Certify, tmp_path: Path, megabytes: int, told: str
) -> None:
    """It is too small for the image as it comes, or for what that unpacks to."""
    (tmp_path / "registry").mkdir()
    with (
        running(tmp_path / "registry") as registry,
        small_disk(tmp_path, megabytes) as disk,
        private_engine(tmp_path, disk) as engine,
    ):
        name = registry.push(f"{SAMPLES}/debian", "team/app:1")
        ended = certify("run", "--format", "json", name, DOCKER_HOST=engine.address)
    assert re.search(told, reason(ended, tmp_path / "reports"))


def test_a_disk_that_is_full_when_packages_come(certify: Certify, tmp_path: Path) -> None:
    with small_disk(tmp_path, 512) as disk, private_engine(tmp_path, disk) as engine:
        engine.load(f"{SAMPLES}/debian")
        fill(disk, leave=2 << 20)
        ended = certify(
            "run", "--profile", "plain", "--network", "host", "--format", "json",
            f"{SAMPLES}/debian", DOCKER_HOST=engine.address,
        )  # fmt: skip
        (disk / "filling").unlink()
    assert "is full" in reason(ended, tmp_path / "reports")


def test_a_disk_too_full_for_the_reports(certify: Certify, tmp_path: Path) -> None:
    """What was found is still printed, and said not to be kept; no full disk costs an answer."""
    with small_disk(tmp_path, 4) as disk:
        fill(disk)
        ended = certify(
            "run", "--profile", "plain", "--format", "json", "--reports", str(disk),
            "--ledger", f"sqlite:///{tmp_path}/ledger.db", f"{SAMPLES}/busybox",
        )  # fmt: skip
    assert ended.result.verdict.status is Status.REJECTED
    assert ended.code == 1, ended.err
    assert "Traceback" not in ended.err
    assert "not recorded: the reports cannot be written" in ended.err


# A host that withholds what a launch asks for


def test_a_capability_that_the_host_does_not_have(
    certify: Certify, tmp_path: Path, engine: Engine
) -> None:
    status = Path("/proc/self/status").read_text()
    (bound,) = (line.split()[1] for line in status.splitlines() if line.startswith("CapBnd"))
    if not engine.local or int(bound, 16) & (1 << 24):  # CAP_SYS_RESOURCE, capabilities(7)
        pytest.skip("this host has every capability that --privileged asks for")
    ended = certify(
        "run", "--isolation", "privileged", "--format", "json", f"{SAMPLES}/debian-systemd"
    )
    said = reason(ended, tmp_path / "reports")
    assert "refused to start the container" in said
    assert "lacks a capability" in said
    assert ended.result.verdict.status is Status.INCONCLUSIVE
    assert all(check.outcome is Outcome.UNKNOWN for check in ended.result.checks)


def test_more_open_files_than_the_host_grants_are_held_against_an_image_only_on_an_ordinary_host(
    engine: Engine,
) -> None:
    shown = engine.client.containers.run(
        f"{SAMPLES}/debian", ["cat", "/proc/1/limits"], remove=True
    ).decode()
    granted = int(re.findall(r"^Max open files +\S+ +(\d+)", shown, re.M)[0])
    limit = {"Name": "nofile", "Hard": granted + 1, "Soft": granted + 1}
    written = json.dumps({"default-ulimits": {"nofile": limit}})
    dockerfile = (
        f"FROM {SAMPLES}/debian-devspace\n"
        f"RUN mkdir -p /etc/docker && echo '{written}' >/etc/docker/daemon.json\n"
    )
    image = f"certify-test/open-files-{secrets.token_hex(4)}:1"
    engine.client.images.build(fileobj=io.BytesIO(dockerfile.encode()), tag=image, rm=True)
    try:
        one = Certification(engine, Reference.parse(image), Options(pull="never"))
        (result,) = one.run([load("devspace")])
    finally:
        engine.client.images.remove(image, force=True)
    (reason,) = result.verdict.reasons
    if granted < ORDINARY_FILES:
        assert result.verdict.status is Status.INCONCLUSIVE
        assert "more files than the engine of this host grants" in reason.text
    else:
        assert result.verdict.status is Status.REJECTED
        assert "default-ulimits" in reason.text
