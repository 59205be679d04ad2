"""The user's own checks, good and bad, in a whole certification.

The busybox sample passes the profile, so only the own checks decide.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from certify.certification.certify import Certification
from certify.certification.options import Options
from certify.engine.client import Engine
from certify.judge.profiles import Profile
from certify.model.reference import Reference
from certify.model.result import Result
from certify.model.terms import Grade, Outcome, Status
from certify.suite import runner
from tests.conftest import SAMPLES
from tests.support.waiting import eventually

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("nothing_left")]

TINY = Profile(
    name="tiny",
    title="t",
    description="d",
    source="s",
    launch="idle",
    required=("image.os", "image.shell"),
)


Certified = Callable[..., Result]


@pytest.fixture
def certified(engine: Engine, tmp_path: Path) -> Certified:
    def run(checks: dict[str, str] | str | None, **options: object) -> Result:
        """Certify with own checks: the text of one file, or of several by name."""
        if isinstance(checks, str):
            checks = {"test_mine.py": checks}
        folder = tmp_path / "my checks"
        for name, text in (checks or {}).items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        how = Options(pull="never", timeout=60, own_checks=folder if checks else None)
        how = dataclasses.replace(how, **options)  # type: ignore[arg-type]
        reference = Reference.parse(f"{SAMPLES}/busybox")
        (result,) = Certification(engine, reference, how).run([TINY])
        return result

    return run


def outcomes(result: Result) -> dict[str, Outcome]:
    return {check.id: check.outcome for check in result.checks}


SHIPPED = {"image.os": Outcome.PASSED, "image.shell": Outcome.PASSED}


def test_the_sample_is_certified_without_own_checks(certified: Certified) -> None:
    result = certified(None)
    assert (result.verdict.status, result.verdict.grade) == (Status.CERTIFIED, Grade.NATIVE)
    assert outcomes(result) == SHIPPED


def test_an_own_check_that_fails_rejects_the_image(certified: Certified) -> None:
    text = """
def test_holds(host, candidate, note):
    "The kernel is Linux."
    assert host.run("uname").stdout == "Linux\\n"
    assert candidate.image.platform
    note("Linux")

def test_does_not():
    assert False, "so not"
"""
    result = certified(text)
    assert outcomes(result) == SHIPPED | {
        "own.holds": Outcome.PASSED,
        "own.does_not": Outcome.FAILED,
    }
    assert result.verdict.status is Status.REJECTED
    assert [(each.check, each.text) for each in result.verdict.reasons] == [
        ("own.does_not", "so not")
    ]
    assert next(check for check in result.checks if check.id == "own.holds").message == "Linux"


def test_own_files_may_have_any_name_and_share_fixtures(certified: Certified) -> None:
    result = certified(
        {
            "test_image.py": "import helper\ndef test_a(mine): assert helper.x == mine",
            "below/test_image.py": "def test_b(mine): assert mine == 1",
            "helper.py": "x = 1",
            "conftest.py": "import pytest\n@pytest.fixture\ndef mine(): return 1",
        }
    )
    assert result.verdict.status is Status.CERTIFIED
    assert outcomes(result) == SHIPPED | {"own.a": Outcome.PASSED, "own.b": Outcome.PASSED}


def test_a_failure_counts_if_two_tests_have_one_name(certified: Certified) -> None:
    result = certified(
        {"test_a.py": "def test_x(): assert False", "test_b.py": "def test_x(): pass"}
    )
    assert result.verdict.status is Status.REJECTED


BROKEN = {
    "a mistake": ("def test_x(host):\n    host.nothing.of.that.name", "test_mine.py:2: "),
    "syntax": ("def test_x(:", "test_mine.py cannot be read: SyntaxError"),
    "import": ("import nothing_of_that_name", "No module named 'nothing_of_that_name'"),
    "declaration": (
        "from certify.suite import check\n@check('a.b', title='t', remedy='r')\ndef test_x(): ...",
        "check a.b: its docstring must be a claim",
    ),
    "death": ("import os\ndef test_x(): os._exit(0)", "broke down"),
    "early end": ("import pytest\ndef test_x(): pytest.exit('bye', 0)", "before all of them ran"),
    "interruption": ("def test_x(): raise KeyboardInterrupt", "before all of them ran"),
    "hiding": (
        {"test_mine.py": "def test_x(): assert False",
         "conftest.py": "def pytest_collection_modifyitems(items): del items[-1]"},
        "before all of them ran",
    ),
    "a hook that breaks": (
        {"test_mine.py": "def test_x(): pass", "conftest.py": "def pytest_runtest_call(): 1 / 0"},
        "",
    ),
    "a conftest that breaks": (
        {"test_mine.py": "def test_x(): pass", "conftest.py": "1 / 0"}, "",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("checks", "why"), BROKEN.values(), ids=BROKEN)
def test_checks_that_break_down_certify_nothing(
    certified: Certified, checks: dict[str, str] | str, why: str
) -> None:
    result = certified(checks)
    assert result.verdict.status is Status.INCONCLUSIVE
    assert why in " ".join(reason.text for reason in result.verdict.reasons)
    assert all(reason.remedy for reason in result.verdict.reasons)


HANGS = {
    "in the candidate": "def test_x(candidate): candidate.run('sleep 1000', timeout=1000)",
    "at import": "import threading\nthreading.Event().wait()",
    "against signals": """
