"""Writes what a run and the ledger have to say under ``reports/``, every file whole."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from certify.model import Result
from certify.publish.badge import badge_files
from certify.publish.files import write_atomically
from certify.publish.junit import junit_xml
from certify.publish.matrix import matrix_json, matrix_markdown
from certify.publish.names import certificate_stem, stem
from certify.publish.result import result_json


def write_reports(
    directory: Path, results: Sequence[Result], ledger_results: Sequence[Result]
) -> list[Path]:
    """Write ``junit.xml`` of this run's ``results``, and all that `write_standing` does.

    Returns the paths written; raises OSError.
    """
    junit = directory / "junit.xml"
    write_atomically(junit, junit_xml(results))
    return [junit, *write_standing(directory, ledger_results)]


def write_standing(directory: Path, ledger_results: Sequence[Result]) -> list[Path]:
    """Write ``results/*.json``, ``badges/*``, ``matrix.json`` and ``matrix.md``.

    ``ledger_results`` are what stands for each reference (`Ledger.standing_by_reference`, after
    a run was recorded): so an inconclusive run replaces no certificate. Returns the paths
    written; raises OSError.
    """
    files = {
        directory / "results" / f"{certificate_stem(result)}.json": result_json(result)
        for result in ledger_results
    }
    badges = badge_files(ledger_results, datetime.now(UTC))
    files |= {directory / name: text for name, text in badges}
    files[directory / "matrix.json"] = matrix_json(ledger_results)
    files[directory / "matrix.md"] = matrix_markdown(ledger_results)
    for path, text in files.items():
        write_atomically(path, text)
    _drop_superseded(directory, ledger_results)
    return list(files)


def _drop_superseded(directory: Path, results: Sequence[Result]) -> None:
    """Remove what an earlier run wrote that did not even learn the image's platform."""
    for result in results:
        if result.image.platform:
            name = stem(result.image.reference, result.profile, None)
            for file in (f"results/{name}.json", f"badges/{name}.json", f"badges/{name}.svg"):
                (directory / file).unlink(missing_ok=True)
