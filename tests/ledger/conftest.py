"""Results to record: complete, small, and different only where a test says so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from certify.model.result import Image, Launch, Result, Startup, Suite, Verdict
from certify.model.terms import Grade, Status

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def make_result() -> Callable[..., Result]:
    """Make a result; ``hour`` orders them, everything else about an image goes by its name."""

    def make(
        reference: str = "docker.io/library/debian:12",
        *,
        status: Status = Status.CERTIFIED,
        profile: str = "devspace",
        hour: float = 0,
        suite: str = "sha256:5",
        **image: Any,
    ) -> Result:
        image = {"image_id": f"id of {image.get('digest')}", "platform": "linux/amd64", **image}
        finished = NOON + timedelta(hours=hour)
        return Result(
            image=Image(reference=reference, **image),
            profile=profile,
            verdict=Verdict(
                status=status, grade=Grade.NATIVE if status is Status.CERTIFIED else None
            ),
            checks=(),
            startup=Startup(boot_seconds=0.8),
            launch=Launch(kind="init", isolation="caps"),
            host=None,
            suite=Suite(version="1", digest=suite),
            started_at=finished - timedelta(seconds=12),
            finished_at=finished,
            expires_at=finished + timedelta(days=30),
        )

    return make
