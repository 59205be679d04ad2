"""The queries of a ledger, in SQL that both SQLite and PostgreSQL understand.

The result in force for an image, platform and profile is the last recorded that is not
inconclusive, or else the last recorded: the order of recording decides, which is that of the
numbers, and no host's clock. Where kinds of hosts are given, one of theirs comes before those of
others. An image is identified by its digest, or else its ID, or else its reference.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, case, false, func, or_, select

from certify.ledger.schema import results_table
from certify.model.result import Image
from certify.model.result_key import ResultKey
from certify.model.terms import Status

ROW = results_table.c
NAMES = (ROW.reference, ROW.registry, ROW.repository, ROW.tag)
"""The columns about the reference; all other columns are about the image that it led to."""

_INCONCLUSIVE = Status.INCONCLUSIVE.value


def knows_its_image(results: FromClause) -> ColumnElement[bool]:
    """Return the condition that a result tells where its tag points.

    After a failed pull nobody knows that, even if the registry gave a digest.
    """
    return or_(results.c.image_id.is_not(None), results.c.status != _INCONCLUSIVE)


_knows_its_image = knows_its_image(results_table)


def _standing_first(
    results: FromClause, hosts: Collection[str] = ()
) -> tuple[ColumnElement[Any], ...]:
    """Return the order in which the first result of an image is the one in force."""
    own = [case((results.c.host_class.in_(hosts), 0), else_=1)] if hosts else []
    return *own, case((results.c.status == _INCONCLUSIVE, 1), else_=0), results.c.id.desc()


def results_of_references(
    profile: str | None,
    columns: Sequence[ColumnElement[Any]],
    references: Collection[str] | None = None,
    hosts: Collection[str] = (),
) -> Select[Any]:
    """Select, per reference, platform and profile, the result in force of its latest image.

    The result may have been recorded under another name of the same image; one of the kinds of
    ``hosts`` comes before all others. Each row has ``columns`` of the result, then :data:`NAMES` of
    the reference itself.

    Every step is a lookup in an index, so the cost grows in a line with the number of names,
    whatever a database's statistics make its planner believe.
    """
    asked = (
        select(ROW.reference, ROW.platform, ROW.profile)
        .where(_knows_its_image, *_of(profile, references))
        .distinct()
        .subquery("asked")
    )
    seen = results_table.alias("seen")
    last_id = (
        select(seen.c.id)
        .where(seen.c.reference == asked.c.reference, seen.c.platform == asked.c.platform)
        .where(knows_its_image(seen))
        .order_by(seen.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    last = results_table.alias("last")
    image = (
        select(last.c.identity, asked.c.platform, asked.c.profile)
        .add_columns(*(last.c[name.name] for name in NAMES))
        .select_from(asked)
        .join(last, last.c.id == last_id)
        .subquery("image")
    )
    other = results_table.alias("other")
    in_force_id = (
        select(other.c.id)
        .where(
            other.c.identity == image.c.identity,
            other.c.platform == image.c.platform,
            other.c.profile == image.c.profile,
        )
        .order_by(*_standing_first(other, hosts))
        .limit(1)
        .scalar_subquery()
    )
    return (
        select(*columns, *(image.c[name.name] for name in NAMES))
        .select_from(image)
        .join(results_table, ROW.id == in_force_id)
    )


def runs_without_image(
    profile: str | None,
    columns: Sequence[ColumnElement[Any]],
    references: Collection[str] | None = None,
) -> Select[Any]:
    """Select, per reference, platform and profile, the last result that found no image."""
    last = (
        select(func.max(ROW.id))
        .where(~_knows_its_image, *_of(profile, references))
        .group_by(ROW.reference, ROW.platform, ROW.profile)
    )
    return select(*columns).where(ROW.id.in_(last))


def result_in_force(image: Image, profile: str, now: datetime) -> Select[Any]:
    """Select the result in force among those of one image that have not expired, if any."""
    names = [ROW.image_id == image.image_id] if image.image_id else []
    names += [ROW.digest == image.digest] if image.digest else []
    return (
        select(ROW.id, ROW.document)
        .where(or_(false(), *names), ROW.platform == (image.platform or ""))
        .where(*_of(profile), ROW.expires_at > now)
        .order_by(*_standing_first(results_table))
        .limit(1)
    )


def history(reference: str, key: ResultKey | None = None) -> Select[Any]:
    """Select all results of a reference, or of one key of it, the last recorded first."""
    query = select(ROW.id, ROW.document).where(ROW.reference == reference)
    if key is not None:
        query = query.where(ROW.profile == key.profile, ROW.platform == key.platform)
    return query.order_by(ROW.id.desc())


def recently_certified(profile: str, count: int) -> Select[Any]:
    """Select the references of the last ``count`` certificates of a profile."""
    return (
        select(ROW.reference)
        .where(ROW.profile == profile, ROW.status == Status.CERTIFIED.value)
        .order_by(ROW.id.desc())
        .limit(count)
    )


def _of(
    profile: str | None, references: Collection[str] | None = None
) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions on profile and reference; None stands for no condition."""
    of_profile = () if profile is None else (ROW.profile == profile,)
    return of_profile if references is None else (*of_profile, ROW.reference.in_(references))
