"""``certify matrix``."""

from __future__ import annotations

from pathlib import Path

import pytest

from certify.ledger.store import Ledger
from tests.conftest import Certify


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "no results\n"),
        (["--profile", "plain"], "no results\n"),
        (["--format", "json"], '{\n  "schema": "certify/matrix/v1",\n  "rows": []\n}\n'),
        (["--format", "markdown"], "# Compatibility matrix\n\nno results\n"),
    ],
)
def test_the_matrix_of_an_empty_ledger(
    certify: Certify, tmp_path: Path, words: list[str], said: str
) -> None:
    Ledger.open(str(tmp_path / "reports" / "certify.db")).close()
    shown = certify("matrix", *words)
    assert (shown.code, shown.out, shown.err) == (0, said, "")
