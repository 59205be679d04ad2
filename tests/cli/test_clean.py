"""``certify clean``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Certify


def test_without_an_engine_nothing_can_be_cleaned(certify: Certify, tmp_path: Path) -> None:
    ended = certify("clean", DOCKER_HOST=f"unix://{tmp_path}/no-engine.sock")
    assert (ended.code, ended.out) == (3, "")
    assert "does not answer" in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.engine
def test_json_has_the_number_of_objects(certify: Certify) -> None:
    ended = certify("clean", "--format", "json")
    assert (ended.code, ended.err) == (0, "")
    assert ended.json() == {"schema": "certify/clean/v1", "removed": ended.json()["removed"]}
    assert ended.json()["removed"] >= 0
