"""The main job on a real engine: each sample's verdict, and exactly which checks decided it."""

from __future__ import annotations

import functools
import shlex
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path

import jsonschema
import pytest

from certify.engine.client import Engine
from certify.model.result import Result
from certify.model.terms import Level, Outcome, Status
from scripts.json_schema import json_schema
from tests.conftest import SAMPLES, Certify, certify_in
from tests.stories.expected import EXPECTED, LIKE_OTHERS, failed, profiles_of
from tests.support.profiles import quick

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("nothing_left")]


Judged = Callable[[str, str], Result]


def certify_sample(certify: Certify, sample: str) -> dict[str, Result]:
    """Certify a sample under all its profiles in one command; return the results by profile."""
    profiles = profiles_of(sample)
    named = [word for each in profiles for word in ("--profile", each)]
    ended = certify("run", *named, "--format", "json", f"{SAMPLES}/{sample}")
    jsonschema.validate(ended.json(), json_schema("report.v1.json"))
    results = {each.profile: each for each in ended.results}
    assert list(results) == profiles, ended.err
    bad = any(each.verdict.status == "rejected" for each in results.values())
    assert ended.code == bad, ended.err
    return results


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    """The result of a sample under a profile; each sample is certified once."""

    @functools.cache
    def once(sample: str) -> dict[str, Result]:
        return certify_sample(certify_in(tmp_path_factory.mktemp("judged")), sample)

    return lambda sample, profile: once(sample)[profile]


@pytest.mark.parametrize(
    ("sample", "profile", "status", "grade", "required", "others"),
    [
        pytest.param(
            *row,
            id=f"{row.sample}-{row.profile}",
            marks=[pytest.mark.slow] if row.sample in LIKE_OTHERS else [],
        )
        for row in EXPECTED
    ],
)
def test_verdict(
    judged: Judged,
    sample: str,
    profile: str,
    status: str,
    grade: str | None,
    required: set[str],
    others: set[str],
) -> None:
    result = judged(sample, profile)
    assert (result.verdict.status, result.verdict.grade) == (status, grade)
    assert failed(result, Level.REQUIRED) == required
    assert failed(result, Level.RECOMMENDED, Level.INFO) == others
    assert {reason.check for reason in result.verdict.reasons} == required
    assert not [check.id for check in result.checks if check.outcome is Outcome.UNKNOWN]
    skipped = [check for check in result.checks if check.outcome is Outcome.SKIPPED]
    # BusyBox is no distribution with an end of support.
    skipped = [each for each in skipped if (sample, each.id) != ("busybox", "image.support")]
    roots = required | others or {"none is skipped"}
    assert all(any(root in check.message for root in roots) for check in skipped)


def test_what_depends_on_a_broken_dockerd_is_skipped_with_the_reason(judged: Judged) -> None:
    result = judged("debian-broken-dockerd", "devspace")
    skipped = {check.id: check for check in result.checks if check.outcome is Outcome.SKIPPED}
    assert set(skipped) == {
        "dockerd.network",
        "dockerd.outbound",
        "dockerd.compose",
        "dockerd.restart",
    }
    assert {check.message for check in skipped.values()} == {
        "needs dockerd.container, which failed"
    }
    (container,) = (check for check in result.checks if check.id == "dockerd.container")
    assert 0 < container.evidence.index("docker run") < 300, "the command that failed comes first"
    assert "docker import" not in container.evidence, "what worked is no evidence of what fails"
    assert container.remedy


def test_a_certificate_says_all_that_was_promised(judged: Judged, engine: Engine) -> None:
    result = judged("debian", "devspace")
    inspected = engine.client.images.get(f"{SAMPLES}/debian").attrs
    assert result.image.image_id == inspected["Id"]
    assert result.image.digest is None, "a local image has no registry digest"
    assert result.image.os is not None
    assert (result.image.os.id, result.image.os.version_id) == ("debian", "12")
    assert result.startup.boot_seconds is not None
    assert result.startup.dockerd_seconds is not None
    assert result.startup.provision_seconds is not None
    assert result.startup.samples == (result.startup.boot_seconds,)
    assert result.host
    assert result.host.calibration
    assert result.host.model_copy(update={"calibration": None}) == engine.host()
    assert result.launch.kind == "init"
    assert result.started_at < result.finished_at < result.expires_at


