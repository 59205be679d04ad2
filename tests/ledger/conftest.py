"""An empty ledger on each database, open, and small results to record in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from certify.ledger.store import Ledger
from certify.model.result import Result, Suite
from tests.factories import NOON, a_result


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    with Ledger.open(ledger_url) as opened:
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
