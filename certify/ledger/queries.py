"""The questions a ledger answers, as SQL that SQLite and PostgreSQL both understand."""

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
"""What a reference says; the rest of a result belongs to the image it led to."""

_is_inconclusive = ROW.status == Status.INCONCLUSIVE.value
# A pull that failed tells nothing about where a tag points, whatever the registry said before.
_knows_its_image = or_(ROW.image_id.is_not(None), ROW.status != Status.INCONCLUSIVE.value)
_newest_first = (ROW.finished_at.desc(), ROW.id.desc())
_answers_before_silence = case((_is_inconclusive, 1), else_=0)


def current(profile: str | None) -> Select[Any]:
    """Documents of the standing results: one per identity, platform and profile."""
    standing = _standing()
    return (
        select(ROW.id, ROW.document)
        .join(standing, standing.c.id == ROW.id)
        .where(standing.c.place == 1, *_of(profile))
        .order_by(ROW.reference, ROW.platform, ROW.profile, ROW.id)
    )


def pointed_at(
    profile: str | None, columns: Sequence[ColumnElement[Any]] = (ROW.id, ROW.document)
) -> Select[Any]:
    """For each reference, platform and profile: what stands for the image it last led to.

    Besides the columns asked for (of a result that may bear another name of the same image)
    each row carries the names of the reference itself.
    """
    standing = _standing()
    # What was recorded last, even if it is an older answer: a tag may have moved back.
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
        .join(standing, and_(standing.c.id == ROW.id, standing.c.place == 1))
    )


def never_reached(
    profile: str | None, columns: Sequence[ColumnElement[Any]] = (ROW.id, ROW.document)
) -> Select[Any]:
    """The newest result, per reference, platform and profile, of runs that found no image."""
    newest = _first(
        _newest_first, per=(ROW.reference, ROW.platform, ROW.profile), where=~_knows_its_image
    )
    return (
        select(*columns)
        .join(newest, newest.c.id == ROW.id)
        .where(newest.c.place == 1, *_of(profile))
    )


def standing_for(image: Image, profile: str, now: datetime) -> Select[Any]:
    """What stands for one image, under whatever name, and has not expired; at most one row."""
    names = [ROW.image_id == image.image_id] if image.image_id else []
    names += [ROW.digest == image.digest] if image.digest else []
    return (
        select(ROW.id, ROW.document)
        .where(or_(false(), *names), ROW.platform == (image.platform or ""))
        .where(*_of(profile), ROW.expires_at > now)
        .order_by(_answers_before_silence, *_newest_first)
        .limit(1)
    )


def history(reference: str) -> Select[Any]:
    """All documents of a reference, newest first."""
    return select(ROW.id, ROW.document).where(ROW.reference == reference).order_by(*_newest_first)


def _standing() -> Subquery:
    """Place 1: the newest result that says yes or no, or else the newest at all."""
    return _first(
        (_answers_before_silence, *_newest_first), per=(ROW.identity, ROW.platform, ROW.profile)
    )


def _first(
    order: Sequence[ColumnElement[Any]],
    *,
    per: Sequence[ColumnElement[Any]],
    where: ColumnElement[bool] | None = None,
) -> Subquery:
    """Ids with their place among those that share ``per``; the best has place 1."""
    place = func.row_number().over(partition_by=per, order_by=order)
    ranked = select(ROW.id, place.label("place"))
    return (ranked if where is None else ranked.where(where)).subquery()


def _of(profile: str | None) -> tuple[ColumnElement[bool], ...]:
    return () if profile is None else (ROW.profile == profile,)
