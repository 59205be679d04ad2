"""The options ``--reports``, ``--ledger`` and ``--layout``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from certify.cli.output import inform
from certify.cli.parameters import grouped
from certify.model.errors import UsageError

if TYPE_CHECKING:
    from certify.ledger.store import Ledger
    from certify.model.file_names import Layout


@dataclass(frozen=True, slots=True)
class Storage:
    """The folder for reports and the ledger of a command."""

    reports: Path
    ledger: str | None
    """A URL or a file; None means ``certify.db`` in the folder for reports."""
    layout: Layout | None = None
    """The layout of the files about single images; None keeps the one that is there."""

    def open_ledger(self, *, create: bool = True) -> Ledger:
        """Open the ledger, and record what an earlier command could not.

        Without ``create``, raises :class:`~certify.model.errors.NothingRecorded` if it does not
        exist.
        """
        # Imported here, because help needs no database.
        from certify.ledger.outbox import FOLDER, Outbox, take_in  # noqa: PLC0415
        from certify.ledger.store import Ledger  # noqa: PLC0415

        url = self.ledger or str(self.reports / "certify.db")
        ledger = Ledger.open(url, make=create, warn=inform)
        for line in take_in(Outbox(self.reports / FOLDER, ledger.name), ledger):
            inform(line)
        return ledger


def not_recorded(name: str) -> UsageError:
    """Return the error for an image, or several, of which the ledger has no result."""
    return UsageError(
        f"No result is recorded for {name}.", remedy="`certify matrix` lists the recorded images."
    )


_OPTIONS = (
    click.option(
        "--reports", type=click.Path(file_okay=False, path_type=Path), default=Path("reports"),
        show_default=True, help="Folder for reports.",
    ),
    click.option(
        "--ledger", metavar="URL",
        help="Database of certificates; default: certify.db in the reports folder.",
    ),
)  # fmt: skip
storage_options = grouped("storage", Storage, *_OPTIONS)
"""Adds the options; the command gets a :class:`Storage` as ``storage``."""
writing_options = grouped(
    "storage",
    Storage,
    *_OPTIONS,
    click.option(
        "--layout", type=click.Choice(["flat", "folders"]),
        help="Files of images side by side, or in 256 folders; default: as they are, or flat.",
    ),
)  # fmt: skip
"""The same for commands that write the files of all images, with their layout."""
