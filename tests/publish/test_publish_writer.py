"""What lies under reports/ after a run, and after the next one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

from certify.model import Result, Status
from certify.publish.names import certificate_stem
from certify.publish.writer import write_reports

MakeResult = Callable[..., Result]


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_everything_is_written_and_whole(tmp_path: Path, one_of_each: list[Result]) -> None:
    run = one_of_each[:2]
    written = write_reports(tmp_path, run, one_of_each)
    assert {str(path.relative_to(tmp_path)) for path in written} == names(tmp_path)
    assert len(list((tmp_path / "results").iterdir())) == len(one_of_each)
    assert len(ET.parse(tmp_path / "junit.xml").getroot()) == len(run)
    assert len(json.loads((tmp_path / "matrix.json").read_text())["rows"]) == len(one_of_each)
    assert (tmp_path / "matrix.md").read_text().startswith("# Compatibility matrix")
    for result in one_of_each:
        text = (tmp_path / "results" / f"{certificate_stem(result)}.json").read_text()
        assert Result.model_validate_json(text) == result


def test_names_tell_what_is_inside_and_differ(one_of_each: list[Result]) -> None:
    assert certificate_stem(one_of_each[1]).startswith(
        "localhost_debian_trixie_devspace_linux_amd64-"
    )
    assert len(set(map(certificate_stem, one_of_each))) == len(one_of_each)


def test_nothing_at_all_is_written_too(tmp_path: Path) -> None:
    write_reports(tmp_path, [], [])
    badges = {"badges/all.json", "badges/all.svg"}
    assert names(tmp_path) == {"junit.xml", "matrix.json", "matrix.md"} | badges


def test_a_certificate_supersedes_an_earlier_failure_to_pull(
    tmp_path: Path, make_result: MakeResult
) -> None:
    lost = make_result("debian:12", image={}, checks=(), status=Status.INCONCLUSIVE)
    write_reports(tmp_path, [lost], [lost])
    assert f"results/{certificate_stem(lost)}.json" in names(tmp_path)
    found = make_result("debian:12")
    write_reports(tmp_path, [found], [found])
    assert [entry.name for entry in (tmp_path / "results").iterdir()] == [
        f"{certificate_stem(found)}.json"
    ]


def test_a_hostile_name_stays_in_its_folder(tmp_path: Path, make_result: MakeResult) -> None:
    result = make_result("../../" + "x" * 300, profile="\ud800/..\x00")
    write_reports(tmp_path / "reports", [result], [result])
    assert all(name.startswith("reports/") for name in names(tmp_path))
