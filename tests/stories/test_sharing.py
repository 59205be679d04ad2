"""Several profiles in one run, on a real engine: what is launched and pulled is counted."""

from __future__ import annotations

import io
import json
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from certify.engine import reaper
from certify.engine.client import Engine
from certify.model.result import Result
from tests.conftest import SAMPLES, Certify
from tests.support.profiles import mine
from tests.support.registries import running

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("nothing_left")]


class Counted:
    """What the engine says that it did with one image, since this was made.

    It is listened to all the while: looking back it remembers 256 events, of everybody's.
    """

    def __init__(self, engine: Engine, image_id: str) -> None:
        self._api = engine.client.api
        self._image = image_id
        self._stream = self._api.events(decode=True)
        self._heard: list[dict[str, Any]] = []

    def _events(self, kind: str, action: str) -> list[dict[str, Any]]:
        mark = f"certify-test-{secrets.token_hex(4)}"
        self._api.create_volume(mark)
        self._api.remove_volume(mark)
        for event in self._stream:  # until it tells what was done last
            self._heard.append(event)
            if event["Actor"]["ID"] == mark and event["Action"] == "destroy":
                break
        found = (each for each in self._heard if (each["Type"], each["Action"]) == (kind, action))
        return [event["Actor"] for event in found]

    def launches(self) -> int:
        """Candidates that were made of it; the inventory may take a container of its own."""
        created = [each["Attributes"] for each in self._events("container", "create")]
        made = [each for each in created if each["image"] == self._image]
        return sum(each[reaper.LABEL] == "candidate" for each in made)

    def pulls(self, name: str) -> int:
        """How often a name was pulled."""
        return sum(actor["ID"] == name for actor in self._events("image", "pull"))


@pytest.fixture
def built(engine: Engine) -> Iterator[Callable[[str], tuple[str, str]]]:
    """Builds an image that nobody else launches, for one test; its name and its id."""
    names: list[str] = []

    def build(dockerfile: str) -> tuple[str, str]:
        mark = secrets.token_hex(4)
        names.append(f"certify-test/{mark}:latest")
        image, _ = engine.client.images.build(
            fileobj=io.BytesIO(f"{dockerfile}\nLABEL certify.test={mark}\n".encode()),
            tag=names[-1], rm=True, forcerm=True,
        )  # fmt: skip
        return names[-1], str(image.id)

    yield build
    for name in names:
        engine.client.images.remove(name, force=True)


def words(*profiles: str) -> list[str]:
    return ["run", "--format", "json", *(word for each in profiles for word in ("--profile", each))]


def told(result: Result) -> object:
    """All that a result says of the image, but times, and words that are made up anew each time."""
    return result.verdict, [(each.id, each.level, each.outcome) for each in result.checks]


OS = 'launch = "idle"\nrequired = ["image.os"]'
GIT = 'launch = "idle"\nrequired = ["image.os", "workspace.git"]\n[budgets]\nboot = 30'
INIT = 'launch = "init"\nrequired = ["image.os", "systemd.pid1"]\n[budgets]\nboot = 30'


@pytest.mark.parametrize(
    ("profiles", "launches"), [({"os": OS, "git": GIT}, 1), ({"os": OS, "init": INIT}, 2)], ids=str
)
def test_what_launches_alike_is_launched_once(
    certify: Certify,
    engine: Engine,
    built: Callable[[str], tuple[str, str]],
    tmp_path: Path,
    profiles: dict[str, str],
    launches: int,
) -> None:
    name, image_id = built(f"FROM {SAMPLES}/debian-devspace")
    chosen = [mine(tmp_path, lines, name=each) for each, lines in profiles.items()]
    counted = Counted(engine, image_id)
    ended = certify(*words(*chosen), name)
    assert counted.launches() == launches
    assert ended.code == 0, [each.verdict for each in ended.results]
    assert [each.profile for each in ended.results] == list(profiles)


def test_an_image_is_pulled_once_for_all_launches(
    certify: Certify, engine: Engine, built: Callable[[str], tuple[str, str]], tmp_path: Path
) -> None:
    local, image_id = built(f"FROM {SAMPLES}/busybox")
    with running(tmp_path) as registry:
        name = registry.push(local, "team/app:1")
        counted = Counted(engine, image_id)
        try:
            ended = certify(*words("plain", "devspace"), "--pull", "always", name)
            assert counted.pulls(name) == 1
            assert counted.launches() == 2
            one, other = (each.image for each in ended.results)
            assert one.digest is not None
            assert (one.digest, one.manifest_digest) == (other.digest, other.manifest_digest)
        finally:
            engine.client.images.remove(name, force=True)


SUDO = 'launch = "idle"\nrequired = ["image.os", "workspace.sudo"]'
DOCKERD = 'launch = "init"\nrequired = ["image.os", "systemd.pid1", "dockerd.running"]\n[budgets]'
BOOT = 'launch = "init"\nrequired = ["image.os", "systemd.state", "dockerd.running"]\n[budgets]'
WAITS = (
    "RUN printf '[Unit]\\nBefore=docker.service\\n[Service]\\nType=oneshot\\n"
    "ExecStart=/bin/sleep infinity\\nTimeoutStartSec=infinity\\n"
    "[Install]\\nRequiredBy=multi-user.target docker.service\\n' "
    ">/etc/systemd/system/waits.service && systemctl enable waits.service"
)
# What is wrong with an image, a profile, one that asks what tells it better, and what the first
# is rejected for: in company no less than alone.
COMPANY = {
    "root's bash is gone": ("RUN rm /usr/bin/bash", SUDO, "coder", "workspace.sudo"),
    "dockerd waits for a boot that does not end": (
        WAITS, f"{DOCKERD}\nboot = 3\ndockerd = 5", f"{BOOT}\nboot = 3\ndockerd = 5",
        "dockerd.running",
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("more", "first", "second", "cause"),
    [
        pytest.param(*each, id=name, marks=[pytest.mark.slow] if WAITS in each else [])
        for name, each in COMPANY.items()
    ],
)
def test_company_changes_no_verdict(
    certify: Certify,
    engine: Engine,
    built: Callable[[str], tuple[str, str]],
    tmp_path: Path,
    more: str,
    first: str,
    second: str,
    cause: str,
) -> None:
    name, image_id = built(f"FROM {SAMPLES}/debian-devspace\n{more}")
    path = mine(tmp_path, first)
    other = mine(tmp_path, second, name="other") if "=" in second else second
    alone = certify(*words(path), name).result
    assert alone.verdict.status == "rejected"
    assert [each.check for each in alone.verdict.reasons] == [cause]
    counted = Counted(engine, image_id)
    ended = certify(*words(path, other), name)
    assert json.loads(ended.out)["results"][0]["profile"] == "mine"
    assert told(ended.results[0]) == told(alone)
    assert counted.launches() == 2, "both, and then the first by itself"
