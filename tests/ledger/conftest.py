"""Results to record: small, and different only where a test says so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from certify.model.result import Result, Suite
from tests.factories import NOON, a_result


@pytest.fixture
def make_result() -> Callable[..., Result]:
    """Make a result; ``hour`` orders them, everything else about an image goes by its name."""

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
