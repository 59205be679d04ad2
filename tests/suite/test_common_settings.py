"""Files of the image that are for every service: found, put aside and told."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from certify.suite import common_settings
from certify.suite.candidate import Candidate
from certify.suite.claims import Proven
from certify.suite.units import Units

LIMITS, SLICE = "system.conf.d/site.conf", "system/system.slice.d/m.conf"
SHOWN = f"{LIMITS}:DefaultLimitAS=512M\n{LIMITS}:DefaultLimitNOFILE = 9\n{SLICE}:MemoryMax=40M\n"


def test_settings_are_listed_by_their_file_without_those_that_limit_nothing() -> None:
    printed = f"system/a.slice:Description=A\n{SHOWN}system/b.slice:Before=slices.target\n"
    found = common_settings.listed(lambda _: SimpleNamespace(stdout=printed))
    assert found == {
        f"DefaultLimitAS=, DefaultLimitNOFILE= in /etc/systemd/{LIMITS}": f"/etc/systemd/{LIMITS}",
        f"MemoryMax= in /etc/systemd/{SLICE}": f"/etc/systemd/{SLICE}",
    }


class Machine:
    """A candidate that keeps which of its files are aside."""

    def __init__(self, culprit: str) -> None:
        self.culprit, self.aside, self.reloads = culprit, set[str](), 0

    def run(self, command: str, *_: str, timeout: float = 0) -> SimpleNamespace:
        for each in command.split("; "):
            if " || mv " in each:
                source, target = each.partition(" || mv ")[2].split()
                (self.aside.add if target.endswith(".certify") else self.aside.discard)(
                    min(source, target)
                )
        self.reloads += "daemon-reload" in command
        return SimpleNamespace(stdout=SHOWN if command.startswith("cd") else "", rc=0)

    def works(self) -> bool:
        return f"/etc/systemd/{self.culprit}" in self.aside


@pytest.mark.parametrize(
    ("culprit", "told"),
    [
        (LIMITS, "DefaultLimitAS=, DefaultLimitNOFILE= in"),
        (SLICE, "MemoryMax= in /etc/systemd/system/system.slice.d/m.conf: without it, it works"),
        ("nothing", ""),
    ],
)
def test_the_file_that_hinders_is_named_and_is_back_at_its_place(culprit: str, told: str) -> None:
    machine = Machine(culprit)
    units = Units(cast(Candidate, machine))
    if told:
        with pytest.raises(Proven, match=f"it does not run because of {told}"):
            units.fail_with_common_settings("it does not run", machine.works)
    else:
        units.fail_with_common_settings("it does not run", machine.works)
    assert not machine.aside
    assert machine.reloads > 1


def test_the_remedy_says_from_which_file() -> None:
    assert common_settings.remedy(["A=, B= in /etc/x", "C= in /etc/y"]) == (
        "A=, B= from /etc/x, C= from /etc/y"
    )


def test_without_such_files_nothing_is_reloaded() -> None:
    commands: list[str] = []
    common_settings.put_aside(lambda command, **_: commands.append(command), {}, ())
    assert commands == []
