"""The tables of a ledger, and their creation in a new or older database.

A result is stored whole, as the compressed JSON of ``certify run --format json``; the other
columns repeat fields to search and sort by. Nothing here is particular to SQLite.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    Column,
    Connection,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    func,
    inspect,
    select,
)
from sqlalchemy.schema import CreateIndex, CreateTable

from certify.ledger.migrations import migrate
from certify.model.errors import LedgerUnavailable
from certify.util.packing import pack, unpack

VERSION = 10
"""The version of the tables below. A ledger with a higher version was written by a newer certify.
One with a lower version is migrated when it is opened (:mod:`certify.ledger.migrations`).
"""
LARGEST = 64 * 1024 * 1024
"""The most bytes of a result's JSON that are read; those of hostile images have some 100 kB."""


class UtcMoment(TypeDecorator[datetime]):
    """A moment that is stored and read in UTC, so that all databases sort it correctly.

    SQLite stores no time zone and compares text; a moment without a zone is refused.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert to UTC. Raises ValueError for a moment without a time zone."""
        if value is not None and value.tzinfo is None:
            raise ValueError(f"a moment without a time zone cannot be recorded: {value}")
        return value and value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the moment in UTC; SQLite returns it without a time zone."""
        if value is not None and value.tzinfo is None:
            return value.replace(tzinfo=UTC)
        return value and value.astimezone(UTC)


class CompressedText(TypeDecorator[str]):
    """JSON that is stored compressed, in base64; older ledgers have it as it is.

    A document of 20 kB takes 3 kB, and 0.2 ms. One that would be larger than :data:`LARGEST` is
    damaged, or meant to fill the memory of whoever reads it.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Compress a text."""
        return value and pack(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """Return the text; what is no compressed text of a sane size is returned as it is."""
        if value is None or value.startswith("{"):
            return value
        try:
            return unpack(value, LARGEST)
        except ValueError:
            return value  # whoever parses it tells that it is damaged


METADATA = MetaData()

schema_table = Table(
    "certify_schema",
    METADATA,
    Column("version", Integer, primary_key=True, autoincrement=False),
)

results_table = Table(
    "certify_results",
    METADATA,
    Column("id", Integer, primary_key=True),
    # the digest, or else the image ID, or else the reference
    Column("identity", String, nullable=False),
    Column("reference", String, nullable=False),
    Column("registry", String),
    Column("repository", String),
    Column("tag", String),
    Column("digest", String),
    Column("image_id", String),
    # '' if unknown, because NULL could not be compared and grouped
    Column("platform", String, nullable=False),
    Column("profile", String, nullable=False),
    Column("status", String, nullable=False),
    Column("grade", String),
    Column("boot_seconds", Float),
    Column("started_at", UtcMoment, nullable=False),
    Column("finished_at", UtcMoment, nullable=False),
    Column("expires_at", UtcMoment, nullable=False),
    Column("suite_digest", String, nullable=False),
    # the kind of host; '' if there was none
    Column("host_class", String, nullable=False),
    # of the document, for tables (certify.ledger.summaries); NULL if an older certify wrote it.
    # Before the document, beyond which SQLite would have to read to find it.
    Column("summary", Text),
    Column("document", CompressedText, nullable=False),
    # a name for one act of recording, the same in every ledger that has the result
    Column("recording", String),
    # These two answer without the rows, most of which are documents: the result in force of an
    # image, and which names there are, with their histories.
    Index("certify_by_content", "identity", "platform", "profile", "status", "host_class", "id"),
    Index(
        "certify_by_key", "reference", "platform", "profile", "finished_at", "status", "image_id"
    ),
    Index("certify_by_name", "reference", "platform", "id"),
    Index("certify_by_digest", "digest"),
    Index("certify_by_image_id", "image_id"),
    Index("certify_by_recording", "recording", unique=True),
    Index("certify_by_host", "host_class"),
)

sweeps_table = Table(
    "certify_sweeps",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("source", String, nullable=False),
    # as in 3/8; '' for a sweep of a whole list
    Column("shard", String, nullable=False, server_default=""),
    # the sweep of the whole list that has taken in this one of a shard
    Column("joined", Integer),
    # the process that runs it, to recognise a sweep whose process was killed
    Column("owner", String, nullable=False),
    Column("started_at", UtcMoment, nullable=False),
    Column("finished_at", UtcMoment),
)

# The last heartbeat of each running sweep, for sweeps of other machines.
beats_table = Table(
    "certify_beats",
    METADATA,
    Column("sweep", Integer, primary_key=True, autoincrement=False),
    Column("at", UtcMoment, nullable=False),
)

# What running sweeps certify at this moment (certify.ledger.claims).
claims_table = Table(
    "certify_claims",
    METADATA,
    Column("identity", String, primary_key=True),
    Column("platform", String, primary_key=True),
    Column("profile", String, primary_key=True),
    Column("suite_digest", String, primary_key=True),
    Column("host_class", String, primary_key=True),
    Column("sweep", Integer, nullable=False),
)

swept_table = Table(
    "certify_swept",
    METADATA,
    Column("sweep", Integer, ForeignKey("certify_sweeps.id"), primary_key=True),
    Column("reference", String, primary_key=True),
    Column("platform", String, primary_key=True),
    Column("profile", String, primary_key=True),
    Column("identity", String, nullable=False),
    Column("status", String, nullable=False),
    Column("grade", String),
    Column("boot_seconds", Float),
    Column("cause", String, nullable=False),
    # that of the result if it was new; '' if it stood before
    Column("recording", String, nullable=False, server_default=""),
    # of a result that is recorded nowhere else; '' if it is, or if no shard was swept
    Column("document", Text, nullable=False, server_default=""),
)

revocations_table = Table(
    "certify_revocations",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("digest", String, nullable=False),
    Column("reference", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("revoked_at", UtcMoment, nullable=False),
    # NULL while it is in force; no row is ever deleted
    Column("lifted_at", UtcMoment),
    Column("lifted_because", Text),
)


def clock_of(connection: Connection) -> datetime:
    """Return the moment by the database's own clock, which all hosts of a ledger share."""
    if connection.dialect.name == "sqlite":  # it has this host's, and tells whole seconds
        return datetime.now(UTC)
    now = connection.scalar(select(func.now(type_=UtcMoment())))
    assert isinstance(now, datetime)
    return now


