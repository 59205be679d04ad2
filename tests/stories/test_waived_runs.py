"""Waivers on a real engine, as a user gives them: what they excuse, and where that is told.

A busybox has no package manager: `packages.manager` fails, and what needs it is never asked.
"""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jsonschema
import pytest

from certify.model.terms import Outcome, Status, WaiverState
from scripts.json_schema import json_schema
from tests.conftest import SAMPLES, Certify

IMAGE = f"{SAMPLES}/busybox"
CHAIN = ("packages.manager", "packages.refresh", "packages.install")
RUN = ("run", "--profile", "plain", "--waivers", "waivers.toml")
TODAY = datetime.now(UTC)
TOMORROW, YESTERDAY = (f"{TODAY + timedelta(days=days):%Y-%m-%d}" for days in (1, -1))

needs_engine = [pytest.mark.engine, pytest.mark.usefixtures("nothing_left")]


def table(check: str, image: str = IMAGE, expires: str = TOMORROW) -> str:
    return (
        f'[[waiver]]\nimage = "{image}"\ncheck = "{check}"\nreason = "built elsewhere"\n'
        f'owner = "ana"\nexpires = {expires}\n\n'
    )


@pytest.fixture
def waivers(tmp_path: Path) -> Path:
    return tmp_path / "waivers.toml"


class TestWithAnEngine:
    pytestmark = needs_engine

    def test_what_is_waived_is_certified_and_told_everywhere(
        self, certify: Certify, tmp_path: Path, waivers: Path
    ) -> None:
        waivers.write_text("".join(map(table, CHAIN)) + table("image.os", f"{SAMPLES}/*"))
        ended = certify(*RUN, "--format", "json", IMAGE)
        assert ended.code == 0, ended.err
        jsonschema.validate(ended.json(), json_schema("report.v1.json"))
        result = ended.result
        assert result.verdict.status is Status.CERTIFIED
        excused = {check.id: check.outcome for check in result.checks if check.waiver}
        assert excused == dict(zip(CHAIN, (Outcome.FAILED, *[Outcome.SKIPPED] * 2), strict=True))
        used, unneeded = WaiverState.USED, WaiverState.UNNEEDED
        assert {note.check: note.state for note in result.waivers} == {
            **dict.fromkeys(CHAIN, used),
            "image.os": unneeded,
        }
        assert f"{result.expires_at:%Y-%m-%d}" == TOMORROW, "no longer than its waivers"
        suite = ET.parse(tmp_path / "reports" / "junit.xml").getroot()[0]
        assert (suite.get("failures"), suite.get("errors")) == ("0", "0")
        told = f"waived: built elsewhere (ana, until {TOMORROW})"
        assert [each.get("message") for each in suite.iter("skipped")].count(told) == 3
        rows = json.loads((tmp_path / "reports" / "matrix.json").read_text())["rows"]
        assert rows[0]["waived"] == list(CHAIN)
        assert "certified native, 3 waived" in (tmp_path / "reports/matrix.md").read_text().lower()
        assert "✓ native, 3 waived" in certify("matrix").out  # from the ledger

    def test_the_waiver_of_a_cause_does_not_cover_what_was_never_asked(
        self, certify: Certify, waivers: Path
    ) -> None:
        waivers.write_text(table("packages.manager"))
        ended = certify(*RUN, IMAGE)
        assert ended.code == 1
        assert "\nREJECTED  " in ended.out
        text = " ".join(ended.out.split())
        assert "! packages.manager, waived: built elsewhere (ana, until" in text
        assert "it is waived, but required checks that need it are not: packages.refresh" in text
        assert "✗" not in ended.out

    def test_what_expired_or_is_about_another_image_counts_for_nothing(
        self, certify: Certify, waivers: Path
    ) -> None:
        waivers.write_text(
            "".join(table(check, expires=YESTERDAY) for check in CHAIN)
            + "".join(table(check, image=f"{SAMPLES}/debian*") for check in CHAIN)
        )
        ended = certify(*RUN, "--format", "json", IMAGE)
        assert ended.code == 1
        assert [note.state for note in ended.result.waivers] == [WaiverState.EXPIRED] * 3
        assert not [check.id for check in ended.result.checks if check.waiver]

    def test_the_same_image_by_digest_and_another_not(
        self, certify: Certify, waivers: Path
    ) -> None:
        waivers.write_text("")
        image_id = certify(*RUN, "--format", "json", IMAGE).result.image.image_id
        by_digest = [f'{table(check, "*").strip()}\ndigest = "{image_id}"\n' for check in CHAIN]
        waivers.write_text("".join(by_digest))
        ended = certify(*RUN, "--format", "json", IMAGE, f"{SAMPLES}/scratch")
        assert [result.verdict.status for result in ended.results] == [
            Status.CERTIFIED,
            Status.REJECTED,
        ]

    def test_trouble_is_not_waived(self, certify: Certify, waivers: Path) -> None:
        waivers.write_text("".join(table(check, "*") for check in CHAIN))
        ended = certify(*RUN, "--format", "json", "registry.invalid/team/app:1")
        assert ended.code == 3
        assert ended.result.verdict.status is Status.INCONCLUSIVE
        assert ended.result.waivers == ()

    def test_a_check_of_ones_own_can_be_waived(
        self, certify: Certify, tmp_path: Path, waivers: Path
    ) -> None:
        own = tmp_path / "own"
        own.mkdir()
        (own / "test_mine.py").write_text("def test_motto():\n    assert False, 'no motto'\n")
        waivers.write_text("".join(map(table, (*CHAIN, "own.motto"))))
        refused = certify(*RUN, IMAGE)
        assert refused.code == 2, "nobody knows that check here"
        ended = certify(*RUN, "--checks", "own", "--format", "json", IMAGE)
        assert ended.code == 0, ended.err
        (mine,) = (check for check in ended.result.checks if check.id == "own.motto")
        assert mine.outcome is Outcome.FAILED
        assert mine.waiver is not None


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "--waivers waivers.toml: No such file or directory"),
        (b"\xff", "--waivers waivers.toml: this is not text in UTF-8"),
        (b"[[waiver]\n", "waivers.toml: this is not TOML"),
        (table("image.oss").encode(), "waivers.toml:3: waiver 1, check: there is no check"),
        (
            table("image.os", expires="'soon'").encode(),
            "waivers.toml:6: waiver 1, expires: must be",
        ),
    ],
)
def test_a_bad_file_is_wrong_usage_and_nothing_is_run(
    certify: Certify, tmp_path: Path, waivers: Path, content: bytes | None, says: str
) -> None:
    if content is not None:
        waivers.write_bytes(content)
    ended = certify(*RUN, IMAGE)
    assert ended.code == 2
    assert ended.out == ""
    assert says in ended.err
    assert "Traceback" not in ended.err
    assert not (tmp_path / "reports").exists()


def test_a_byte_order_mark_is_no_offence(certify: Certify, tmp_path: Path, waivers: Path) -> None:
    waivers.write_bytes(b"\xef\xbb\xbf" + table("image.os").encode())
    ended = certify(*RUN, IMAGE, DOCKER_HOST=f"unix://{tmp_path}/no-engine.sock")
    assert ended.code == 3
