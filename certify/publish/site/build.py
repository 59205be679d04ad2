"""The files of the site, as names below the reports folder and their contents."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import cache
from importlib import resources
from itertools import chain
from pathlib import Path

from certify.judge.culprits import Comparison
from certify.ledger.changes import Change
from certify.ledger.matrix_rows import HistoryPoint
from certify.model.file_names import Layout, certificate_stem
from certify.model.result import Result
from certify.model.result_key import ResultKey
from certify.publish.best_for import best_for
from certify.publish.host_note import host_note
from certify.publish.site.environment import TEMPLATES
from certify.publish.site.pages import (
    LastSweep,
    compare_page,
    image_page,
    index_page,
    suggest_page,
)
from certify.publish.site.rows import FIELDS, bases_of, details_of, ids_of, row_of
from certify.util.text import one_line, safe_json

STATIC = Path(__file__).parent / "static"


def image_files(
    result: Result,
    past: Sequence[HistoryPoint],
    now: datetime,
    compared: Comparison | None = None,
    layout: Layout = "flat",
) -> Iterator[tuple[str, str]]:
    """Yield the page of a result, and a script with the details of checks that did not pass.

    ``past`` has the earlier results under its name, oldest first; ``compared`` is what
    changed inside the image since its last certificate.
    """
    name = certificate_stem(result, layout)
    yield f"images/{name}.html", image_page(result, name, past, now, compared)
    details = details_of(result)
    if details:
        yield f"images/{name}.js", _script(f"certifyDetails({_in_script(name)},", details)


def rows_file(
    results: Sequence[Result],
    now: datetime,
    stems: Sequence[str] = (),
    runs: Sequence[str] = (),
    layout: Layout = "flat",
) -> tuple[str, Iterator[str]]:
    """Return the name of the script with all rows of the matrix, and the script in parts.

    A row has a letter per check, sorted by group. ``stems`` are the names of the files of each
    result, if they are known, and ``runs`` its last verdicts; certificates that have expired by
    ``now`` are best for nothing.
    """
    different = dict.fromkeys(ids_of(result.checks) for result in results)
    found = dict.fromkeys(chain.from_iterable(different))
    groups = {name: place for place, name in enumerate(dict.fromkeys(map(_group, found)))}
    ids = tuple(sorted(found, key=lambda check_id: groups[_group(check_id)]))
    stems = stems or [certificate_stem(each, layout) for each in results]
    runs = runs or [""] * len(results)
    bases = bases_of(stems, results)
    rows = (
        row_of(each, stem, ids, last, bases.get(stem, ""), host_note(each, now))
        for each, stem, last in zip(results, stems, runs, strict=True)
    )
    best = [
        [each.use, one_line(each.platform), certificate_stem(each.result, layout),
         one_line(each.result.image.reference, 300), each.measured, each.among,
         int(each.result.expires_at.timestamp())]
        for each in best_for(results, now)
    ]  # fmt: skip
    head = (
        f'"best": {_in_script(best)}, "fields": {_in_script(FIELDS)}, "checks": {_in_script(ids)}'
    )
    lines = (",\n" * bool(n) + _in_script(row) for n, row in enumerate(rows))
    return "assets/rows.js", chain([f'window.CERTIFY = {{{head}, "rows": [\n'], lines, ["\n]};\n"])


def frame_files(
    changes: Sequence[Change] | None,
    stems: dict[ResultKey, str],
    now: datetime,
    sweep: LastSweep | None = None,
) -> Iterator[tuple[str, str | bytes]]:
    """Yield the files that every site has; see `index_page` for all but ``now``."""
    for file in sorted(STATIC.iterdir()):
        yield f"assets/{file.name}", file.read_bytes()
    yield "seccomp.json", resources.files("certify.engine").joinpath("seccomp.json").read_bytes()
    yield "compare.html", compare_page(now)
    yield "suggest.html", suggest_page(now)
    yield "index.html", index_page(changes, stems, now, sweep)


@cache
def version() -> str:
    """Return a hash over renderers and templates; if it changes, all pages are out of date."""
    digest = hashlib.sha256()
    here = Path(__file__).parent
    rules = here.parents[1] / "fix"
    code = (*here.glob("*.py"), *here.parent.glob("*.py"), *rules.glob("*.py"))
    for file in sorted((*TEMPLATES.iterdir(), *code, rules / "fixes.toml")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _group(check_id: str) -> str:
    return check_id.partition(".")[0]


def _script(before: str, data: object) -> str:
    return f"{before}{_in_script(data)});\n"


def _in_script(data: object) -> str:
    """Return JSON that is also valid JavaScript and contains no HTML tag."""
    return safe_json(data).replace("<", "\\u003c")
