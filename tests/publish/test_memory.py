"""Memory grows by a few kilobytes with each image, and tables are made from summaries."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import event

from certify.approved.policy import Policy
from certify.approved.publication import publish
from certify.ledger.rows import row_of
from certify.ledger.schema import results_table
from certify.ledger.store import Ledger
from certify.publish import freshness, writer
from certify.publish.matrix import matrix_json
from certify.util.files import write_atomically
from tests.factories import NOW, digest, result_of

SMALL, LARGE = 300, 500
TEMPLATES = 100


def fill(ledger: Ledger, count: int) -> None:
    """Record images that share their verdicts, as those of a registry do."""
    templates = [row_of(result_of(n, NOW)) for n in range(TEMPLATES)]
    rows = []
    for number in range(count):
        row, name = templates[number % TEMPLATES], f"registry.example/team/app:{number}"
        own = {"reference": name, "tag": str(number), "recording": name}
        own |= dict.fromkeys(("identity", "digest", "image_id"), digest(number))
        texts = {
            text: row[text].replace(row["digest"], digest(number))
            for text in ("summary", "document")
        }  # fmt: skip
        rows.append(row | own | texts)
    with ledger._database.writing() as connection:
        connection.execute(results_table.insert(), rows)


def matrix(ledger: Ledger, folder: Path) -> None:
    results = [short for _, short in ledger.summaries(ledger.matrix_rows())]
    write_atomically(folder / "matrix.json", matrix_json(results, NOW))


def report(ledger: Ledger, folder: Path) -> None:
    writer.update_reports(folder, ledger, now=NOW)


def published(ledger: Ledger, folder: Path) -> None:
    publish(folder, ledger, Policy(), dry_run=True)


def peak(command: Callable[[Ledger, Path], None], folder: Path, count: int) -> int:
    """Return the most bytes that a command holds; fail if it reads a document."""
    with Ledger.open(str(folder / f"{count}.db")) as ledger:
        fill(ledger, count)
        queries: list[str] = []
        event.listen(
            ledger._database.engine, "before_cursor_execute", lambda *call: queries.append(call[2])
        )
        tracemalloc.start()
        command(ledger, folder / str(count))
        _, found = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert not [query for query in queries if "document" in query]
    return found


@pytest.mark.parametrize(
    ("command", "most"), [(matrix, 2_500), (report, 3_500), (published, 3_500)]
)
def test_memory_grows_by_a_few_kilobytes_with_an_image(
    command: Callable[[Ledger, Path], None],
    most: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        freshness, "outdated", lambda *_: (set(), set())
    )  # the pages of images are there
    peak(command, tmp_path, 2)  # which fills caches
    peak(command, tmp_path, TEMPLATES)
    small, large = (peak(command, tmp_path, count) for count in (SMALL, LARGE))
    assert (large - small) / (LARGE - SMALL) < most
