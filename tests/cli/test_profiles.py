"""``certify profiles``."""

from __future__ import annotations

from pathlib import Path

import pytest

from certify.judge.profiles import load, shipped
from tests.conftest import Certify


def test_every_profile_is_listed(certify: Certify) -> None:
    listed = certify("profiles")
    assert (listed.code, listed.err) == (0, "")
    assert max(map(len, listed.out.splitlines())) <= 80
    names = [line.split()[0] for line in listed.out.splitlines() if line[0] != " "]
    assert names == list(shipped())


@pytest.mark.parametrize("name", ["devspace", "plain"])
def test_a_profile_is_shown_with_all_its_checks(certify: Certify, name: str) -> None:
    shown = certify("profiles", name)
    profile = load(name)
    assert (shown.code, shown.err) == (0, "")
    assert set(profile.checks) <= set(shown.out.split())
    assert profile.title in shown.out
    assert f"{profile.budgets.boot:g} s" in shown.out
    assert max(map(len, shown.out.splitlines())) <= 80


def test_json_has_every_field_of_a_profile(certify: Certify, tmp_path: Path) -> None:
    found = certify("profiles", "--format", "json").json()["profiles"]
    assert [each["name"] for each in found] == list(shipped())
    (one,) = certify("profiles", "plain", "--format", "json").json()["profiles"]
    assert one in found
    assert tuple(one["required"]) == load("plain").required
    assert one["budgets"]["boot"] == load("plain").budgets.boot