def test_every_report_is_written(certify: Certify, tmp_path: Path) -> None:
    words = ("run", "--profile", quick(tmp_path))
    ended = certify(*words, f"{SAMPLES}/debian", f"{SAMPLES}/scratch")
    assert ended.code == 1
    reports = tmp_path / "reports"
    assert (reports / "certify.db").is_file()
    assert len(list((reports / "results").glob("*.json"))) == 2
    suites = ET.parse(reports / "junit.xml").getroot()
    assert [suite.get("failures") != "0" for suite in suites] == [False, True]
    assert "rejected" in (reports / "matrix.md").read_text("utf-8")
    shown = certify("matrix")
    assert shown.code == 0
    assert max(map(len, shown.out.splitlines())) <= 80
    assert "1 certified" in shown.out
    assert "1 rejected" in shown.out


def test_a_rejection_fits_a_terminal_and_ends_with_what_to_do(certify: Certify) -> None:
    ended = certify(f"{SAMPLES}/busybox")
    assert ended.code == 1
    lines = ended.out.splitlines()
    assert len(lines) <= 24
    assert all(len(line) <= 80 or line.startswith("Report: ") for line in lines)
    names = [line.partition(" ")[0] for line in lines[-9:]]
    assert "REJECTED" in names
    assert names[-3:] == ["Cause:", "Report:", "Try"], "and no fix, for there is none"
    assert "\x1b" not in ended.out, "no colour where there is no terminal"


@pytest.fixture
def pasted(engine: Engine) -> Iterator[None]:
    yield
    engine.client.api.remove_container("certify-repro", v=True, force=True)


@pytest.mark.slow  # it installs systemd's dockerd once more
@pytest.mark.usefixtures("pasted")
def test_the_command_to_reproduce_boots_what_was_installed_at_launch(judged: Judged) -> None:
    result = judged("debian-systemd", "devspace")
    subprocess.run(["sh", "-c", result.launch.reproduce], check=True, capture_output=True)
    ask = "until systemctl is-system-running --wait 2>/dev/null; do :; done; docker info"
    answered = subprocess.run(
        ["docker", "exec", "certify-repro", "timeout", "120", "sh", "-c", ask],
        capture_output=True,
        check=False,
    )
    assert answered.returncode == 0, answered.stderr
    assert b"Storage Driver: overlay2" in answered.stdout
    assert shlex.split(result.launch.reproduce)[:2] == ["docker", "run"]


@pytest.mark.parametrize("reference", ["localhost:1/nothing:here", "registry.invalid/team/app:1"])
def test_an_image_that_cannot_be_had_is_inconclusive(
    certify: Certify, tmp_path: Path, reference: str
) -> None:
    ended = certify("run", "--format", "json", reference)
    assert ended.code == 3, ended.err
    result = ended.result
    assert result.verdict.status is Status.INCONCLUSIVE
    assert reference in result.verdict.reasons[0].text
    assert result.verdict.reasons[0].remedy
    assert "Traceback" not in ended.err
    assert ET.parse(tmp_path / "reports" / "junit.xml").getroot().findall(".//error")


def test_a_stopped_engine_is_inconclusive(certify: Certify, tmp_path: Path) -> None:
    ended = certify(f"{SAMPLES}/debian", DOCKER_HOST=f"unix://{tmp_path}/no-engine.sock")
    assert ended.code == 3
    assert "\nINCONCLUSIVE  " in ended.out
    assert "Traceback" not in ended.err
    assert (tmp_path / "reports" / "junit.xml").is_file()


@pytest.mark.parametrize(
    "reference", ["Debian:12", "debian:", "", "deb ian", "-rm", "a/b@sha256:x"]
)
def test_a_malformed_reference_is_wrong_usage(
    certify: Certify, tmp_path: Path, reference: str
) -> None:
    ended = certify("run", "--", reference)
    assert ended.code == 2
    assert ended.out == ""
    assert "Traceback" not in ended.err
    assert not (tmp_path / "reports").exists(), "nothing was run"


def test_the_same_image_gets_the_same_verdicts_again(certify: Certify, judged: Judged) -> None:
    for profile, other in certify_sample(certify, "busybox").items():
        one = judged("busybox", profile)
        assert one.verdict == other.verdict
        assert [(check.id, check.outcome) for check in one.checks] == [
            (check.id, check.outcome) for check in other.checks
        ]
