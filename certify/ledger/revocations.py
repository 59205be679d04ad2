"""Revocations in the ledger: images that must not be run again, with the reasons."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, Update, select

from certify.ledger.database import LedgerPart
from certify.ledger.schema import revocations_table
from certify.model.approved import Revocation

ROW = revocations_table.c
FIELDS = ("digest", "reference", "reason", "revoked_at", "lifted_at", "lifted_because")
_IN_FORCE = ROW.lifted_at.is_(None)


class Revocations(LedgerPart):
    """The revocations of one ledger."""

    def in_force(self) -> tuple[Revocation, ...]:
        """Return the revocations in force, one per digest, ordered by digest."""
        query = select(revocations_table).where(_IN_FORCE).order_by(ROW.digest, ROW.id)
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return tuple({row.digest: _revocation(row) for row in rows}.values())

    def all_digests(self) -> frozenset[str]:
        """Return every digest that was ever revoked, whether lifted since or not."""
        with self._database.reading() as connection:
            return frozenset(connection.scalars(select(ROW.digest).distinct()))

    def everything(self) -> list[dict[str, Any]]:
        """Return all that was ever revoked, the first at first."""
        columns = [ROW[name] for name in FIELDS]
        with self._database.reading() as connection:
            found = connection.execute(select(*columns).order_by(ROW.id)).mappings()
            return [dict(each) for each in found]

    def add(self, digest: str, reference: str, reason: str) -> Revocation:
        """Revoke a digest from now on; a revocation already in force is replaced."""
        now = datetime.now(UTC)
        row = {"digest": digest, "reference": reference, "reason": reason, "revoked_at": now}
        with self._database.writing() as connection:
            connection.execute(_lifting(digest, "revoked again", now))
            connection.execute(revocations_table.insert().values(row))
        return Revocation.model_validate(row)

    def lift(self, digest: str, reason: str) -> Revocation | None:
        """End a revocation, record the reason, and return it; None if none was in force."""
        query = select(revocations_table).where(ROW.digest == digest, _IN_FORCE).order_by(ROW.id)
        with self._database.writing() as connection:
            rows = connection.execute(query).all()
            connection.execute(_lifting(digest, reason, datetime.now(UTC)))
        return _revocation(rows[-1]) if rows else None


def _lifting(digest: str, reason: str, at: datetime) -> Update:
    found = revocations_table.update().where(ROW.digest == digest, _IN_FORCE)
    return found.values(lifted_at=at, lifted_because=reason)


def _revocation(row: Row[Any]) -> Revocation:
    return Revocation(
        digest=row.digest, reference=row.reference, reason=row.reason, revoked_at=row.revoked_at
    )


def take_in(connection: Connection, revocation: Mapping[str, Any]) -> None:
    """Add a revocation of another ledger, or learn from it that one was lifted."""
    same = ROW.digest == revocation["digest"], ROW.revoked_at == revocation["revoked_at"]
    if connection.scalar(select(ROW.id).where(*same)) is None:
        fields = {name: revocation[name] for name in FIELDS}
        connection.execute(revocations_table.insert().values(fields))
    elif revocation["lifted_at"] is not None:
        lifted = {name: revocation[name] for name in ("lifted_at", "lifted_because")}
        connection.execute(revocations_table.update().where(*same, _IN_FORCE).values(lifted))
