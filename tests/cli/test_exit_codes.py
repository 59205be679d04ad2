"""Exit codes."""

from __future__ import annotations

import pytest

from certify.cli.exit_codes import exit_code
from certify.model.terms import Status


@pytest.mark.parametrize(
    ("statuses", "code"),
    [
        ([], 3),
        ([Status.CERTIFIED], 0),
        ([Status.CERTIFIED, Status.INCONCLUSIVE], 3),
        ([Status.INCONCLUSIVE, Status.REJECTED, Status.CERTIFIED], 1),
    ],
)
def test_the_worst_status_counts(statuses: list[Status], code: int) -> None:
    assert exit_code(statuses) == code
