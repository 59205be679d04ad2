"""Units of a candidate that failed, and what the image itself did to them."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from certify.suite.candidate import Candidate
from certify.suite.claims import Proven
from certify.suite.units import Units, bus_fault


def units(**answers: str) -> Units:
    """Return the units of a candidate whose systemctl answers so, by a word of the command."""

    def run(command: str, *arguments: str, **_: Any) -> SimpleNamespace:
        whole = command % arguments if arguments else command
        found = (text for word, text in answers.items() if word.replace("_", "-") in whole)
        return SimpleNamespace(rc=0, stdout=next(found, whole))

    return Units(cast(Candidate, SimpleNamespace(run=run)))


class Restarts:
    """A candidate whose units change from one look to the next, by their restarts or states."""

    def __init__(self, **looks: list[str]) -> None:
        self.looks, self.now = looks, 0

    def run(self, command: str, *arguments: str) -> SimpleNamespace:
        states = {unit: look[min(self.now, len(look) - 1)] for unit, look in self.looks.items()}
        if arguments:
            times = states[arguments[-1]].strip("+")
            return SimpleNamespace(rc=0, stdout=f"NRestarts={times}\n")
        kinds = {"failed": "failed", "+": "auto-restart"}
        down = {
            unit: kinds[each.strip("0123456789")]
            for unit, each in states.items()
            if each[-1] in "+d"
        }
        return SimpleNamespace(
            rc=0, stdout="".join(f"{u} loaded x {s} U\n" for u, s in down.items())
        )

    def wait_for(self, condition: Callable[[], bool], **_: object) -> bool:
        while not condition() and self.now < 5:
            self.now += 1
        return condition()


@pytest.mark.parametrize(
    ("looks", "found"),
    [
        pytest.param(["failed"], True, id="failed"),
        pytest.param(["7+"], True, id="loops"),
        pytest.param(["0+", "1", "1+", "2"], True, id="begins to loop"),
        pytest.param(["1+", "1+", "1+", "1+"], True, id="waits long for its next start"),
        pytest.param(["0+", "1"], False, id="comes back, and stays"),
        pytest.param(["1"], False, id="runs"),
    ],
)
def test_units_that_failed_and_that_end_each_time_are_found(looks: list[str], found: bool) -> None:
    candidate = Restarts(unit=looks, other=["0"])
    assert Units(cast(Candidate, candidate)).failed() == (["unit"] if found else [])


@pytest.mark.parametrize(
    ("target", "loaded", "told"),
    [
        ("multi-user.target", "loaded", ""),
        ("rescue.target", "loaded", "is rescue.target, which leads to no ordinary boot"),
        ("mine.target", "not-found", "is not-found"),
        ("mine.target", "masked", "is masked"),
    ],
)
def test_a_default_target_that_is_no_ordinary_boot(target: str, loaded: str, told: str) -> None:
    answering = units(get_default=f"{target}\n", LoadState=f"LoadState={loaded}\n")
    if not told:
        answering.fail_with_default_target("it does not run")
        return
    with pytest.raises(Proven, match=f"it does not run: the image's default target {told}"):
        answering.fail_with_default_target("it does not run")


@pytest.mark.parametrize(
    ("states", "told"),
    [
        ("inactive inactive inactive mine.target enabled", "target, mine.target, starts nothing"),
        ("inactive inactive active mine.target enabled", ""),
        ("inactive inactive inactive mine.target disabled", ""),
        ("inactive inactive inactive multi-user.target enabled", ""),
        ("active inactive inactive mine.target enabled", ""),
        ("inactive inactive inactive", ""),
    ],
)
def test_a_default_target_that_starts_nothing_enabled(states: str, told: str) -> None:
    found = units(is_active=states.replace(" ", "\n")).idle_target()
    assert told in found
    assert bool(told) is bool(found)


@pytest.mark.parametrize(
    ("unit", "result", "asked"),
    [
        ("docker.socket", "trigger-limit-hit\n", True),
        ("docker.socket", "service-start-limit-hit\n", True),
        ("docker.socket", "resources\n", False),
        ("cups.socket", "trigger-limit-hit\n", False),
    ],
)
def test_a_socket_that_certify_itself_wore_out(unit: str, result: str, asked: bool) -> None:
    assert units(Result=f"Result={result}").was_asked_too_often(unit) is asked


@pytest.mark.parametrize(
    ("said", "value"),
    [("MainPID=42\n", "42"), ("Id=a=b.mount\n", "a=b.mount"), ("Result=\n", ""), ("", "")],
)
def test_a_property_is_read_as_every_systemd_prints_it(said: str, value: str) -> None:
    assert units(show=said).property("MainPID", "a.service") == value


def test_a_generator_that_does_not_end_is_named() -> None:
    units(generator="").fail_with_generator("systemd does not answer")
    with pytest.raises(Proven, match="still waits for its generator /etc/systemd/system-gen"):
        units(generator="/etc/systemd/system-generators/a\n").fail_with_generator("no answer")


def test_mounts_of_fstab_are_the_images_fault_and_no_others() -> None:
    answering = units(
        **{
            "data.mount": "SourcePath=/etc/fstab\n",
            "run.mount": "SourcePath=/run/systemd/generator\n",
        }
    )
    answering.fail_with_mounts(["run.mount", "a.service"], "they failed")
    with pytest.raises(Proven, match=r"they failed: data\.mount of /etc/fstab failed"):
        answering.fail_with_mounts(["run.mount", "data.mount"], "they failed")


def test_the_status_of_units_is_asked_at_once() -> None:
    assert units().status(["a.service", "b.service"]).endswith("--full a.service b.service")


def test_the_words_of_programs_are_told_where_starting_again_took_their_place() -> None:
    status = "a.service: Start request repeated too quickly.\n"
    told = units(status=status, journalctl="sshd: no hostkeys available\n").status(["a.service"])
    assert told == f"{status}sshd: no hostkeys available\n"


@pytest.mark.parametrize(
    ("status", "why", "remedy"),
    [
        ("Loaded: masked (Reason: x)\nActive: inactive (dead)", "is masked", "unmask"),
        ("Unit dbus.socket could not be found.", "the image does not have", "Install dbus"),
        ("Loaded: loaded (x)\nActive: inactive (dead)", "no unit of the boot starts", "add-wants"),
        ("Loaded: loaded (x)\nActive: active (listening)", "does not answer", "See what"),
        ("Loaded: loaded (x)\nActive: failed (Result: x)", "does not answer", "See what"),
    ],
)
def test_a_bus_that_does_not_answer_has_a_reason(status: str, why: str, remedy: str) -> None:
    told = bus_fault(status)
    assert told[0] == why
    assert remedy in told[1]


@pytest.mark.parametrize(
    ("shown", "up", "starts"),
    [
        ("WantedBy=multi-user.target\n\nRequiredBy=docker.service\n", "multi-user.target", True),
        ("WantedBy=\n\nUpheldBy=workspace.service\n", "workspace.service", True),
        ("WantedBy=sometimes.service\n", "multi-user.target", False),
        ("WantedBy=\n\nRequiredBy=docker.service\n", "docker.service", False),
        ("", "", False),
    ],
)
def test_a_unit_that_another_one_starts(shown: str, up: str, starts: bool) -> None:
    def run(command: str, *names: str) -> SimpleNamespace:
        asked = names or command.split("||")
        return SimpleNamespace(rc=0 if up in asked else 3, stdout="" if names else shown)

    found = Units(cast(Candidate, SimpleNamespace(run=run)))
    assert found.start_with_another("docker.service", "docker.socket") is starts
