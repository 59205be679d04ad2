"""An empty ledger on each database, and small results to record in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from certify.ledger.store import Ledger
from certify.model.result import Result, Suite
from tests.factories import NOON, a_result
from tests.support import postgresql
from tests.support.postgresql import Server


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A PostgreSQL server."""
    with postgresql.running_or_skip() as found:
        yield found


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty ledger."""
    if request.param == "SQLite":
        return str(tmp_path / "certify.db")
    found: Server = request.getfixturevalue("server")
    return found.new_schema()


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    with Ledger.open(url) as opened:
        yield opened


@pytest.fixture
def make_result() -> Callable[..., Result]:
    """Make results that finish ``hour`` hours after noon; other arguments are of the image."""

    def make(
        reference: str = "docker.io/library/debian:12",
        *,
        hour: float = 0,
        suite: str = "sha256:5",
        **image: Any,
    ) -> Result:
        fields = {name: image.pop(name) for name in ("status", "profile") if name in image}
        known = {"image_id": f"id of {image.get('digest')}", "platform": "linux/amd64"}
        return a_result(
            image={"reference": reference, **known, **image},
            moment=NOON + timedelta(hours=hour),
            suite=Suite(version="1", digest=suite),
            **fields,
        )

    return make
