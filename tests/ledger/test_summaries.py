"""Summaries of results: tables are the same as from whole ones, and small."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from itertools import islice

import pytest
from rich.console import Console
from sqlalchemy import event, text

from certify.approved.approval import approve
from certify.approved.policy import Policy
from certify.ledger import summaries
from certify.ledger.changes import sweep_entry
from certify.ledger.store import Ledger
from certify.model.result import AppliedWaiver, Result
from certify.publish.badge import total_badge_files
from certify.publish.indexes import index_verdicts
from certify.publish.matrix import matrix_json, matrix_markdown, print_matrix
from certify.publish.matrix_csv import matrix_csv
from certify.publish.metrics import image_metrics
from certify.publish.recommendations import add_recommendations
from certify.publish.site.build import rows_file
from certify.signing.statements import result_statement
from certify.util.packing import unpack
from certify.util.text import one_line
from tests.factories import NOON, many
from tests.stories.browser.hostile import hostile


def waived(result: Result) -> Result:
    waiver = AppliedWaiver(reason="a\u202eb", owner="me", expires=NOON)
    checks = (result.checks[0].model_copy(update={"waiver": waiver}), *result.checks[1:])
    image = result.image.model_copy(
        update={
            "reference": "w:1", "platforms": ("linux/amd64", "linux/arm64"),
            "rival_manifests": ("sha256:1", "sha256:2"),
        }
    )  # fmt: skip
    launch = result.launch.model_copy(update={"kind": "idle", "missing": ("dockerd", "systemd")})
    return result.model_copy(update={"image": image, "checks": checks, "launch": launch})


RESULTS = [
    Result.model_validate_json(each.model_dump_json(by_alias=True))  # as a ledger has it
    for each in (*many(40), *map(hostile, range(4)), waived(next(many(1))))
]


def short(result: Result) -> Result:
    names = result.image.model_dump(include=set(summaries.NAMES))
    found = summaries.read(summaries.text_of(result), names)
    assert found is not None
    return found


def in_terminal(results: list[Result]) -> str:
    file = io.StringIO()
    print_matrix(results, Console(file=file, width=180), now=NOON)
    return file.getvalue()


def approved(results: list[Result], policy: Policy) -> object:
    images, excluded = approve(policy, enumerate(results), (), NOON)
    return images, [(each.key, one_line(each.reason)) for each in excluded]


@pytest.mark.parametrize(
    "render",
    [
        lambda results: [*matrix_json(results, NOON)],
        lambda results: matrix_markdown(results, NOON),
        lambda results: matrix_csv(results, NOON),
        in_terminal,
        lambda results: [*image_metrics(results)],
        lambda results: [result_statement(each) for each in results],
        lambda results: [*rows_file(results, NOON)[1]],
        lambda results: [*total_badge_files(results, NOON)],
        index_verdicts,
        lambda results: approved(results, Policy()),
        lambda results: approved(results, Policy(min_runs=4, waivers=False, max_age_days=1)),
        lambda results: [
            replace(each, cause=one_line(each.cause, 300)) for each in map(sweep_entry, results)
        ],
        lambda results: [
            each.recommendation for each in add_recommendations(results, results, NOON)
        ],
    ],
)  # fmt: skip
def test_tables_are_the_same_as_from_whole_results(
    render: Callable[[list[Result]], object],
) -> None:
    assert render([short(each) for each in RESULTS]) == render(RESULTS)


def test_a_summary_is_small_whatever_the_image_printed() -> None:
    assert len(summaries.text_of(hostile(3))) < 50_000
    texts = [summaries.text_of(each) for each in many(200)]
    assert sum(map(len, texts)) / 200 < 2_500
    tracemalloc.start()
    kept = [summaries.read(each, {"reference": str(n)}) for n, each in enumerate(texts)]
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert None not in kept
    assert size / len(kept) < 5_000, "and most of that are the outcomes of checks"


def test_summaries_are_read_instead_of_documents(ledger: Ledger) -> None:
    results = list(islice(many(5), 5))
    for each in results:
        ledger.record(each)
    queries: list[str] = []
    event.listen(
        ledger._database.engine, "before_cursor_execute", lambda *call: queries.append(call[2])
    )
    rows = ledger.matrix_rows()
    found = [result for _, result in ledger.summaries(rows)]
    assert [each.image.reference for each in found] == [row.key.reference for row in rows]
    assert not [query for query in queries if "document" in query]


@pytest.mark.parametrize(
    "old",
    [
        "NULL",
        "'0'",
        "'1\n[]\n{}'",
        "'2\n[]\n{}'",
        "'2\n['",
        "'3\n\n{}'",
        "'3\nx\n{}'",
        "'3\neJw=\n{}'",
    ],
)
def test_a_summary_of_another_certify_is_made_from_its_document(ledger: Ledger, old: str) -> None:
    for each in many(2):
        ledger.record(each)
    before = [result for _, result in ledger.summaries(ledger.matrix_rows())]
    with ledger._database.writing() as connection:
        connection.execute(text(f"UPDATE certify_results SET summary = {old} WHERE id = 1"))
    assert [result for _, result in ledger.summaries(ledger.matrix_rows())] == before


def test_outcomes_that_an_older_certify_did_not_pack_are_read() -> None:
    result = next(many(1))
    _, packed, rest = summaries.text_of(result).split("\n", 2)
    older = f"2\n{unpack(packed, 100_000)}\n{rest}"
    assert summaries.read(older, result.image.model_dump(include=set(summaries.NAMES))) == short(
        result
    )


def test_equal_outcomes_are_one_object() -> None:
    one, other = (short(next(many(1))) for _ in range(2))
    assert one.checks is other.checks
