"""Options that several commands share, and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from certify.cli.exits import CERTIFIED as CERTIFIED
from certify.cli.exits import INCONCLUSIVE as INCONCLUSIVE
from certify.cli.exits import REJECTED as REJECTED
from certify.judge.waivers import Waiver, parse_waivers
from certify.ledger.store import Ledger
from certify.model.errors import BadWaivers
from certify.suite.catalogue import known_check_ids
from certify.util.files import read_text
from certify.util.signals import interruptible as interruptible

F = TypeVar("F", bound=Callable[..., Any])


def reports_options(function: F) -> F:
    """``--reports`` and ``--ledger``: where results are read and written."""
    function = click.option(
        "--ledger",
        metavar="URL",
        help="Database of certificates; default: certify.db in the reports folder.",
    )(function)
    return click.option(
        "--reports",
        type=click.Path(file_okay=False, path_type=Path),
        default=Path("reports"),
        show_default=True,
        help="Folder for reports.",
    )(function)


def open_ledger(url: str | None, reports: Path, *, make: bool = True) -> Ledger:
    """The ledger that was named, or the one in the reports folder; made if it is not there.

    Who only reads makes none: raises :class:`~certify.model.errors.NothingRecorded`.
    """
    return Ledger.open(url or str(reports / "certify.db"), make=make)


def read_waivers(path: Path, own_checks: Path | None) -> tuple[Waiver, ...]:
    """Read a file of waivers; they may also name checks of the folder ``own_checks``.

    Raises :class:`BadWaivers` if the file cannot be read, or with every problem in it.
    """
    remedy = "Name a TOML file of waivers."
    text = read_text(path, BadWaivers, option="--waivers", remedy=remedy)
    return parse_waivers(text, str(path), known_check_ids(own_checks))
