"""Trouble with a registry or the host: exit 3, the reason, and reports all the same."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import jsonschema
import pytest

from certify.engine.client import Engine
from certify.model.terms import Status
from scripts.json_schema import json_schema
from tests.conftest import SAMPLES, Certify

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("nothing_left")]


def test_an_image_that_cannot_be_pulled(certify: Certify, tmp_path: Path) -> None:
    reference = "localhost:1/team/app:1"
    ended = certify("run", "--format", "json", reference)
    assert ended.code == 3
    jsonschema.validate(ended.json(), json_schema("report.v1.json"))
    result = ended.result
    assert reference in result.verdict.reasons[0].text
    assert result.verdict.reasons[0].remedy
    assert result.launch.reproduce == f"docker pull {reference}"
    assert result.host is not None
    assert not list((tmp_path / "reports" / "results").glob("*.json")), "nothing has that name"
    assert ET.parse(tmp_path / "reports" / "junit.xml").getroot().findall(".//error")


def test_the_next_image_is_certified_all_the_same(certify: Certify) -> None:
    ended = certify(
        "run", "--profile", "plain", "--pull", "never", "--format", "json",
        "localhost:1/team/app:1", f"{SAMPLES}/busybox",
    )  # fmt: skip
    assert ended.code == 1, "rejected weighs more than inconclusive"
    statuses = [each.verdict.status for each in ended.results]
    assert statuses == [Status.INCONCLUSIVE, Status.REJECTED]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--profile", "plain", "--network", "certify-no-such-network"], "certify-no-such-network"),
        (["--profile", "plain", "--memory", "1k"], "emory"),
        (["--isolation", "sysbox"], "sysbox-runc"),
    ],
)
def test_a_launch_that_the_host_refuses(
    certify: Certify, engine: Engine, options: list[str], said: str
) -> None:
    assert "sysbox-runc" not in engine.info["Runtimes"]
    ended = certify("run", *options, "--format", "json", f"{SAMPLES}/busybox")
    assert ended.code == 3, ended.err
    reasons = ended.result.verdict.reasons
    assert said in reasons[0].text
    assert reasons[0].remedy
