"""The table of verdicts by package manager, and a few of its cells in every run of the tests."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

import pytest

from certify.engine.client import Engine
from tests.conftest import Certify
from tests.stories.worlds.worlds import BLOCK, FOLDER, PAGE, Cell, cells, measured, table
from tests.support import package_server

IMAGE = "certify-world/core"
CORE = [Cell("dnf4", fault) for fault in ("broken", "gone", "no-repositories")]


def test_the_table_is_what_was_measured() -> None:
    block = BLOCK.search(PAGE.read_text("utf-8"))
    assert block and block[0] == table(), "run: python -m tests.stories.worlds.worlds"


def test_what_was_measured_is_right() -> None:
    every = {str(cell): cell.verdict for cell in cells()}
    assert measured().items() <= every.items()


@pytest.fixture(scope="module")
def image(engine: Engine) -> str:
    engine.client.images.build(
        path=str(FOLDER),
        target="bare",
        tag=IMAGE,
        buildargs={"MANAGER": "dnf rpm", "ID": "fedora-like", "NAME": "Fedora-like"},
        rm=True,
    )
    return IMAGE  # it stays, so that the next run need not build it


@pytest.fixture(scope="module")
def server(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("no-packages")
    with package_server.serving(folder, package_server.bridge(engine.client)) as url:
        yield url


@pytest.mark.engine
@pytest.mark.parametrize("cell", CORE, ids=str)
def test_dnf_with_a_server_that_has_no_packages(
    engine: Engine, certify: Certify, image: str, server: str, cell: Cell
) -> None:
    lines = cell.dockerfile(server).replace(f"FROM certify-world/{cell.family}", f"FROM {image}")
    tag = f"{image}:{cell.fault}"
    engine.client.images.build(fileobj=io.BytesIO(lines.encode()), tag=tag, rm=True)
    try:
        words = ("--pull", "never", "--network", "bridge", "--profile", "plain", "--format", "json")
        ended = certify("run", tag, *words)
    finally:
        engine.client.images.remove(tag, force=True)
    verdict = json.loads(ended.out)["results"][0]["verdict"]
    said = verdict["reasons"][0]["text"]
    if "the host is slow" not in said:  # other tests may be at work on it
        assert verdict["status"] == cell.verdict, said
    assert cell.says in verdict["reasons"][0]["text"]
