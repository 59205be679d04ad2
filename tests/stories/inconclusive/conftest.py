"""An engine that may be hurt, shared by the tests that do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import SAMPLES
from tests.support.private_engine import PrivateEngine, private_engine


@pytest.fixture(scope="package")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateEngine]:
    with private_engine(tmp_path_factory.mktemp("engine")) as found:
        found.load(f"{SAMPLES}/debian")
        yield found