import os, signal, threading
def test_x():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.fork()
    threading.Event().wait()
""",
}


@pytest.mark.parametrize("checks", HANGS.values(), ids=HANGS)
def test_a_check_that_hangs_is_ended_in_time_with_all_its_processes(
    certified: Certified, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, checks: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(runner, "_CLEANUP_SECONDS", 4.0)
    result = certified(checks, timeout=3)
    assert result.verdict.status is Status.INCONCLUSIVE
    assert any("did not end within 3 s" in each.text for each in result.verdict.reasons)
    assert (result.finished_at - result.started_at).total_seconds() < 30
    eventually(lambda: not workers_in(tmp_path))


def workers_in(folder: Path) -> list[str]:
    """Processes that run checks and were started in a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().split(b"\0")
            there = (process / "cwd").readlink()
        except OSError:
            continue
        if b"certify.suite" in command and there == folder:
            found.append(process.name)
    return found


def test_nothing_of_one_image_reaches_the_next_and_changed_checks_are_seen(
    certified: Certified,
) -> None:
    text = """
import os, sys
import certify.suite.candidate
from certify.suite import catalogue

def test_mine(note):
    touched = [
        hasattr(certify.suite.candidate, "left"), "LEFT" in os.environ, "/left" in sys.path,
        hasattr(sys.modules["test_image"], "left"), catalogue.specs.cache_info().currsize == 1,
    ]
    certify.suite.candidate.left = os.environ["LEFT"] = sys.modules["test_image"].left = "left"
    sys.path.append("/left")
    catalogue.specs()
    note("first: " + str(touched))
"""
    for number in ("first", "second"):
        result = certified(text.replace("first: ", f"{number}: "))
        (found,) = (each for each in result.checks if each.id == "own.mine")
        assert found.message == f"{number}: {[False] * 5}"


def test_files_in_the_current_folder_do_not_matter(
    certified: Certified, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("conftest.py", "docker.py", "pytest.py", "certify.py", "json.py", "testinfra.py"):
        (tmp_path / name).write_text("raise SystemExit('the wrong module')")
    for name in ("pytest.ini", "tox.ini", "setup.cfg", "pyproject.toml", ".pytest.ini"):
        (tmp_path / name).write_text("this is not a configuration")
    monkeypatch.setenv("PYTEST_ADDOPTS", "--nonsense")
    monkeypatch.setenv("PYTEST_PLUGINS", "nonsense")
    monkeypatch.chdir(tmp_path)
    result = certified("def test_mine(): pass")
    assert result.verdict.status is Status.CERTIFIED
    assert outcomes(result) == SHIPPED | {"own.mine": Outcome.PASSED}
