"""What rejected images are told of certified ones, by real layers, in a run and in a sweep."""

from __future__ import annotations

import io
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rich.console import Console

from certify.engine.client import Engine
from certify.model.terms import Status
from certify.publish.text import print_report
from tests.conftest import SAMPLES, Certify

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("nothing_left")]

GOOD, BROKEN = f"{SAMPLES}/debian-devspace:latest", f"{SAMPLES}/debian-broken-dockerd:latest"
# So little of each that an image is soon judged.
HEAD = 'title = "Mine"\ndescription = "Ours"\nsource = "this test"\n'
BASHED = f"""name = "bashed"
{HEAD}launch = "idle"
required = ["image.os", "image.shell", "workspace.bash"]
"""
DOCKED = f"""name = "docked"
{HEAD}launch = "init"
required = [
    "image.shell", "systemd.pid1", "systemd.state", "dockerd.installed", "dockerd.running",
    "dockerd.unit", "dockerd.container",
]
"""

Build = Callable[[str, str], str]


@pytest.fixture
def build(engine: Engine) -> Iterator[Build]:
    """Builds images that stand on a sample, each under a name of its own."""
    names: list[str] = []

    def built(name: str, change: str) -> str:
        names.append(f"certify-test/{name}-{secrets.token_hex(4)}:1")
        body = f"FROM {SAMPLES}/debian\nRUN {change}\n".encode()
        engine.client.images.build(fileobj=io.BytesIO(body), tag=names[-1], rm=True)
        return names[-1]

    yield built
    for name in names:
        engine.client.images.remove(name, force=True)


def test_an_image_is_told_what_it_is_built_on(certify: Certify, tmp_path: Path) -> None:
    (tmp_path / "docked.toml").write_text(DOCKED)
    words = ("--pull", "never", "--profile", str(tmp_path / "docked.toml"))
    ended = certify("run", *words, "--format", "json", GOOD, BROKEN)
    assert ended.code == 1, ended.err
    known, rejected = ended.results
    assert known.recommendation is None
    assert rejected.recommendation is not None
    assert rejected.recommendation.extends is not None
    assert rejected.recommendation.extends.reference == GOOD
    good, bad = known.image.layer_digests, rejected.image.layer_digests
    assert 0 < len(good) < len(bad)
    assert bad[: len(good)] == good
    text = io.StringIO()
    print_report([rejected], Console(file=text, width=100))
    assert f"  something above {GOOD} (native) broke it\n" in text.getvalue()
    (tmp_path / "images.txt").write_text(f"{GOOD}\n{BROKEN}\n")
    swept = certify("sweep", *words)
    assert "0 to certify" in swept.err, "a sweep tells it of what was judged before as well"
    assert f"  built on {GOOD} (native):\n    {BROKEN} [docked]\n" in swept.out


def test_the_same_version_comes_first_and_nothing_rejected(
    certify: Certify, build: Build, tmp_path: Path
) -> None:
    (tmp_path / "bashed.toml").write_text(BASHED)
    # The real file: in the sample /etc/os-release is a link to it.
    same = build("same", "touch /same")
    newer = build("newer", "sed -i 's/^VERSION_ID=.*/VERSION_ID=\"13\"/' /usr/lib/os-release")
    bad, worse = (build(name, f"rm /bin/bash && touch /{name}") for name in ("bad", "worse"))
    words = ("run", "--pull", "never", "--profile", str(tmp_path / "bashed.toml"))
    ended = certify(*words, "--format", "json", same, newer, bad, worse)
    assert ended.code == 1
    results = {result.image.reference: result for result in ended.results}
    assert [each.verdict.status for each in results.values()] == [
        Status.CERTIFIED, Status.CERTIFIED, Status.REJECTED, Status.REJECTED,
    ]  # fmt: skip
    system = results[newer].image.os
    assert system is not None
    assert system.version_id == "13"
    for name in (bad, worse):
        told = results[name].recommendation
        assert told is not None
        assert [each.reference for each in told.closest] == [same, newer]
        assert told.extends is None, "its base was not certified under this profile"
    assert results[same].recommendation is None
