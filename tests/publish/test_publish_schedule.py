"""Schedules: every scheduler's own parser takes them, and the words in them arrive as they are."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from croniter import croniter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from certify.errors import UsageError
from certify.publish.schedule import DAYS, FILES, Schedule, schedule_files

STEADY = settings(
    derandomize=True, deadline=None, max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
SPECIAL = st.sampled_from("%$\"'\\` {}#:*&|;<>!~()-a/é🙂")
WORD = st.text(SPECIAL, min_size=1, max_size=20)
ROOT = Path(__file__).parent.parent.parent


def made(**fields: Any) -> Schedule:
    known: dict[str, Any] = {
        "listing": "/srv/images.txt", "reports": "/srv/reports", "hour": 3, "minute": 17,
        "directory": "/srv", "program": "/bin/true", "uses": "acme/certify@v1",
        "image": "registry.example/certify:1",
    }  # fmt: skip
    return Schedule(**(known | fields))


def one(form: str, schedule: Schedule) -> str:
    (text,) = schedule_files(form, schedule).values()
    return text


@pytest.mark.parametrize("day", [None, *DAYS])
@pytest.mark.parametrize("word", ["plain", "with space % \" \\ $HOME %h 'q'", "é🙂 ;|&"])
def test_systemd_takes_them(tmp_path: Path, day: str | None, word: str) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze")
    files = schedule_files("systemd", made(day=day, listing=word, directory=str(tmp_path)))
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "docker.service").write_text("[Service]\nExecStart=/bin/true\n")
    ended = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / name) for name in files)],
        env=os.environ | {"SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert "certify-sweep" not in ended.stderr
    calendar = re.search(r"OnCalendar=(.*)", files["certify-sweep.timer"])
    assert calendar
    subprocess.run(["systemd-analyze", "calendar", calendar[1]], check=True, capture_output=True)


@STEADY
@given(word=WORD)
def test_a_shell_gets_from_cron_what_was_meant(tmp_path: Path, word: str) -> None:
    program = f"{sys.executable}"
    schedule = made(program=program, listing=word, directory=str(tmp_path), day="wed")
    last = one("cron", schedule).splitlines()[-1]
    fields = last.split(" ", 5)
    croniter.expand(" ".join(fields[:5]))
    # As crontab(5) tells: up to the first bare %, and \\% is a percent sign.
    assert not re.search(r"(?<!\\)%", fields[5])
    command = fields[5].replace("\\%", "%")
    _, _, ours = command.partition(" && ")
    assert shlex.split(ours) == schedule.command()


@pytest.mark.parametrize(("day", "weekday"), [("mon", 0), ("sun", 6)])
def test_cron_means_that_day_and_time(day: str, weekday: int) -> None:
    moment = croniter(made(day=day).cron, datetime(2026, 3, 4, tzinfo=UTC)).get_next(datetime)
    assert (moment.weekday(), moment.hour, moment.minute) == (weekday, 3, 17)


def conforms(tmp_path: Path, schema: str, text: str) -> None:
    file = tmp_path / "file.yml"
    file.write_text(text, "utf-8")
    ended = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(file)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout


HOSTILE = "with space ' \" ${{ secrets.TOKEN }} $HOME #x: é🙂"


@pytest.mark.parametrize("word", ["images.txt", HOSTILE])
def test_github_takes_it(tmp_path: Path, word: str) -> None:
    text = one("github", made(listing=word, arguments=("--profile", word)))
    conforms(tmp_path, "vendor.github-workflows", text)
    step = yaml.safe_load(text)["jobs"]["sweep"]["steps"][2]
    assert step["uses"] == "acme/certify@v1"
    told = step["with"]["list"].replace("${{ '${{' }}", "${{")
    assert told == word
    assert "${{ secrets" not in json.dumps(yaml.safe_load(text))


def test_the_action_is_one(tmp_path: Path) -> None:
    conforms(tmp_path, "vendor.github-actions", (ROOT / "action.yml").read_text("utf-8"))


@pytest.mark.parametrize("word", ["images.txt", HOSTILE])
def test_gitlab_takes_it(tmp_path: Path, word: str) -> None:
    schedule = made(program="certify", listing=word)
    text = one("gitlab", schedule)
    conforms(tmp_path, "vendor.gitlab-ci", text)
    (line,) = yaml.safe_load(text)["certify-sweep"]["script"]
    assert shlex.split(line) == schedule.command()


@STEADY
@given(word=WORD)
def test_kubernetes_takes_it(word: str) -> None:
    schedule = made(program="certify", arguments=("--profile", word), day="sun", listing=word)
    claim, job = yaml.safe_load_all(one("kubernetes", schedule))
    for manifest in (claim, job):
        kubernetes_validate.validate(manifest, "1.30", strict=True)
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    command = [each.replace("$$(", "$(") for each in pod["containers"][0]["command"]]
    assert command[-1] == word
    assert job["spec"]["schedule"] == "17 3 * * 0"


@pytest.mark.parametrize("form", FILES)
def test_what_no_file_can_hold_is_refused(form: str) -> None:
    with pytest.raises(UsageError, match="no schedule can hold"):
        schedule_files(form, made(arguments=("--profile", "a\nb")))


@pytest.mark.parametrize(
    ("form", "missing"), [("github", "uses"), ("gitlab", "image"), ("kubernetes", "image")]
)
def test_what_only_the_user_knows_is_asked_for(form: str, missing: str) -> None:
    with pytest.raises(UsageError) as refused:
        schedule_files(form, made(**{missing: ""}))
    assert f"--{missing}" in refused.value.remedy


def step_of_action(number: int) -> str:
    action = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
    return str(action["runs"]["steps"][number]["run"])


def run_step(tmp_path: Path, code: int = 0, **inputs: str) -> tuple[int, list[str], str]:
    """Run the action's own script as a runner would; its exit code, certify's words, outputs."""
    program, told, outputs = tmp_path / "certify", tmp_path / "told.json", tmp_path / "outputs"
    program.write_text(
        f"#!{sys.executable}\nimport json, sys\n"
        f"json.dump(sys.argv[1:], open({str(told)!r}, 'w'))\nsys.exit({code})\n"
    )
    program.chmod(0o755)
    known = {"IMAGES": "", "LIST": "", "ARGS": "", "REPORTS": "reports", "ALLOW_INCONCLUSIVE": ""}
    ended = subprocess.run(
        ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step_of_action(1)],
        env=os.environ | known | {"CERTIFY": str(program), "GITHUB_OUTPUT": str(outputs)} | inputs,
        check=False, cwd=tmp_path,
    )  # fmt: skip
    return ended.returncode, json.loads(told.read_text()), outputs.read_text()


def test_the_action_hands_inputs_on_as_words(tmp_path: Path) -> None:
    args = "--profile 'my $(touch pwned) profile' --jobs 2"
    code, words, outputs = run_step(tmp_path, LIST="a b.txt", ARGS=args)
    assert code == 0
    common = ["--format", "github", "--reports", "reports"]
    assert words == [
        "sweep", "a b.txt", *common, "--profile", "my $(touch pwned) profile", "--jobs", "2",
    ]  # fmt: skip
    assert outputs == "exit-code=0\nreports=reports\n"
    assert not (tmp_path / "pwned").exists()
    _, words, _ = run_step(tmp_path, IMAGES="debian:12\n ubuntu:24.04 ")
    assert words == ["run", "debian:12", "ubuntu:24.04", *common]


@pytest.mark.parametrize(
    ("code", "allowed", "ends"), [(1, "true", 1), (3, "false", 3), (3, "true", 0), (2, "true", 2)]
)
def test_the_action_ends_as_certify_did(tmp_path: Path, code: int, allowed: str, ends: int) -> None:
    ended, _, outputs = run_step(tmp_path, code, IMAGES="a:1", ALLOW_INCONCLUSIVE=allowed)
    assert ended == ends
    assert f"exit-code={code}\n" in outputs
