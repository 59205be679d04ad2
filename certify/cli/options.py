"""Options that several commands share, and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from certify.cli.exits import CERTIFIED as CERTIFIED
from certify.cli.exits import INCONCLUSIVE as INCONCLUSIVE
from certify.cli.exits import REJECTED as REJECTED
from certify.judge.waivers import Waiver, parse
from certify.ledger.store import Ledger
from certify.model.errors import BadWaivers
from certify.suite.catalogue import known_ids
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
    """The waivers of a file; ``own_checks`` is the folder of checks that they may name too.

    Raises :class:`BadWaivers` for a file that cannot be read, and for all that is wrong in it.
    """
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise BadWaivers(
            f"--waivers {path}: {error.strerror or error}", remedy="Name a TOML file of waivers."
        ) from error
    except UnicodeDecodeError as error:
        raise BadWaivers(f"--waivers {path}: this is not text in UTF-8: {error}") from error
    return parse(text, str(path), known_ids(own_checks))
