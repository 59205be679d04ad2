"""Writes what a run and the ledger have to say under ``reports/``, every file whole."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from certify.model import Result
from certify.publish.files import write_atomically
from certify.publish.junit import junit_xml
from certify.publish.matrix import matrix_json, matrix_markdown
from certify.publish.result import result_json
from certify.safetext import file_name


def write_reports(
    directory: Path, results: Sequence[Result], ledger_results: Sequence[Result]
) -> list[Path]:
    """Write ``results/*.json``, ``junit.xml``, ``matrix.json`` and ``matrix.md``.

    ``results`` are those of this run: they become ``junit.xml``. ``ledger_results`` are what
    stands for each reference (`Ledger.standing_by_reference`, after this run was recorded):
    they become the matrix and a file each, so that an inconclusive run replaces no
    certificate. Returns the paths written; raises OSError.
    """
    files = {
        directory / "results" / certificate_name(result): result_json(result)
        for result in ledger_results
    }
    files[directory / "junit.xml"] = junit_xml(results)
    files[directory / "matrix.json"] = matrix_json(ledger_results)
    files[directory / "matrix.md"] = matrix_markdown(ledger_results)
    for path, text in files.items():
        write_atomically(path, text)
    _drop_superseded(directory / "results", ledger_results)
    return list(files)


def certificate_name(result: Result) -> str:
    """The file of a result: the same whenever reference, profile and platform are."""
    image = result.image
    return _name(image.reference, result.profile, image.platform)


def _drop_superseded(folder: Path, results: Sequence[Result]) -> None:
    """Remove what an earlier run wrote that did not even learn the image's platform."""
    for result in results:
        if result.image.platform:
            (folder / _name(result.image.reference, result.profile, None)).unlink(missing_ok=True)


def _name(reference: str, profile: str, platform: str | None) -> str:
    return file_name(" ".join(filter(None, (reference, profile, platform)))) + ".json"
