"""From a sweep to the gate, on a real registry: publish, attach, verify, push again, revoke."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from certify.engine.client import Engine
from tests.conftest import SAMPLES, Certify, Ended
from tests.support.profiles import quick
from tests.support.registries import Registry, running

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("nothing_left")]


@pytest.fixture
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with running(tmp_path_factory.mktemp("registry")) as found:
        yield found


class Team:
    """One team's list of images, its key, and the commands that it gives."""

    def __init__(self, certify: Certify, folder: Path, registry: Registry) -> None:
        self.certify, self.folder, self.host = certify, folder, registry.host
        self.reports = folder / "reports"
        (folder / "images.txt").write_text(f"{registry.host}/team/*:*\n", "utf-8")
        self.profile = quick(folder)
        assert certify("keys", "new", "--no-passphrase", "--out", "team").code == 0

    def sweep(self, *more: str) -> Ended:
        return self.certify("sweep", "images.txt", "--profile", self.profile, *more)

    def publish(self, *more: str) -> Ended:
        return self.certify("publish", "--sign", "team.key", *more)

    def verify(self, image: str, *more: str) -> Ended:
        words = ("--key", "team.pub", "--profile", "quick", *more)
        return self.certify("verify", f"{self.host}/{image}", *words)

    def pins(self) -> dict[str, str]:
        """The digest that is approved, by repository and tag."""
        listed = json.loads((self.reports / "approved-images.json").read_text("utf-8"))
        return {f"{each['repository']}:{each['tag']}": each["digest"] for each in listed["images"]}

    def may_pull(self, image: str) -> tuple[bool, str]:
        """What skopeo makes of it under the policy that was published."""
        policy = self.reports / "policies" / "containers-policy.json"
        shutil.rmtree(self.folder / "pulled", ignore_errors=True)
        ended = subprocess.run(
            ["skopeo", "--policy", policy, "copy", "--src-tls-verify=false",
             f"docker://{self.host}/{image}", f"dir:{self.folder / 'pulled'}"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return ended.returncode == 0, ended.stderr


@pytest.fixture
def team(
    certify: Certify, tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> Team:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    registry.push(f"{SAMPLES}/debian", "team/app:1")
    registry.push(f"{SAMPLES}/busybox", "team/small:1")
    return Team(certify, tmp_path, registry)


def pushed_again(engine: Engine, registry: Registry, name: str) -> None:
    """Another image under the same tag, as a release does it."""
    body = f"FROM {SAMPLES}/debian\nLABEL release=2\n".encode()
    built, _ = engine.client.images.build(fileobj=io.BytesIO(body), rm=True)
    registry.push(str(built.id), name)


def test_from_a_sweep_to_the_gate(team: Team, registry: Registry, engine: Engine) -> None:
    assert team.sweep().code == 1, "busybox has no package manager"
    published = team.publish("--attach")
    assert published.code == 0, published.err
    assert "1 approved, 0 revoked, 1 left out" in published.out
    assert f"added {team.host}/team/app:1 (linux/amd64, quick)" in published.out
    assert f"{team.host}/team/small:1 (linux/amd64, quick): rejected: " in published.out
    assert "2 attached, 0 already there" in published.err, "a certificate, and a rejection"

    first = team.pins()["team/app:1"]
    for more in ((), ("--attached",)):
        ended = team.verify("team/app:1", *more)
        assert (ended.code, ended.err) == (0, ""), ended.out
        assert ended.out.startswith(f"approved: {team.host}/team/app@{first}: native for quick")
    assert "nothing of" in team.verify("team/small:1").out
    refused = team.verify("team/small:1", "--attached")
    assert (refused.code, "rejected for quick" in refused.out) == (1, True)
    if shutil.which("skopeo"):
        assert team.may_pull(f"team/app@{first}") == (True, "")
        for other in ("team/app:1", "team/small:1"):
            allowed, why = team.may_pull(other)
            assert (allowed, "rejected by policy" in why) == (False, True), why

    pushed_again(engine, registry, "team/app:1")
    moved = team.verify("team/app:1")
    assert (moved.code, "this digest is not on the list" in moved.out) == (1, True)
    assert team.verify("team/app:1", "--attached").code == 1
    assert team.verify(f"team/app@{first}").code == 0, "what was certified still is"

    assert team.sweep().code == 1
    published = team.publish("--attach")
    second = team.pins()["team/app:1"]
    assert second != first
    assert f"moved {team.host}/team/app:1 (linux/amd64, quick): from {first[:19]}" in published.out
    assert "1 attached, 1 already there" in published.err
    for more in ((), ("--attached",)):
        assert team.verify("team/app:1", *more).code == 0
    assert team.verify(f"team/app@{first}").code == 1

    by_tag = team.certify("revoke", f"{team.host}/team/app:1", "--reason", "backdoor")
    assert (by_tag.code, f"It is {team.host}/team/app@{second} now" in by_tag.err) == (
        2,
        True,
    )
    image = f"{team.host}/team/app@{second}"
    unsigned = team.certify("revoke", image, "--reason", "backdoor")
    assert (unsigned.code, "the list published before is signed" in unsigned.err) == (2, True)
    assert team.verify("team/app:1").code == 0, "nothing was done yet"
    words = ("revoke", image, "--sign", "team.key", "--attach")
    assert team.certify(*words, "--reason", "backdoor").code == 0
    for more in ((), ("--attached",)):
        ended = team.verify("team/app:1", *more)
        assert (ended.code, "revoked: backdoor" in ended.out) == (1, True), ended.out

    team.sweep("--force")
    published = team.publish("--attach")
    assert "team/app:1 (linux/amd64, quick): revoked: backdoor" in published.out
    assert team.pins() == {}
    for more in ((), ("--attached",)):
        assert "revoked: backdoor" in team.verify("team/app:1", *more).out, "no sweep undoes it"
    assert team.certify(*words, "--reason", "a false alarm", "--lift").code == 0
    assert team.publish().code == 0
    for more in ((), ("--attached",)):
        assert team.verify("team/app:1", *more).code == 0
