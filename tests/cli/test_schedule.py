"""`certify schedule`: what it prints and writes, and what it asks for."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from certify import __version__
from certify.cli.main import main
from tests.conftest import Certify


def test_systemd_files_are_written_where_asked(certify: Certify, tmp_path: Path) -> None:
    ended = certify("schedule", "systemd", "--at", "04:05", "--write", "units", "--", "--jobs", "3")
    assert (ended.code, ended.out) == (0, "")
    service = (tmp_path / "units" / "certify-sweep.service").read_text()
    assert f'"sweep" "images.txt" "--reports" "{tmp_path}/reports"' in service
    assert f"WorkingDirectory={tmp_path}\n" in service
    assert '"--fail-on" "newly-rejected" "--jobs" "3"' in service
    assert (
        "OnCalendar=*-*-* 04:05:00 UTC" in (tmp_path / "units" / "certify-sweep.timer").read_text()
    )


def test_several_files_are_printed_under_their_names(certify: Certify) -> None:
    out = certify("schedule", "systemd").out
    assert out.startswith("# certify-sweep.service\n")
    assert "\n# certify-sweep.timer\n" in out


def test_a_choice_of_ones_own_is_kept(certify: Certify) -> None:
    out = certify("schedule", "cron", "--", "--fail-on", "never").out
    assert "--fail-on never" in out
    assert "newly-rejected" not in out
    assert "newly-rejected" not in certify("schedule", "cron", "--", "--fail-on=never").out


def test_a_schedule_alerts(certify: Certify) -> None:
    assert " --quiet --fail-on newly-rejected" in certify("schedule", "cron").out
    out = certify("schedule", "cron", "--", "-q").out
    assert (out.count("--quiet"), out.count(" -q")) == (0, 1)
    out = certify("schedule", "systemd", "--on-failure", "alert@%n.service").out
    assert "\nOnFailure=alert@%n.service\n\n[Service]" in out
    bad = certify("schedule", "systemd", "--on-failure", "a.service\nExecStart=x")
    assert (bad.code, bad.out) == (2, "")


def test_files_of_another_machine_need_not_be_here(certify: Certify) -> None:
    elsewhere = ("--", "--checks", "/opt/our-checks")
    assert certify("schedule", "kubernetes", "--image", "a", *elsewhere).code == 0
    here = certify("schedule", "cron", *elsewhere)
    assert (here.code, here.out) == (2, "")
    assert "/opt/our-checks: no test_" in here.err


def test_a_list_that_is_missing_is_mentioned(certify: Certify, tmp_path: Path) -> None:
    assert "images.txt does not exist yet" in certify("schedule", "cron").err
    (tmp_path / "images.txt").touch()
    assert certify("schedule", "cron").err == ""


@pytest.mark.parametrize(
    ("form", "listing", "reports"),
    [
        ("cron", "../nightly.txt", "{}/below/../out"),
        ("github", "nightly.txt", "out"),
        ("gitlab", "nightly.txt", "out"),
    ],
)
def test_paths_of_settings_start_at_their_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, listing: str, reports: str
) -> None:
    text = '[schedule]\nlist = "nightly.txt"\nreports = "out"\nuses = "acme/certify@v1"\n'
    (tmp_path / "certify.toml").write_text(text)
    (tmp_path / "nightly.txt").touch()
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    ended = CliRunner().invoke(main, ["schedule", form])
    assert ended.exit_code == 0
    assert "does not exist" not in ended.stderr
    if form == "github":
        inputs = yaml.safe_load(ended.stdout)["jobs"]["sweep"]["steps"][2]["with"]
        assert (inputs["list"], inputs["reports"]) == (listing, reports)
    else:
        assert f"sweep {listing} --reports {reports.format(tmp_path)} " in ended.stdout


def test_several_a_day(certify: Certify) -> None:
    out = certify("schedule", "cron", "--at", "22:30", "--every", "8", "--on", "sun").out
    assert "at 06:30, 14:30 and 22:30 on sun in this host's time zone" in out
    assert "\n30 6,14,22 * * 0 cd " in out


@pytest.mark.parametrize("form", ["gitlab", "kubernetes"])
def test_the_image_is_certifys_own_unless_another_is_named(certify: Certify, form: str) -> None:
    own = f"certify:{__version__}"
    ended = certify("schedule", form)
    assert ended.code == 0
    assert f'"{own}"' in ended.out
    assert f"certify: {own} is not published" in ended.err
    named = certify("schedule", form, "--image", "registry.example/tools/certify:1")
    assert '"registry.example/tools/certify:1"' in named.out
    assert own not in named.out + named.err


def test_a_workflow_is_yaml(certify: Certify) -> None:
    ended = certify("schedule", "github", "--uses", "acme/certify@v1", "--list", "a b.txt")
    workflow = yaml.safe_load(ended.out)
    assert workflow["jobs"]["sweep"]["steps"][2]["with"]["list"] == "a b.txt"


@pytest.mark.parametrize(
    ("own", "fail_on"), [((), "newly-rejected"), (("--", "--fail-on", "rejected"), "rejected")]
)
def test_only_the_merging_job_fails_because_of_an_image(
    certify: Certify, own: tuple[str, ...], fail_on: str
) -> None:
    ended = certify("schedule", "github", "--uses", "acme/certify@v1", "--shards", "3", *own)
    jobs = yaml.safe_load(ended.out)["jobs"]
    assert "--fail-on never --shard" in jobs["sweep"]["steps"][2]["with"]["args"]
    assert jobs["merge"]["steps"][2]["with"]["args"] == f"--fail-on {fail_on}"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["github"], "--uses OWNER/REPOSITORY@REF"),
        (["cron", "--at", "25:00"], "not a time of day"),
        (["anacron"], "anacron"),
        (["cron", "--shards", "2"], "needs no shards"),
        (["cron", "--every", "5"], "'5' is not one of"),
        (["cron", "--", "--jbos", "3"], "No such option"),
        (["gitlab", "--image", "a", "--", "--jbos", "3"], "No such option"),
        (["cron", "--", "--jobs", "many"], "not a valid integer"),
        (["cron", "--", "other.txt"], "unexpected extra argument"),
        (["cron", "--", "--network", "x", "--reach", "10.1.2.3"], "--reach opens nothing"),
        (["systemd", "--write", "/dev/null/x"], "--write /dev/null/x: Not a directory"),
    ],
)
def test_wrong_usage(certify: Certify, words: list[str], told: str) -> None:
    ended = certify("schedule", *words)
    assert ended.code == 2
    assert told in ended.err
    assert "Traceback" not in ended.err
