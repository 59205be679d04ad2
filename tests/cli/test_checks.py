"""``certify checks``."""

from __future__ import annotations

import pytest

from certify.suite.catalogue import claims
from tests.conftest import Certify


def test_every_check_is_listed_with_its_claim(certify: Certify) -> None:
    listed = certify("checks")
    assert (listed.code, listed.err) == (0, "")
    assert max(map(len, listed.out.splitlines())) <= 80
    folded = " ".join(listed.out.split())
    for claim in claims().values():
        assert f"{claim.id} " in folded
    assert [line.split()[0] for line in listed.out.splitlines() if line[0] != " "] == list(claims())
    assert "dockerd.container" in listed.out
    assert claims()["image.os"].claim in folded


@pytest.mark.parametrize("check_id", ["dockerd.container", "image.os"])
def test_a_check_is_explained(certify: Certify, check_id: str) -> None:
    shown = certify("checks", check_id)
    claim = claims()[check_id]
    assert (shown.code, shown.err) == (0, "")
    folded = " ".join(shown.out.split())
    for text in (claim.id, claim.title, claim.claim, claim.why, claim.how, claim.remedy):
        assert text in folded
    for needed in claim.needs:
        assert f"Needs {needed}" in folded
    assert "\x1b" not in shown.out


def test_json_has_every_field_of_a_claim(certify: Certify) -> None:
    found = certify("checks", "--format", "json").json()["checks"]
    assert [each["id"] for each in found] == list(claims())
    (one,) = certify("checks", "image.os", "--format", "json").json()["checks"]
    assert one == found[0]
    assert one.keys() == {"id", "group", "title", "claim", "why", "how", "remedy", "needs"}
    assert one["claim"] == claims()["image.os"].claim
