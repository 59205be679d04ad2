"""Results in force, as much of them as the plan of a sweep needs."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from sys import intern

from sqlalchemy import Connection

from certify.ledger import queries
from certify.ledger.queries import ROW
from certify.model.result_key import ResultKey
from certify.model.terms import Status


@dataclass(frozen=True, slots=True)
class ResultInForce:
    """The result in force for one reference, platform and profile, without its checks."""

    reference: str
    profile: str
    platform: str
    digest: str
    """The digest, or else the image ID, or else the reference: no image is known."""
    status: Status
    suite_digest: str
    host_class: str
    """The kind of host (:attr:`certify.model.result.Host.kind`); empty if unknown."""
    finished_at: datetime
    expires_at: datetime

    @property
    def key(self) -> ResultKey:
        """The reference, platform and profile."""
        return ResultKey(self.reference, self.platform, self.profile)


def read_in_force(connection: Connection, hosts: Collection[str] = ()) -> list[ResultInForce]:
    """Return the results in force of all references, platforms and profiles.

    One of the kinds of ``hosts`` comes before those of others.
    """
    columns = (
        ROW.identity, ROW.platform, ROW.profile, ROW.status, ROW.suite_digest,
        ROW.host_class, ROW.finished_at, ROW.expires_at,
    )  # fmt: skip
    # By position: two columns are called `reference`, the result's and the reference's own.
    return [
        ResultInForce(
            reference=row[len(columns)],
            profile=intern(row.profile),
            platform=intern(row.platform),
            digest=row.identity,
            status=Status(row.status),
            suite_digest=intern(row.suite_digest),
            host_class=intern(row.host_class),
            finished_at=row.finished_at,
            expires_at=row.expires_at,
        )
        for row in connection.execute(queries.results_of_references(None, columns, hosts=hosts))
    ]
