"""Memory grows by a few kilobytes with each image, and tables are made from summaries."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import ExitStack
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


@pytest.fixture(scope="module")
def ledgers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[int, Ledger]]:
    """Ledgers by the number of their images."""
    folder = tmp_path_factory.mktemp("ledgers")
    with ExitStack() as stack:
        opened = {}
        for count in (SMALL, LARGE):
            opened[count] = stack.enter_context(Ledger.open(str(folder / f"{count}.db")))
            fill(opened[count], count)
        yield opened


def peak(command: Callable[[Ledger, Path], None], ledger: Ledger, folder: Path) -> int:
    """Return the most bytes that a command holds, whenever garbage is collected."""
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        command(ledger, folder)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        gc.enable()


@pytest.mark.parametrize(
    ("command", "most"), [(matrix, 2_700), (report, 2_700), (published, 2_500)]
)
def test_memory_grows_by_a_few_kilobytes_with_an_image(
    command: Callable[[Ledger, Path], None],
    most: int,
    ledgers: dict[int, Ledger],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(freshness, "outdated", lambda *_: (set(), set()))  # pages are there
    queries: list[str] = []
    for ledger in ledgers.values():
        event.listen(
            ledger._database.engine, "before_cursor_execute", lambda *call: queries.append(call[2])
        )
    for count, ledger in ledgers.items():
        command(ledger, tmp_path / f"first-{count}")  # which fills caches, its own, too
    small, large = (peak(command, each, tmp_path / str(n)) for n, each in ledgers.items())
    assert (large - small) / (LARGE - SMALL) < most
    assert queries
    assert not [query for query in queries if "document" in query]
