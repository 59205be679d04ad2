"""Signs of a host's health: when they warn or fail, and what they advise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.doctor import signs
from certify.doctor.signs import can_certify
from certify.model.examination import Health, Sign
from certify.model.host import Calibration

OK, WARN, FAIL = Health.OK, Health.WARN, Health.FAIL
GIGABYTE = 10**9


def calibration(seconds: float) -> Calibration:
    return Calibration(create_seconds=0, start_seconds=seconds, remove_seconds=0)


def test_a_network_that_cannot_be_had_is_a_failure_with_its_remedy() -> None:
    assert signs.network("own: closed").status is Health.OK
    refused = signs.network("", "no range is left", "Remove networks.")
    assert (refused.status, refused.text) == (Health.FAIL, "no range is left")
    assert refused.remedy == "Remove networks."


@pytest.mark.parametrize(
    ("sign", "status", "words"),
    [
        (signs.engine("Docker", "20.10.24", "1.41", "-"), OK, "Docker 20.10.24 answers, API 1.41"),
        (signs.engine("Docker", "27.1", "1.100", "Docker 1"), OK, "API 1.100"),
        (signs.engine("Docker", "28", "2.0", "Docker 1"), OK, "API 2.0"),
        (signs.engine("Docker", "19.03", "1.40", "Docker 1"), FAIL, "1.41 is needed"),
        (signs.engine("Docker", "?", "", "Docker 1"), FAIL, "1.41 is needed"),
        (signs.engine("Podman", "4.3.1", "1.41", "Docker 1"), OK, "Podman 4.3.1 answers, API 1.41"),
        (signs.cgroups("2", "systemd"), OK, "version 2, driver systemd"),
        (signs.cgroups("1", "cgroupfs"), WARN, "version 1"),
        (signs.cgroups("", ""), WARN, "unknown"),
        (signs.storage("overlay2", "/var/lib/docker"), OK, "overlay2 in /var/lib/docker"),
        (signs.storage("overlayfs", "/x"), OK, "overlayfs"),
        (signs.storage("vfs", "/x"), WARN, "slow"),
        (signs.disk(80 * GIGABYTE, "/x"), OK, "80.0 GB free"),
        (signs.disk(10 * GIGABYTE, "/x"), OK, "10.0 GB free"),
        (signs.disk(9 * GIGABYTE, "/x"), WARN, "9.0 GB free"),
        (signs.disk(GIGABYTE - 1, "/x"), FAIL, "free"),
        (signs.disk(0, "/x"), FAIL, "free"),
        (signs.disk(None, "/x"), WARN, "unknown"),
        (signs.memory(8 * GIGABYTE, 4 * GIGABYTE, limits_hold=True), OK, "8.0 GB"),
        (signs.memory(4 * GIGABYTE, 4 * GIGABYTE, limits_hold=True), OK, "4.0 GB"),
        (signs.memory(4_100_000_000, 4 << 30, limits_hold=True), OK, "4.1 GB"),  # of 4 GiB
        (signs.memory(2 * GIGABYTE, 4 * GIGABYTE, limits_hold=True), WARN, "2.0 GB"),
        (signs.memory(8 * GIGABYTE, 4 * GIGABYTE, limits_hold=False), WARN, "enforce"),
        (signs.memory(GIGABYTE // 2, 4 * GIGABYTE, limits_hold=False), FAIL, "500.0 MB"),
        (signs.cpus(1), WARN, "1"),
        (signs.cpus(2), OK, "2"),
        (signs.clock(0.0, local=False), OK, "agrees with ours"),
        (signs.clock(-60.0, local=False), OK, "agrees with ours"),
        (signs.clock(0.0, local=True), OK, "this machine's own"),
        (signs.clock(61.0, local=False), WARN, "61 s ahead of ours"),
        (signs.clock(-3600.0, local=True), WARN, "3600 s behind ours"),
        (signs.clock(None, local=True), WARN, "does not report"),
        (signs.speed(calibration(0.23)), OK, "0.23 s"),
        (signs.speed(calibration(2.0)), OK, "2.00 s"),
        (signs.speed(calibration(2.01)), WARN, "more than 2 s"),
        (signs.speed(None), WARN, "could not be measured"),
        (signs.files(524288), OK, "may open 524288"),
        (signs.files(524287), WARN, "may open 524287"),
        (signs.files(None), OK, "unknown"),
        (signs.names("r.example", ""), OK, "can look up r.example"),
        (signs.names("r.example", "no answer"), WARN, "cannot look up r.example: no answer"),
        (signs.registry("r.example:443", ""), OK, "can reach r.example:443"),
        (signs.registry("r.example:443", "refused"), WARN, "cannot reach r.example:443: refused"),
        (signs.emulation("amd64", ["386"], ["arm64"]), OK, "runs amd64, 386; not arm64"),
        (signs.emulation("amd64", [], []), OK, "runs amd64"),
    ],
)  # fmt: skip
def test_signs(sign: Sign, status: Health, words: str) -> None:
    assert sign.status is status
    assert words in sign.text
    assert bool(sign.remedy) is (status is not OK), "a remedy exactly if the sign is not OK"


WORKS = ""
NO = "a capability is missing"


@pytest.mark.parametrize(
    ("problems", "statuses"),
    [
        ({"default": WORKS, "caps": WORKS, "privileged": WORKS}, [OK, OK, OK]),
        ({"default": WORKS, "caps": WORKS, "privileged": NO}, [OK, OK, WARN]),
        ({"default": WORKS, "caps": NO, "privileged": WORKS}, [OK, WARN, OK]),
        ({"default": WORKS, "caps": NO, "privileged": NO}, [OK, FAIL, FAIL]),
        ({"default": NO, "caps": WORKS, "privileged": WORKS}, [FAIL, OK, OK]),
        ({"default": NO, "caps": NO, "privileged": NO}, [FAIL, FAIL, FAIL]),
        ({"default": WORKS, "caps": NO, "privileged": NO, "sysbox": WORKS}, [OK, WARN, WARN, OK]),
        ({"default": WORKS, "caps": WORKS, "privileged": NO, "sysbox": NO}, [OK, OK, WARN, WARN]),
    ],
)
def test_one_kind_of_isolation_is_enough(problems: dict[str, str], statuses: list[Health]) -> None:
    found = signs.isolation(problems)
    if "sysbox" not in problems:
        absent = found.pop()
        assert (absent.name, absent.status, absent.remedy) == ("isolation.sysbox", OK, "")
        assert "the engine has no sysbox-runc" in absent.text
    assert [sign.name for sign in found] == [f"isolation.{each}" for each in problems]
    assert [sign.status for sign in found] == statuses
    assert all(bool(sign.remedy) is (sign.status is not OK) for sign in found)


def test_where_only_privileged_works_the_remedy_names_it() -> None:
    found = signs.isolation({"default": WORKS, "caps": NO, "privileged": WORKS})
    assert "--isolation privileged" in found[1].remedy
    assert found[1].text == NO


@given(st.lists(st.sampled_from(Health)))
def test_a_host_can_certify_if_there_are_signs_and_none_failed(
    statuses: list[Health],
) -> None:
    signs = [Sign(name="x", status=status, text="y") for status in statuses]
    assert can_certify(signs) is (statuses != [] and FAIL not in statuses)


@pytest.mark.parametrize(
    ("total", "most"),
    [(GIGABYTE, "512m"), (2 << 30, "1g"), (3 << 30, "2g"), (8 << 30, "6g"), (12 << 30, "9g")],
)
def test_the_advised_memory_is_a_round_number(total: int, most: str) -> None:
    sign = signs.memory(total, 16 << 30, limits_hold=True)
    assert sign.remedy.endswith(f" --memory {most}")
