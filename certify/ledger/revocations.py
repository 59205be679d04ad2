"""Revocations in the ledger: who may not be run again stays so, whatever is swept or published."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, Row, Update, select

from certify.ledger.schema import revocations_table
from certify.model.approved import Revocation

ROW = revocations_table.c
_STANDS = ROW.lifted_at.is_(None)


class Revocations:
    """The revocations of one ledger. Every method raises `BadLedger` as the ledger does."""

    def __init__(
        self, engine: Engine, explained: Callable[[], AbstractContextManager[None]]
    ) -> None:
        self._engine = engine
        self._explained = explained

    def all(self) -> tuple[Revocation, ...]:
        """Those that stand: one for each digest, in the order of their digests."""
        query = select(revocations_table).where(_STANDS).order_by(ROW.digest, ROW.id)
        with self._explained(), self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return tuple({row.digest: _revocation(row) for row in rows}.values())

    def known(self) -> frozenset[str]:
        """Every digest that was ever revoked here, those that were lifted too."""
        with self._explained(), self._engine.connect() as connection:
            return frozenset(connection.scalars(select(ROW.digest).distinct()))

    def add(self, digest: str, reference: str, reason: str) -> Revocation:
        """Revoke a digest from now on; what stands for one that is revoked already is replaced."""
        now = datetime.now(UTC)
        row = {"digest": digest, "reference": reference, "reason": reason, "revoked_at": now}
        with self._explained(), self._engine.begin() as connection:
            connection.execute(_lifting(digest, "revoked again", now))
            connection.execute(revocations_table.insert().values(row))
        return Revocation.model_validate(row)

    def lift(self, digest: str, reason: str) -> Revocation | None:
        """End a revocation, and keep why: the one that stood; null if none did."""
        query = select(revocations_table).where(ROW.digest == digest, _STANDS).order_by(ROW.id)
        with self._explained(), self._engine.begin() as connection:
            rows = connection.execute(query).all()
            connection.execute(_lifting(digest, reason, datetime.now(UTC)))
        return _revocation(rows[-1]) if rows else None


def _lifting(digest: str, because: str, at: datetime) -> Update:
    found = revocations_table.update().where(ROW.digest == digest, _STANDS)
    return found.values(lifted_at=at, lifted_because=because)


def _revocation(row: Row[Any]) -> Revocation:
    return Revocation(
        digest=row.digest, reference=row.reference, reason=row.reason, revoked_at=row.revoked_at
    )
