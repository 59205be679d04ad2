"""``certify reproduce``: commands to paste, from what is recorded."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from certify.engine.client import Engine
from certify.engine.launch_plan import seccomp_path
from certify.engine.reproduce import beside
from certify.ledger.store import Ledger
from certify.model.result import Launch, Result
from tests.conftest import Certify

MakeResult = Callable[..., Result]
COMMAND = (
    "docker run -di --name certify-repro --security-opt=seccomp=/usr/lib/seccomp.json "
    "--entrypoint=/bin/sh team/app:1 -c 'echo it; exec /sbin/init'"
)


@pytest.fixture
def recorded(tmp_path: Path, make_result: MakeResult) -> Path:
    launch = Launch(kind="init", isolation="caps", reproduce=COMMAND)
    with Ledger.open(str(tmp_path / "reports" / "certify.db")) as ledger:
        result = make_result("team/app:1").model_copy(update={"launch": launch})
        ledger.record(result)
    return tmp_path


def test_the_profile_lies_beside_the_reports(certify: Certify, recorded: Path) -> None:
    ended = certify("reproduce", "team/app:1")
    assert ended.code == 0, ended.err
    remove, launch, shell = map(shlex.split, ended.out.splitlines())
    assert remove == ["docker", "rm", "-fv", "certify-repro"], "so that it works a second time"
    assert shell == ["docker", "exec", "-it", "certify-repro", "sh"]
    expected = COMMAND.replace("/usr/lib/seccomp.json", "reports/seccomp.json")
    assert launch == shlex.split(expected)
    assert (recorded / "reports/seccomp.json").read_text() == seccomp_path().read_text()
    assert certify("reproduce", "team/app:1", "--format", "json").json()["commands"] == [
        remove,
        launch,
        shell,
    ]


def test_a_service_is_started_after_its_base(
    certify: Certify, recorded: Path, make_result: MakeResult
) -> None:
    base = Launch(kind="init", isolation="caps", reproduce=COMMAND)
    launch = beside(base, "team/web:1", ["WORD"])
    with Ledger.open(str(recorded / "reports" / "certify.db")) as ledger:
        ledger.record(make_result("team/web:1").model_copy(update={"launch": launch}))
    ended = certify("reproduce", "team/web:1")
    remove, started, service, shell = map(shlex.split, ended.out.splitlines())
    assert (remove[1], started[-1], shell[1]) == ("rm", "echo it; exec /sbin/init", "exec")
    assert "&&" not in started
    assert service[:2] == ["sh", "-c"]
    assert service[2].startswith("until docker exec certify-repro docker info")
    assert service[2].endswith(" run -d --env=WORD $image")
    assert subprocess.run(["sh", "-n", "-c", service[2]], check=False).returncode == 0


def test_only_a_launch_is_run(
    certify: Certify, recorded: Path, make_result: MakeResult, tmp_path: Path
) -> None:
    launch = Launch(kind="init", isolation="caps", reproduce=f"touch {tmp_path / 'harmed'}")
    with Ledger.open(str(recorded / "reports" / "certify.db")) as ledger:
        ledger.record(make_result("team/app:1").model_copy(update={"launch": launch}))
    ended = certify("reproduce", "--run", "team/app:1")
    assert ended.code == 2
    assert "holds no launch, but: touch" in ended.err
    assert not (tmp_path / "harmed").exists()


@pytest.mark.usefixtures("recorded")
def test_no_shell_is_opened_in_what_has_ended(certify: Certify, tmp_path: Path) -> None:
    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text("#!/bin/sh\ncase $1 in inspect) echo false ;; exec) echo a shell ;; esac\n")
    docker.chmod(0o755)
    path = f"{docker.parent}:{os.environ['PATH']}"
    ended = certify("reproduce", "--run", "team/app:1", PATH=path)
    assert (ended.code, ended.out) == (3, "")
    assert "certify-repro has ended; `docker logs certify-repro` shows" in ended.err


@pytest.mark.engine
def test_it_starts_and_starts_again(certify: Certify, engine: Engine) -> None:
    image = "certify-sample/busybox"
    certify("run", "--profile", "plain", "--pull", "never", image)
    try:
        for _ in range(2):
            ended = certify("reproduce", "--run", image)
            assert ended.code == 0, ended.err
        assert engine.client.containers.get("certify-repro").status == "running"
    finally:
        engine.client.api.remove_container("certify-repro", v=True, force=True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("other:1",), "No launch of other:1 is recorded."),
        (("team/app:1", "--profile", "plain"), "No launch of team/app:1 is recorded for plain."),
    ],
)
@pytest.mark.usefixtures("recorded")
def test_what_was_never_launched_cannot_be_reproduced(
    certify: Certify, words: tuple[str, ...], said: str
) -> None:
    ended = certify("reproduce", *words)
    assert ended.code == 2
    assert said in ended.err
