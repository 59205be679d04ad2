"""The queries of a ledger, in SQL that both SQLite and PostgreSQL understand.

The result in force for an image, platform and profile is the newest that is not inconclusive, or
else the newest. An image is identified by its digest, or else its ID, or else its reference.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, and_, case, false, func, or_, select

from certify.ledger.schema import results_table
from certify.model.result import Image
from certify.model.terms import Status

ROW = results_table.c
NAMES = (ROW.reference, ROW.registry, ROW.repository, ROW.tag)
"""The columns about the reference; all other columns are about the image that it led to."""

_is_inconclusive = ROW.status == Status.INCONCLUSIVE.value
# After a failed pull nobody knows where a tag points now, even if the registry gave a digest.
_knows_its_image = or_(ROW.image_id.is_not(None), ROW.status != Status.INCONCLUSIVE.value)
_newest_first = (ROW.finished_at.desc(), ROW.id.desc())
_inconclusive_last = case((_is_inconclusive, 1), else_=0)


def results_of_references(
    profile: str | None, columns: Sequence[ColumnElement[Any]]
) -> Select[Any]:
    """Select, per reference, platform and profile, the result in force of its latest image.

    The result may have been recorded under another name of the same image. Each row has
    ``columns`` of the result, then :data:`NAMES` of the reference itself.
    """
    in_force = _first(
        (_inconclusive_last, *_newest_first), per=(ROW.identity, ROW.platform, ROW.profile)
    )
    # By number, not by time: what was recorded last shows where the tag points, as a tag may
    # move back to an image with older results.
    led_to = _first((ROW.id.desc(),), per=(ROW.reference, ROW.platform), where=_knows_its_image)
    last = results_table.alias("last")
    asked = (
        select(ROW.reference, ROW.platform, ROW.profile)
        .where(_knows_its_image, *_of(profile))
        .distinct()
        .subquery("asked")
    )
    return (
        select(*columns, *(last.c[name.name] for name in NAMES))
        .select_from(asked)
        .join(
            last, and_(last.c.reference == asked.c.reference, last.c.platform == asked.c.platform)
        )
        .join(led_to, and_(led_to.c.id == last.c.id, led_to.c.place == 1))
        .join(
            results_table,
            and_(
                ROW.identity == last.c.identity,
                ROW.platform == asked.c.platform,
                ROW.profile == asked.c.profile,
            ),
        )
        .join(in_force, and_(in_force.c.id == ROW.id, in_force.c.place == 1))
    )


def runs_without_image(profile: str | None, columns: Sequence[ColumnElement[Any]]) -> Select[Any]:
    """Select, per reference, platform and profile, the newest result that found no image."""
    newest = _first(
        _newest_first, per=(ROW.reference, ROW.platform, ROW.profile), where=~_knows_its_image
    )
    return (
        select(*columns)
        .join(newest, newest.c.id == ROW.id)
        .where(newest.c.place == 1, *_of(profile))
    )


def result_in_force(image: Image, profile: str, now: datetime) -> Select[Any]:
    """Select the result in force among those of one image that have not expired, if any."""
    names = [ROW.image_id == image.image_id] if image.image_id else []
    names += [ROW.digest == image.digest] if image.digest else []
    return (
        select(ROW.id, ROW.document)
        .where(or_(false(), *names), ROW.platform == (image.platform or ""))
        .where(*_of(profile), ROW.expires_at > now)
        .order_by(_inconclusive_last, *_newest_first)
        .limit(1)
    )


def history(reference: str) -> Select[Any]:
    """Select all results of a reference, newest first."""
    return select(ROW.id, ROW.document).where(ROW.reference == reference).order_by(*_newest_first)


def _first(
    order: Sequence[ColumnElement[Any]],
    *,
    per: Sequence[ColumnElement[Any]],
    where: ColumnElement[bool] | None = None,
) -> Subquery:
    """Return IDs with their ``place``, from 1, among the rows with the same ``per``."""
    place = func.row_number().over(partition_by=per, order_by=order)
    ranked = select(ROW.id, place.label("place"))
    return (ranked if where is None else ranked.where(where)).subquery()


def _of(profile: str | None) -> tuple[ColumnElement[bool], ...]:
    return () if profile is None else (ROW.profile == profile,)