def version_of(connection: Connection) -> int | None:
    """Return the version of the ledger's tables, or None if there is no ledger yet."""
    if not inspect(connection).has_table(schema_table.name):
        return None
    return connection.scalar(select(schema_table.c.version))


def create(connection: Connection) -> None:
    """Create or migrate the tables, within the open transaction of the connection.

    Raises :class:`LedgerUnavailable` if an SQLite file has tables of another program; a database
    on a server may be shared.
    """
    # The first statement writes, so it waits for another process that creates the same ledger.
    connection.execute(CreateTable(schema_table, if_not_exists=True))
    foreign = set(inspect(connection).get_table_names()) - set(METADATA.tables)
    if foreign and connection.dialect.name == "sqlite":
        raise LedgerUnavailable(
            f"not certify's: it holds the tables {', '.join(sorted(foreign)[:3])}",
            remedy="Name another file with --ledger.",
        )
    for table in METADATA.sorted_tables:
        connection.execute(CreateTable(table, if_not_exists=True))
    before = version_of(connection)
    if before is not None and before < VERSION:
        migrate(connection, before)
    for index in sorted(results_table.indexes, key=lambda index: str(index.name)):
        connection.execute(CreateIndex(index, if_not_exists=True))
    if before is None:
        connection.execute(schema_table.insert().values(version=VERSION))
    elif before < VERSION:
        connection.execute(schema_table.update().values(version=VERSION))
