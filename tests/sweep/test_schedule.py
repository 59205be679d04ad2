"""Schedules: every scheduler's own parser takes them, and the words in them arrive as they are."""

from __future__ import annotations

import base64
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from croniter import croniter
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from certify.engine.boot import wait_booted
from certify.engine.client import Engine
from certify.engine.launch import launch_container
from certify.engine.launch_plan import LaunchPlan
from certify.engine.session import Shell
from certify.model.errors import UsageError
from certify.sweep.schedule import CRON_LINE, DAYS, FILES, Schedule, schedule_files
from tests.conftest import SAMPLES
from tests.support.schemas import conforms

STEADY = settings(
    derandomize=True, deadline=None, max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
SPECIAL = st.sampled_from("%$\"'\\` {}#:*&|;<>!~()-a/é🙂")
WORDS = st.lists(st.text(SPECIAL, min_size=1, max_size=20), min_size=1, max_size=8)
ENDING = ("--fail-on", "newly-rejected")
HOSTILE = "with space ' \" ${{ secrets.TOKEN }} $HOME $$(HOME) \\ %h #x: é🙂"


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


# systemd


@pytest.mark.parametrize(
    ("day", "every", "word"), [*((day, 24, "list.txt") for day in DAYS), (None, 6, HOSTILE)]
)
def test_systemd_accepts_the_units(tmp_path: Path, day: str | None, every: int, word: str) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze")
    schedule = made(day=day, every=every, listing=word, directory=str(tmp_path))
    files = schedule_files("systemd", schedule)
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
    told = subprocess.run(
        ["systemd-analyze", "calendar", "--iterations=3", f"{schedule.calendar} UTC"],
        capture_output=True, text=True, check=True, env=os.environ | {"TZ": "UTC"},
    ).stdout  # fmt: skip
    moments = [
        datetime.strptime(found, "%Y-%m-%d %H:%M:%S")
        for found in re.findall(r"(?:Next elapse|Iter\S+ #\d+): \w+ ([\d-]+ [\d:]+) UTC", told)
    ]
    assert len(moments) == 3
    assert {later - sooner for sooner, later in pairwise(moments)} == {
        timedelta(days=7) if day else timedelta(hours=every)
    }
    assert {moment.minute for moment in moments} == {17}
    assert not day or {DAYS[moment.weekday()] for moment in moments} == {day}


@pytest.fixture(scope="module")
def booted(engine: Engine) -> Iterator[Shell]:
    """A shell beside a systemd that runs."""
    plan = LaunchPlan("init", engine.resolve_isolation().level, apparmor=engine.apparmor)
    with launch_container(engine, f"{SAMPLES}/debian-devspace", plan) as started:
        wait_booted(started.container, install_seconds=60, boot_seconds=60)
        yield started.container.shell()


def done(shell: Shell, command: str) -> str:
    answer = shell.run(command, timeout=60)
    assert answer.rc == 0, answer
    return answer.stdout.decode()


def put(shell: Shell, path: str, text: str) -> None:
    content = base64.b64encode(text.encode()).decode()
    done(shell, f"echo {content} | base64 -d >{shlex.quote(path)}")


@pytest.mark.engine
@settings(STEADY, max_examples=4)
@example(words=[HOSTILE])
@given(words=WORDS)
def test_a_real_systemd_passes_the_command_on_unchanged(booted: Shell, words: list[str]) -> None:
    # The last of a folder's name is dull: see below for the names that systemd cannot have.
    folder = f"/srv/in {words[0].replace('/', '_')[:60]} ."
    schedule = made(
        program="/usr/local/bin/tell words", listing=words[0], arguments=tuple(words),
        directory=folder,
    )  # fmt: skip
    put(booted, schedule.program, TELLER.format(python="/usr/bin/python3", told="/run/told"))
    done(booted, f"chmod +x {shlex.quote(schedule.program)}; mkdir -p {shlex.quote(folder)}")
    for name, text in schedule_files("systemd", schedule).items():
        put(booted, f"/etc/systemd/system/{name}", text)
    done(booted, "systemctl daemon-reload; systemctl reset-failed")
    done(booted, "systemctl start certify-sweep.service || journalctl -u certify-sweep >&2")
    assert json.loads(done(booted, "cat /run/told")) == [folder, *schedule.command()[1:]]
    done(booted, "systemctl enable --now certify-sweep.timer 2>/dev/null")
    assert "certify-sweep.service" in done(booted, "systemctl list-timers --no-pager")


@pytest.mark.engine
def test_systemd_shows_a_sweep_that_failed(booted: Shell) -> None:
    for code in (1, 3):
        schedule = made(program="/usr/local/bin/fail")
        put(booted, schedule.program, f"#!/bin/sh\nexit {code}\n")
        put(booted, "/etc/systemd/system/certify-sweep.service",
            schedule_files("systemd", schedule)["certify-sweep.service"])  # fmt: skip
        done(booted, f"chmod +x {schedule.program}; systemctl daemon-reload")
        assert booted.run("systemctl start certify-sweep.service").rc == 1
        assert "certify-sweep.service" in done(booted, "systemctl list-units --failed")


@pytest.mark.parametrize("folder", ["/srv/ends in a blank ", "/srv/ends in a backslash\\"])
def test_a_folder_that_systemd_would_misread_is_refused(folder: str) -> None:
    with pytest.raises(UsageError, match="systemd cannot start anything in"):
        schedule_files("systemd", made(directory=folder))


# cron

TELLER = """\
#!{python}
import json, os, sys
with open({told!r}, "w") as file:
    json.dump([os.getcwd(), *sys.argv[1:]], file)
"""


@STEADY
@example(words=[HOSTILE])
@given(words=WORDS)
def test_cron_passes_the_command_on_unchanged(tmp_path: Path, words: list[str]) -> None:
    program, told = tmp_path / "tell it's", tmp_path / "told"
    program.write_text(TELLER.format(python=sys.executable, told=str(told)))
    program.chmod(0o755)
    folder = tmp_path / words[0].replace("/", "_")
    folder.mkdir(exist_ok=True)
    schedule = made(program=str(program), arguments=tuple(words), directory=str(folder), day="wed")
    *_, path, last = one("cron", schedule).splitlines()
    assert path.split("=")[1].split(":")[-1] == str(tmp_path)
    fields = last.split(" ", 5)
    croniter.expand(" ".join(fields[:5]))
    # As crontab(5) tells: up to the first bare %, and \\% is a percent sign.
    assert not re.search(r"(?<!\\)%", fields[5])
    subprocess.run(["/bin/sh", "-c", fields[5].replace("\\%", "%")], check=True)
    assert json.loads(told.read_text()) == [str(folder), *schedule.command()[1:]]


@pytest.mark.parametrize(("day", "weekday"), [("mon", 0), ("sun", 6)])
def test_the_day_and_time_in_a_crontab(day: str, weekday: int) -> None:
    moment = croniter(made(day=day).cron, datetime(2026, 3, 4, tzinfo=UTC)).get_next(datetime)
    assert (moment.weekday(), moment.hour, moment.minute) == (weekday, 3, 17)


@pytest.mark.parametrize("every", [1, 6, 24])
def test_the_hours_in_a_crontab(every: int) -> None:
    times = croniter(made(every=every, hour=22).cron, datetime(2026, 3, 4, tzinfo=UTC))
    moments = [times.get_next(datetime) for _ in range(30)]
    assert {b - a for a, b in pairwise(moments)} == {timedelta(hours=every)}
    assert 22 in {moment.hour for moment in moments}


def test_a_line_that_cron_would_cut_is_refused() -> None:
    room = CRON_LINE - len("cd /srv && /bin/true sweep /srv/images.txt --reports /srv/reports ")
    longest = one("cron", made(arguments=("x" * room,))).splitlines()[-1]
    assert len(longest.split(" ", 5)[5]) == CRON_LINE
    with pytest.raises(UsageError, match="cron cuts lines"):
        schedule_files("cron", made(arguments=("x" * (room + 1),)))


# The hosted ones


def text_conforms(tmp_path: Path, schema: str, text: str) -> None:
    file = tmp_path / "file.yml"
    file.write_text(text, "utf-8")
    conforms(schema, file)


@pytest.mark.parametrize("word", ["images.txt", HOSTILE])
def test_github_accepts_the_workflow(tmp_path: Path, word: str) -> None:
    text = one("github", made(listing=word, arguments=("--profile", word)))
    text_conforms(tmp_path, "vendor.github-workflows", text)
    steps = yaml.safe_load(text)["jobs"]["sweep"]["steps"]
    (sweep,) = (step for step in steps if step["uses"] == "acme/certify@v1")
    told = {name: value.replace("${{ '${{' }}", "${{") for name, value in sweep["with"].items()}
    assert told["list"] == word
    assert shlex.split(told["args"]) == ["--profile", word]
    assert "${{ secrets" not in json.dumps(yaml.safe_load(text))


def test_github_merges_the_shards(tmp_path: Path) -> None:
    text = one(
        "github",
        made(shards=3, reports="r", merge_options=ENDING, arguments=("--profile", HOSTILE)),
    )
    text_conforms(tmp_path, "vendor.github-workflows", text)
    jobs = yaml.safe_load(text)["jobs"]
    assert jobs["sweep"]["strategy"]["matrix"] == {"shard": [1, 2, 3]}
    (sweep,) = (each for each in jobs["sweep"]["steps"] if each["uses"] == "acme/certify@v1")
    told = sweep["with"]["args"].replace("${{ '${{' }}", "${{")
    assert told.endswith(" --fail-on never --shard ${{ matrix.shard }}/3")
    assert shlex.split(told)[:2] == ["--profile", HOSTILE]
    assert (jobs["merge"]["needs"], jobs["merge"]["if"]) == ("sweep", "always()")
    (merge,) = (each for each in jobs["merge"]["steps"] if each["uses"] == "acme/certify@v1")
    assert merge["with"] == {
        "merge": "certify-shards/*/certify.db", "reports": "r", "args": "--fail-on newly-rejected",
    }  # fmt: skip
    uses = [each["uses"].partition("@")[0] for each in jobs["sweep"]["steps"]]
    assert "actions/cache/save" not in uses, "the merging job alone saves the ledger"


def test_github_saves_the_ledger_of_a_failed_sweep_too() -> None:
    steps = yaml.safe_load(one("github", made()))["jobs"]["sweep"]["steps"]
    uses = [step["uses"].partition("@")[0] for step in steps]
    assert uses.index("actions/cache/restore") < uses.index("acme/certify")
    for action in ("actions/cache/save", "actions/upload-artifact"):
        assert uses.index("acme/certify") < uses.index(action)
        assert steps[uses.index(action)]["if"] == "always()"
    restored, saved = (
        steps[uses.index(f"actions/cache/{each}")]["with"] for each in ("restore", "save")
    )
    assert restored["path"] == saved["path"] == "/srv/reports/certify.db"
    assert saved["key"].startswith(restored["restore-keys"])


@pytest.mark.parametrize("word", ["images.txt", HOSTILE])
def test_gitlab_accepts_the_job(tmp_path: Path, word: str) -> None:
    schedule = made(program="certify", listing=word)
    text = one("gitlab", schedule)
    text_conforms(tmp_path, "vendor.gitlab-ci", text)
    (line,) = yaml.safe_load(text)["certify-sweep"]["script"]
    assert shlex.split(line) == schedule.command()


def test_gitlab_runs_shards_whose_ledgers_are_merged(tmp_path: Path) -> None:
    """A shell runs the scripts of both jobs, as GitLab does, with a stand-in for certify."""
    schedule = made(program="certify", listing="a b.txt", reports="my reports", shards=2)
    schedule = replace(schedule, merge_options=ENDING)
    text = one("gitlab", schedule)
    text_conforms(tmp_path, "vendor.gitlab-ci", text)
    jobs = yaml.safe_load(text)
    assert jobs["certify-sweep"]["parallel"] == 2
    assert jobs["certify-merge"]["needs"] == ["certify-sweep"]
    (tmp_path / "my reports").mkdir()
    (tmp_path / "my reports" / "certify.db").write_text("the last night's")
    told = tmp_path / "told"
    program = tmp_path / "certify"
    program.write_text(f'#!/bin/sh\nprintf "%s|" "$@" >>{told}\necho >>{told}\n')
    program.chmod(0o755)
    for name, number in (("certify-sweep", "1"), ("certify-sweep", "2"), ("certify-merge", "")):
        variables = {"CI_NODE_INDEX": number, "CI_NODE_TOTAL": "2"}
        subprocess.run(
            ["sh", "-ec", "\n".join(jobs[name]["script"])], cwd=tmp_path, check=True,
            env={"PATH": f"{tmp_path}:/usr/bin:/bin", **variables},
        )  # fmt: skip
    first, second, merge = told.read_text().splitlines()
    assert first.startswith("sweep|a b.txt|")
    assert first.endswith("|--fail-on|never|--reports|certify-shards/1|--shard|1/2|")
    assert second.endswith("|--reports|certify-shards/2|--shard|2/2|")
    assert merge == (
        "ledger|merge|--reports|my reports|--fail-on|newly-rejected|"
        "certify-shards/1/certify.db|certify-shards/2/certify.db|"
    )


def expanded(word: str) -> str:
    """What Kubernetes makes of a word of a command, where no variable has a matching name."""
    return re.sub(r"\$(\$|\([^)]*\))", lambda found: "$" if found[1] == "$" else found[0], word)


@STEADY
@example(words=[HOSTILE])
@given(words=WORDS)
def test_kubernetes_accepts_the_manifests(words: list[str]) -> None:
    schedule = made(program="certify", arguments=tuple(words), day="sun", listing=words[0])
    claim, job = yaml.safe_load_all(one("kubernetes", schedule))
    for manifest in (claim, job):
        kubernetes_validate.validate(manifest, "1.30", strict=True)
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert not any(re.search(r"(?<!\$)(\$\$)*\$\(", word) for word in container["command"])
    assert [expanded(word) for word in container["command"]][-len(words) :] == words
    mounted = {each["name"] for each in container["volumeMounts"]}
    assert mounted <= {each["name"] for each in pod["volumes"]}
    assert job["spec"]["schedule"] == "17 3 * * 0"


def test_kubernetes_runs_an_indexed_job_and_one_that_merges() -> None:
    schedule = made(program="printf", arguments=("--profile", HOSTILE), shards=4)
    claim, sweep, merge = yaml.safe_load_all(one("kubernetes", schedule))
    for manifest in (claim, sweep, merge):
        kubernetes_validate.validate(manifest, "1.30", strict=True)
    job = sweep["spec"]["jobTemplate"]["spec"]
    assert (job["completionMode"], job["completions"], job["parallelism"]) == ("Indexed", 4, 4)
    assert job["backoffLimitPerIndex"] > 0
    (container,) = job["template"]["spec"]["containers"]
    told = said(container["command"], JOB_COMPLETION_INDEX="2", LEDGER="postgresql://a b")
    assert told[:1] == ["sweep"]
    assert HOSTILE in told
    assert told[-6:] == ["--fail-on", "never", "--ledger", "postgresql://a b", "--shard", "3/4"]
    (container,) = merge["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    told = said(container["command"], LEDGER="postgresql://a b")
    assert told[:2] == ["ledger", "merge"]
    assert told[-4:] == ["--wait", "6", "--ledger", "postgresql://a b"]


def said(command: list[str], **variables: str) -> list[str]:
    """The arguments that a container's shell hands to a program, here printf."""
    words = [expanded(word).replace("printf ", "printf '%s\\0' ", 1) for word in command]
    ended = subprocess.run(words, capture_output=True, check=True, env=os.environ | variables)
    return ended.stdout.decode().split("\0")[:-1]


# All of them


@pytest.mark.parametrize("form", ["systemd", "cron"])
def test_one_host_needs_no_shards(form: str) -> None:
    with pytest.raises(UsageError, match="needs no shards"):
        schedule_files(form, made(shards=2))


@pytest.mark.parametrize("form", FILES)
def test_control_characters_are_refused(form: str) -> None:
    with pytest.raises(UsageError, match="no schedule can hold"):
        schedule_files(form, made(arguments=("--profile", "a\nb")))


def test_a_workflow_needs_the_action() -> None:
    with pytest.raises(UsageError) as refused:
        schedule_files("github", made(uses=""))
    assert "--uses" in refused.value.remedy
