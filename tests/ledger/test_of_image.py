"""What stands for one image, whatever it was called when it was certified."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from certify.ledger.store import Ledger
from certify.model.result import Image, Result
from certify.model.terms import Status
from tests.factories import NOON


def test_an_image_is_known_by_its_id_or_its_digest(
    tmp_path: Path, make_result: Callable[..., Result]
) -> None:
    with Ledger.open(str(tmp_path / "l.db")) as ledger:
        ledger.record(make_result("one:1", image_id="i", digest="d"))
        ledger.record(make_result("other:1", image_id="o", digest="p", hour=1))

        def found(
            image_id: str | None = None,
            digest: str | None = None,
            *,
            platform: str = "linux/amd64",
            profile: str = "devspace",
        ) -> str | None:
            image = Image(reference="x", image_id=image_id, digest=digest, platform=platform)
            result = ledger.standing_for(image, profile, NOON)
            return result.image.reference if result else None

        assert found(image_id="i") == "one:1"
        assert found(image_id="new", digest="d") == "one:1"
        assert found(image_id="new") is None
        assert found() is None, "an image that nobody found is no image"
        assert found("i", profile="plain") is None
        assert found(image_id="i", platform="linux/arm64") is None


def test_the_newest_answer_that_has_not_expired(
    tmp_path: Path, make_result: Callable[..., Result]
) -> None:
    image = Image(reference="x", image_id="i", platform="linux/amd64")
    with Ledger.open(str(tmp_path / "l.db")) as ledger:
        for hour, status in enumerate((Status.CERTIFIED, Status.REJECTED, Status.INCONCLUSIVE)):
            ledger.record(make_result(image_id="i", hour=hour, status=status))

        def after(hours: float) -> Status | None:
            result = ledger.standing_for(image, "devspace", NOON + timedelta(hours=hours))
            return result.verdict.status if result else None

        month = 30 * 24
        assert after(3) is Status.REJECTED
        assert after(month + 0.5) is Status.REJECTED
        assert after(month + 1.5) is Status.INCONCLUSIVE
        assert after(month + 2.5) is None
