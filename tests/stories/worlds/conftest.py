"""The repositories of the worlds, served to the containers of a test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from certify.engine.client import Engine
from tests.support import package_server


@pytest.fixture(scope="module")
def server(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of the repositories."""
    folder = tmp_path_factory.mktemp("repositories")
    package_server.unpack(folder)
    with package_server.serving(folder, package_server.bridge(engine.client)) as url:
        yield url
