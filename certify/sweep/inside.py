"""What changed inside the images that a sweep found newly broken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from certify.judge.culprits import compare, summarized
from certify.ledger.changes import Change, ChangeKind
from certify.ledger.store import Ledger

MOST = 50
"""The most newly broken images that are explained; each costs a look into the ledger."""


def explained(ledger: Ledger, changes: Sequence[Change]) -> list[Change]:
    """Return the changes, newly broken images with what changed inside them.

    Raises :class:`~certify.model.errors.LedgerUnavailable`.
    """
    found, left = [], MOST
    for change in changes:
        if change.kind is ChangeKind.BROKEN and change.moved and left:
            left -= 1
            compared = compare(ledger.history(change.image.reference, change.image.key))
            inside = summarized(compared.inside or ()) if compared else ""
            change = replace(change, inside=inside)  # noqa: PLW2901 - the same, explained
        found.append(change)
    return found
