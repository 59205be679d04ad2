"""The same image, twenty times: one verdict. For minutes, so only on request (``make repeat``)."""

from __future__ import annotations

import pytest

from tests.conftest import SAMPLES, Certify

pytestmark = [pytest.mark.engine, pytest.mark.repeat]


@pytest.mark.parametrize("sample", ["debian-devspace", "debian-broken-dockerd"])
def test_twenty_runs_give_one_verdict(certify: Certify, sample: str) -> None:
    said = set()
    for _ in range(20):
        result = certify("run", "--format", "json", f"{SAMPLES}/{sample}").result
        said.add((result.verdict, tuple((check.id, check.outcome) for check in result.checks)))
    assert len(said) == 1
