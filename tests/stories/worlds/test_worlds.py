"""Real package managers other than apt, each with a fault of its sources: the right verdict.

``make worlds`` builds the images first, by ``scripts/worlds``.
"""

from __future__ import annotations

import io
import json
import logging
import uuid

import pytest

from certify.engine.client import Engine
from tests.conftest import Certify
from tests.stories.worlds.worlds import Cell, cells, keep

_LOG = logging.getLogger(__name__)  # --log-cli-level=INFO shows each cell's reason and remedy
pytestmark = [pytest.mark.engine, pytest.mark.worlds]


@pytest.mark.parametrize("cell", cells(), ids=str)
def test_a_fault_of_the_sources(engine: Engine, certify: Certify, server: str, cell: Cell) -> None:
    tag = f"certify-test/world-{uuid.uuid4().hex[:8]}:1"
    dockerfile = io.BytesIO(cell.dockerfile(server).encode())
    engine.client.images.build(fileobj=dockerfile, tag=tag, rm=True)
    try:
        words = ("--network", "bridge", "--profile", cell.profile, "--format", "json")
        ended = certify("run", tag, "--pull", "never", *words)
    finally:
        engine.client.images.remove(tag, force=True)
    result = json.loads(ended.out)["results"][0]
    verdict = result["verdict"]
    first = verdict["reasons"][0] if verdict["reasons"] else {"text": "", "remedy": ""}
    _LOG.info("%s %s: %s -> %s", cell, verdict["status"], first["text"], first["remedy"])
    checks = [each for each in result["checks"] if each["outcome"] != "passed"]
    evidence = "\n".join(each["evidence"] for each in checks)
    assert verdict["status"] == cell.verdict, f"{first}\n{evidence}"
    assert cell.says in first["text"], evidence
    keep(cell, verdict["status"])
