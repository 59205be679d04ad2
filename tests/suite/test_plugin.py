"""``pytest checks --image REF`` works by itself, and without ``--image`` nothing changes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from certify.engine.client import Engine
from certify.suite.catalogue import suite_directory
from tests.conftest import SAMPLES
from tests.support.waiting import containers_of, eventually, running

PYTEST = [sys.executable, "-P", "-m", "pytest", "-p", "no:cacheprovider"]
on_a_real_engine = [pytest.mark.engine, pytest.mark.usefixtures("nothing_left")]


def run(folder: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    """Run pytest in a folder, as a person would; exit code and what it printed."""
    ended = subprocess.run(
        [*PYTEST, *arguments],
        cwd=folder,
        env={key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
        | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=300,
        check=False,
    )
    return ended.returncode, ended.stdout.decode()


def outcomes(said: str) -> dict[str, int]:
    """What pytest's last line counts."""
    last = said.rstrip().splitlines()[-1]
    return {word: int(number) for number, word in re.findall(r"(\d+) (\w+)", last.split(" in ")[0])}


# Without an image


def test_without_an_image_nothing_is_imported_and_fixtures_are_testinfras(tmp_path: Path) -> None:
    fixtures = ("candidate", "nested", "note")
    (tmp_path / "test_it.py").write_text(
        "import sys\n"
        "def test_it():\n"
        "    modules = {'docker', 'pydantic', 'certify.engine', 'certify.suite.conductor'}\n"
        "    assert modules & set(sys.modules) == set()\n"
        "def test_host(host):\n"
        "    assert host.backend.NAME == 'local'\n"
        "    assert host.file('/').is_directory\n"
        + "".join(f"def test_{each}({each}): pass\n" for each in fixtures)
    )
    code, said = run(tmp_path, "--hosts=local://")
    assert (code, outcomes(said)) == (1, {"passed": 2, "errors": 3}), said
    assert all(f"fixture '{each}' not found" in said for each in fixtures)


def test_the_options_are_explained(tmp_path: Path) -> None:
    code, said = run(tmp_path, "--help")
    assert code == 0
    assert all(option in said for option in ("--image", "--profile", "--isolation", "--pull"))


# With one


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--image", "Bad Name"], "Bad Name"),
        (["--image", "localhost:1/no/where", "--pull", "never"], "may not be pulled"),
        (["--image", "x", "--profile", "devspase"], "devspace"),
    ],
)
@pytest.mark.engine
def test_pytest_ends_with_a_message_if_nothing_can_be_launched(
    tmp_path: Path, arguments: list[str], said: str
) -> None:
    code, output = run(tmp_path, str(suite_directory()), *arguments)
    assert code == pytest.ExitCode.USAGE_ERROR
    assert said in output
    assert "Traceback" not in output
    assert output.count("ERROR:") == 1


def test_pytest_ends_with_a_message_without_an_engine(tmp_path: Path) -> None:
    code, said = run(
        tmp_path, str(suite_directory()), "--image", "x",
        DOCKER_HOST=f"unix://{tmp_path}/no.sock",
    )  # fmt: skip
    assert code == pytest.ExitCode.USAGE_ERROR
    assert "does not answer" in said
    assert "Traceback" not in said


class TestOnARealEngine:
    pytestmark = on_a_real_engine

    def test_a_group_of_checks(self, engine: Engine) -> None:
        """In the checkout, where its own strict configuration applies."""
        image = f"{SAMPLES}/busybox"
        checks = str(suite_directory())
        code, said = run(suite_directory().parent, checks, "--image", image, "-k", "image")
        assert code == 1, said
        assert outcomes(said) | {"deselected": 0} == {
            "failed": 1, "passed": 7, "skipped": 1, "deselected": 0,
        }  # fmt: skip
        assert f"certify: {image}:latest sha256:" in said
        assert "no C library's loader found" in said

    def test_own_checks_alone_with_a_profile(self, engine: Engine, tmp_path: Path) -> None:
        (tmp_path / "test_mine.py").write_text(
            "def test_it(candidate, host):\n"
            "    assert candidate.job.launch == 'idle'\n"
            "    assert host.run('echo up').stdout == 'up\\n'\n"
        )
        code, said = run(
            tmp_path, "--image", f"{SAMPLES}/busybox", "--profile", "plain", "--pull", "never", "-v"
        )
        assert (code, outcomes(said)) == (0, {"passed": 1}), said

    @pytest.mark.parametrize(
        ("body", "code"),
        [("raise KeyboardInterrupt", 2), ("import pytest; pytest.exit('x', 9)", 9)],
    )
    def test_the_candidate_is_gone_however_pytest_ends(
        self, engine: Engine, tmp_path: Path, body: str, code: int
    ) -> None:
        (tmp_path / "test_mine.py").write_text(
            f"def test_it(host):\n    assert host.run('true').rc == 0\n    {body}\n"
        )
        ended, said = run(tmp_path, "--image", f"{SAMPLES}/busybox", "--profile", "plain")
        assert ended == code, said

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_the_candidate_is_gone_after_an_interruption(
        self, engine: Engine, tmp_path: Path, number: int
    ) -> None:
        if signal.getsignal(number) is signal.SIG_IGN:
            pytest.skip("a shell that starts tests in the background has them ignore Ctrl-C")
        (tmp_path / "test_mine.py").write_text(
            "import threading\ndef test_it(candidate): threading.Event().wait()"
        )
        command = [*PYTEST, "--image", f"{SAMPLES}/busybox", "--profile", "plain"]
        with running(command, tmp_path, stdout=subprocess.DEVNULL) as process:
            eventually(lambda: containers_of(engine, process.pid, f"{SAMPLES}/busybox"))
            process.send_signal(number)
            assert process.wait(60) == pytest.ExitCode.INTERRUPTED
