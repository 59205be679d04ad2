"""Results as rows of the ledger's table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, TypeVar

from certify.ledger import summaries
from certify.model.clock import is_ahead
from certify.model.errors import NotRecordable
from certify.model.result import Result
from certify.util.text import safe_json

REPEATED = ("reference", "registry", "repository", "tag", "digest", "image_id")
"""The fields of an image that have a column of the same name."""
BATCH_SIZE = 200
"""The number of whole results that are read at once."""

T = TypeVar("T")


def row_of(result: Result) -> dict[str, Any]:
    """Return the values of a result's columns, without the name of its recording."""
    image = result.image
    return {
        "identity": image.identity or image.reference,
        **image.model_dump(include=set(REPEATED)),
        "platform": image.platform or "",
        "profile": result.profile,
        "status": result.verdict.status.value,
        "grade": result.verdict.grade.value if result.verdict.grade else None,
        "boot_seconds": result.startup.boot_seconds,
        "started_at": result.started_at,
        "finished_at": result.finished_at,
        "expires_at": result.expires_at,
        "suite_digest": result.suite.digest,
        "host_class": result.host.kind if result.host else "",
        "document": document_of(result),
        "summary": summaries.text_of(result),
    }


def document_of(result: Result) -> str:
    """Return a result as JSON."""
    return safe_json(result.model_dump(mode="json", by_alias=True))


def refuse_future(result: Result, now: datetime, ledger: str) -> None:
    """Raise :class:`NotRecordable` for a result of a host whose clock is ahead of the ledger's."""
    moment, name = result.finished_at, result.image.reference
    if moment.tzinfo is None:
        raise NotRecordable(
            f"the result of {name} has a moment without a time zone: {moment}",
            remedy="Give it one: certify itself writes UTC.",
        )
    if is_ahead(moment, now):
        raise NotRecordable(
            f"the result of {name} is of {moment:%Y-%m-%d %H:%M} UTC, which lies in the future:"
            f" by the clock of the ledger {ledger}, it is {now:%Y-%m-%d %H:%M}",
            remedy="Set the clock of the host that certified it, then certify it again.",
        )


def batched(rows: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Yield the rows in batches of at most ``size``."""
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
