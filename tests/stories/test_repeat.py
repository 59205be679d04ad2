"""Checks that run again: the same image twenty times, and a rejection that a sweep confirms."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import SAMPLES, Certify
from tests.support.profiles import mine

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("nothing_left")]

CHECK = '''
from pathlib import Path

def test_the_moon_is_right():
    """The moon is right."""
    outcomes = Path({path!r})
    outcome, _, rest = outcomes.read_text().partition(" ")
    outcomes.write_text(rest)
    assert outcome == "good", "the moon is wrong"
'''


@pytest.mark.repeat  # for minutes, so only on request (`make repeat`)
@pytest.mark.parametrize("sample", ["debian-devspace", "debian-broken-dockerd"])
def test_twenty_runs_give_one_verdict(certify: Certify, sample: str) -> None:
    said = set()
    for _ in range(20):
        result = certify("run", "--format", "json", f"{SAMPLES}/{sample}").result
        said.add((result.verdict, tuple((check.id, check.outcome) for check in result.checks)))
    assert len(said) == 1


def test_a_sweep_confirms_what_is_newly_rejected(certify: Certify, tmp_path: Path) -> None:
    outcomes = tmp_path / "outcomes"
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks/test_moon.py").write_text(CHECK.format(path=str(outcomes)), "utf-8")
    (tmp_path / "list.txt").write_text(f"{SAMPLES}/busybox\n", "utf-8")
    profile = mine(tmp_path, 'launch = "idle"', 'required = ["image.shell"]')
    words = ("sweep", f"{tmp_path}/list.txt", "--profile", profile, "--checks", "checks",
             "--pull", "never", "--force", "--confirm", "--format", "json")  # fmt: skip

    def swept(given: str) -> tuple[str, bool, str]:
        """Sweep an image whose check has these outcomes, and return what its result says."""
        outcomes.write_text(given, "utf-8")
        ended = certify(*words)
        assert outcomes.read_text("utf-8") == "", ended.err
        (check,) = (each for each in ended.result.checks if "moon" in each.id)
        return ended.result.verdict.status.value, check.flaky, check.message

    assert swept("bad")[:2] == ("rejected", False), "nothing was certified before"
    assert swept("good") == ("certified", False, "")
    status, flaky, message = swept("bad good")
    assert (status, flaky) == ("rejected", True)
    assert message.startswith("flaky: passed in 1 of 2 runs; in run 1: ")
