"""``pytest checks --image REF``: the image is certified and gone, or one line says why."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from certify.engine.client import Engine
from certify.suite.catalogue import suite_directory
from tests.conftest import SAMPLES
from tests.suite.test_plugin import PYTEST, outcomes, run
from tests.support.waiting import containers_of, eventually, running


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


@pytest.mark.engine
@pytest.mark.usefixtures("nothing_left")
class TestOnARealEngine:
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
