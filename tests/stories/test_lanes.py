"""Checks side by side and one after another find the same, also in images with defects.

What one certification costs is held to counts, which no busy machine changes.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests

from certify.engine import calibration
from certify.engine.calibration import calibrate
from certify.engine.client import Engine
from certify.model.terms import Outcome, Status
from tests.conftest import SAMPLES
from tests.stories.sabotage.ways import examine_both_ways, findings
from tests.stories.sabotage.workshop import examine, sabotages

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("nothing_left")]

BY_NAME = {each.name: each for each in sabotages()}
DEFECTS = ("removal-disabled", "unit-fails", "compose-missing", "git-missing")
"""Defects of every group that has a lane; one image has them all."""
ENDS = r"""
RUN printf '%s\n' '[Service]' 'Type=oneshot' 'ExecStart=/bin/sh -c "kill -RTMIN+4 1"' \
    >/etc/systemd/system/ends.service \
 && echo 'DPkg::Pre-Invoke { "systemctl start --no-block ends"; };' >/etc/apt/apt.conf.d/99ends
"""


class Costs:
    """Counts what this process does during a certification: requests and new processes."""

    def __init__(self) -> None:
        self.requests = 0
        self.commands: list[str] = []
        sys.addaudithook(self._heard)  # for good: it only counts

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "subprocess.Popen":
            self.commands.append(" ".join(map(str, arguments[1])))


@pytest.fixture
def costs(monkeypatch: pytest.MonkeyPatch) -> Costs:
    found = Costs()
    send = requests.Session.send

    def counted(
        session: requests.Session, request: requests.PreparedRequest, **options: Any
    ) -> requests.Response:
        found.requests += not str(request.url).endswith(("/_ping", "/system/df"))
        return send(session, request, **options)

    monkeypatch.setattr(requests.Session, "send", counted)
    with Engine.connect() as engine:
        speed = calibrate(engine)
    # A slow host is measured with each certification, and again if something is over its budget.
    monkeypatch.setattr(calibration, "calibrate", lambda _engine, *, samples=1: speed)
    return found


MOST_REQUESTS, MOST_PROCESSES = 50, 9
"""What one certification may cost the process that certifies: requests to the engine, but for those
that come every few seconds, and new processes. Six of these concern the firewall's rules. What
another run left when it was killed costs more, to whoever finds it."""


@pytest.mark.alone
def test_lanes_find_what_a_series_finds(costs: Costs) -> None:
    dockerfile = "\n".join(BY_NAME[name].dockerfile for name in DEFECTS)
    sabotage = BY_NAME[DEFECTS[0]].model_copy(
        update={"name": "lanes-each-with-a-defect", "dockerfile": dockerfile}
    )
    series = examine(sabotage, lanes=False)
    costs.requests = 0
    costs.commands.clear()
    lanes = examine(sabotage, lanes=True)
    requests_made, commands = costs.requests, [*costs.commands]
    assert findings(lanes) == findings(series)
    failed = {each.id for each in lanes.checks if each.outcome is Outcome.FAILED}
    assert failed == {BY_NAME[name].check for name in DEFECTS}
    assert 0 < requests_made <= MOST_REQUESTS
    assert 0 < len(commands) <= MOST_PROCESSES, commands


COUNTING = """
import sys, pytest
from certify.engine.session import Shell
run, commands = Shell.run, []
def counted(shell, *words, **options):
    commands.append(words)
    return run(shell, *words, **options)
Shell.run = counted
code = pytest.main([*sys.argv[1:], "-q", "-p", "no:cacheprovider"])
print(f"\\n{int(code)} {len(commands)}")
"""
COMMANDS = 170
"""The most commands of all checks together in a good image; 140 where nothing takes long."""


def test_the_checks_run_few_commands_in_the_candidate() -> None:
    checks = str(Path(__file__).parents[2] / "checks")
    ended = subprocess.run(
        [sys.executable, "-c", COUNTING, checks, "--image", f"{SAMPLES}/debian-devspace"],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    code, count = ended.stdout.splitlines()[-1].split()
    assert code == "0", ended.stdout
    assert int(count) <= COMMANDS


@pytest.mark.sabotage
@pytest.mark.parametrize(
    "name",
    ["sources-unknown-host", "services-never-restarted", "no-bridge", "default-runtime-missing",
     "sudo-asks-for-password", "pinned-to-older-versions", "launch-with-dpkg-interrupted"],
)  # fmt: skip
def test_each_way_finds_the_sabotage(name: str) -> None:
    _, told = examine_both_ways(BY_NAME[name])
    assert not told


@pytest.mark.sabotage
def test_what_ended_the_container_is_found_in_series() -> None:
    ends = BY_NAME[DEFECTS[0]].model_copy(
        update={"name": "lanes-one-ends-the-container", "dockerfile": ENDS}
    )
    lanes, series = (examine(ends, lanes=each) for each in (True, False))
    assert findings(lanes) == findings(series)
    assert lanes.verdict.status is Status.REJECTED
    [failed] = [each for each in lanes.checks if each.outcome is Outcome.FAILED]
    assert failed.group == "packages"
