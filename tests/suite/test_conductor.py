"""Real runs of pytest over a fake candidate: order, prerequisites, skips and findings."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from certify.engine import packages
from certify.engine.boot import Boot
from certify.engine.container_state import ContainerState, ContainerStopped
from certify.engine.session import KILLED, ShellResult
from certify.model.errors import EngineUnavailable
from certify.model.finding import Finding
from certify.model.terms import Fault, Outcome
from certify.suite import own_checks
from certify.suite.candidate import Candidate
from certify.suite.claims import Spec, blocked_by
from certify.suite.conductor import Conductor
from certify.suite.host import Transcript
from certify.suite.plugin import CONDUCTOR

pytest_plugins = ["pytester"]

UP = Boot(ready=True, phase="booting", missing=(), installed=None, timeline={})
HEAD = """
import pytest
from certify.engine.container_state import ContainerStopped
from certify.engine.session import SessionLost
from certify.model.errors import EngineUnavailable, ImageUnavailable, SuiteBroken, Trouble
from certify.model.terms import Fault
from certify.suite import blocked_by, check, not_applicable, unknown
from certify.suite.claims import proven
"""


def a_check(id: str, *lines: str, **options: object) -> str:
    """The source of a check."""
    described = {"title": "t", "remedy": "r"} | options
    keywords = ", ".join(f"{name}={value!r}" for name, value in described.items())
    body = textwrap.indent("\n".join(lines or ("pass",)), "    ")
    return (
        f"@check({id!r}, {keywords})\n"
        f"def test_{id.replace('.', '_').replace('-', '_')}(candidate, note):\n"
        f'    """It is so.\n\n    Why: w\n\n    How: h\n    """\n{body}\n\n'
    )


ARGUMENTS = (
    "--assert=plain", "-o", "python_files=suite_*.py", "-p", "certify.suite.plugin",
    "-p", "no:cacheprovider", "-p", "no:terminal", "-p", "no:logging", "-p", "no:junitxml",
    "-p", "no:doctest", "-p", "no:unittest", "-p", "no:stepwise", "-p", "no:pastebin",
    "-p", "no:faulthandler",
)  # fmt: skip


class FakeCandidate:
    """A candidate as the conductor sees it; checks do with it what they like."""

    def __init__(self) -> None:
        check = "systemd.pid1"
        self.job = SimpleNamespace(launch="init", liveness_check=check, start_error="", checks=())
        self.boots: Boot | Exception = UP
        self.lacks: set[str] = set()
        self.package_manager: packages.Family | None = None
        self.os_release = {"ID": "alpine"}
        self.log = self.console = ""
        self.oom = False
        self.is_foreign = False
        self.booted = 0
        self.gone: Exception | None = None
        self.longest_wait = 0.0
        self.transcript: Transcript = []
        self.container = self
        self.engine = SimpleNamespace(host=lambda: SimpleNamespace(cgroup_version="1"))
        self.volumes: dict[str, object] = {}
        self.ask: Callable[[str, str], None] = lambda _command, _output: None

    @cached_property
    def boot(self) -> Boot:
        self.booted += 1
        if isinstance(self.boots, Exception):
            raise self.boots
        return self.boots

    def is_missing(self, capability: str) -> bool:
        return capability in self.lacks

    def fail_if_unusable(self, capability: str) -> None:
        """Return: what is missing is not there at all."""

    def logs(self, tail: int = 60) -> str:
        return self.log

    def console_output(self) -> str:
        return self.console

    def configuration(self) -> dict[str, Any]:
        return {"Volumes": self.volumes, "Env": []}

    def launch_configuration(self) -> dict[str, Any]:
        return {"HostConfig": {}}

    def run(self, command: str, *_args: str) -> SimpleNamespace:
        return SimpleNamespace(rc=1, stdout="")

    def state(self) -> ContainerState:
        if isinstance(self.gone, EngineUnavailable):
            raise self.gone
        return ContainerState(running=False, exit_code=1, oom_killed=self.oom)

    def ran_out_of_memory(self) -> bool:
        return self.oom

    def require_running(self) -> None:
        if self.gone is not None:
            raise self.gone

    def defer_to(self, check_id: str, reason: str) -> None:
        if check_id in self.job.checks:
            blocked_by(check_id, reason)


class Run:
    """Runs checks under a conductor, and keeps its reports."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        self.candidate = FakeCandidate()
        self.arguments: tuple[str, ...] = ()
        self.reported: list[Finding] = []
        self.began: list[str] = []
        self.specs: list[Spec] = []
        self.candidate.ask = lambda command, output: self.candidate.transcript.append(
            ShellResult(command, 1, output.encode(), b"", 0.25)
        )

    def __call__(self, *checks: str, own: str = "") -> dict[str, Finding]:
        # Not test_*.py: those, the outer run's own plugin would rewrite.
        files = {"suite_a": HEAD + "".join(checks)} | ({"suite_b": own} if own else {})
        self.pytester.makepyfile(**files)
        run = self

        class Recording(Conductor):
            def report_specs(self, specs: list[Spec]) -> None:
                run.specs.extend(specs)

            def report_start(self, check_id: str) -> None:
                run.began.append(check_id)

            def report(self, finding: Finding) -> None:
                run.reported.append(finding)

        recording = Recording(cast(Candidate, self.candidate))

        class Named:
            @pytest.hookimpl(tryfirst=True)
            def pytest_configure(self, config: pytest.Config) -> None:
                config.pluginmanager.register(recording, CONDUCTOR)

        self.pytester.inline_run(*ARGUMENTS, *self.arguments, plugins=[Named()])
        return recording.findings


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    # A file is written anew within a second, perhaps as long as before: no compiled one is right.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return Run(pytester)


# What one check said

PASSED, FAILED = (Outcome.PASSED, None), (Outcome.FAILED, Fault.IMAGE)
SKIPPED = (Outcome.SKIPPED, None)


def unknown(fault: Fault) -> tuple[Outcome, Fault]:
    return Outcome.UNKNOWN, fault


ENDS: list[tuple[str, tuple[Outcome, Fault | None], str]] = [
    ("pass", PASSED, ""),
    ("note('seen')", PASSED, "seen"),
    ("note('first'); note('last')", PASSED, "last"),
    ("note('a\\nb')", PASSED, "a"),
    ("note('seen'); assert False, 'so not'", FAILED, "so not"),
    ("assert 1 == 2", FAILED, "not so: It is so."),
    ("assert False, 'first\\nsecond'", FAILED, "first"),
    ("pytest.fail('so not\\nlog')", FAILED, "so not"),
    ("pytest.fail('')", FAILED, "not so: It is so."),
    ("raise AssertionError", FAILED, "not so: It is so."),
    ("pytest.skip('not today')", SKIPPED, "not today"),
    ("not_applicable('no such thing')", SKIPPED, "no such thing"),
    ("unknown('no clock')", unknown(Fault.HOST), "no clock"),
    ("raise EngineUnavailable('gone')", unknown(Fault.HOST), "gone"),
    ("raise ImageUnavailable('away')", unknown(Fault.REGISTRY), "away"),
    ("raise SuiteBroken('odd')", unknown(Fault.TOOL), "odd"),
    ("raise Trouble('t', fault=Fault.NETWORK)", unknown(Fault.NETWORK), "t"),
    ("raise SessionLost('end')", unknown(Fault.TOOL), "the shell was lost: end"),
]  # fmt: skip


def test_each_end_of_a_check_has_its_outcome(run: Run) -> None:
    ids = [f"image.end{number}" for number in range(len(ENDS))]
    run(*(a_check(id, body) for id, (body, *_) in zip(ids, ENDS, strict=True)))
    found = [((each.outcome, each.fault), each.message) for each in run.reported]
    assert found == [(expected, message) for _, expected, message in ENDS]
    assert not any(each.because for each in run.reported)
    assert [each.id for each in run.reported] == run.began == ids


def test_a_fixture_that_ends_so_ends_the_check_so(run: Run) -> None:
    fixture = "@pytest.fixture\ndef broken():\n    {}\n\n"
    for body, outcome in (
        ("assert False, 'not there'", Outcome.FAILED),
        ("unknown('who knows')", Outcome.UNKNOWN),
        ("not_applicable('no')", Outcome.SKIPPED),
        ("1 / 0", Outcome.UNKNOWN),
    ):
        check = a_check("image.one").replace("(candidate, note)", "(broken)")
        assert run(fixture.format(body), check)["image.one"].outcome is outcome


def test_a_check_that_cannot_clean_up_has_not_passed(run: Run) -> None:
    fixture = "@pytest.fixture\ndef broken():\n    yield\n    1 / 0\n\n"
    check = a_check("image.one").replace("(candidate, note)", "(broken)")
    assert run(fixture, check)["image.one"].outcome is Outcome.UNKNOWN
    failing = a_check("image.one", "assert False, 'so not'").replace(
        "(candidate, note)", "(broken)"
    )
    assert run(fixture, failing)["image.one"].message == "so not"


def test_evidence_has_the_message_and_the_commands(run: Run) -> None:
    finding = run(
        a_check(
            "image.one",
            "candidate.ask('echo \\033[31mone', 'first\\x1b[0m\\x07')",
            "candidate.ask('echo two', '')",
            "assert False, 'message\\nmore of it'",
        )
    )["image.one"]
    assert finding.evidence == (
        "more of it\n$ echo one  (exit 1, 0.2 s)\nfirst\\x07\n$ echo two  (exit 1, 0.2 s)"
    )


def test_evidence_has_the_last_commands_of_this_check_only(run: Run) -> None:
    asks = [f"candidate.ask('ask {number}', '')" for number in range(9)]
    findings = run(
        a_check("image.one", *asks, "assert False"), a_check("image.two", "assert False")
    )
    asked = [line.split("  ")[0] for line in findings["image.one"].evidence.splitlines()]
    assert asked == ["$ ask 5", "$ ask 6", "$ ask 7", "$ ask 8"]
    assert findings["image.two"].evidence == ""


def test_a_note_is_of_this_check(run: Run) -> None:
    findings = run(a_check("image.one", "note('mine')"), a_check("image.two"))
    assert findings["image.two"].message == ""


def test_evidence_has_a_limit(run: Run) -> None:
    finding = run(a_check("image.one", "assert False, 'm\\n' + 'x' * 100_000"))["image.one"]
    assert len(finding.evidence) <= 8000


def test_an_error_stays_in_the_evidence_despite_later_output(run: Run) -> None:
    more = "'all is well here and nothing is to be seen\\n' * 70"
    finding = run(
        a_check(
            "image.one",
            f"candidate.ask('install', {more} + 'gremlins\\nE: it broke')",
            *(f"candidate.ask('ask {number}', {more} + str({number}))" for number in range(3)),
            "assert False, 'm'",
        )
    )["image.one"]
    assert len(finding.evidence) <= 8000
    lines = finding.evidence.splitlines()
    assert lines[0] == "$ install  (exit 1, 0.2 s)"
    assert "E: it broke" in lines
    assert lines[-1] == "2"


def test_an_unknown_answer_has_evidence_as_well(run: Run) -> None:
    finding = run(a_check("image.one", "candidate.ask('ask', 'said')", "unknown('odd')"))[
        "image.one"
    ]
    assert finding.evidence == "$ ask  (exit 1, 0.2 s)\nsaid"


def test_evidence_reports_a_command_that_was_killed_in_the_end(run: Run) -> None:
    run.candidate.ask = lambda command, _output: run.candidate.transcript.append(
        ShellResult(command, 137, b"", b"", 60.0, timed_out=True)
    )
    finding = run(a_check("image.one", "candidate.ask('hang', '')", "assert False"))["image.one"]
    assert finding.evidence == "$ hang  (did not end in time and was killed, 60.0 s)"
    assert finding.waited == 60


def test_a_finding_has_the_longest_failed_wait(run: Run) -> None:
    waits = a_check("image.one", "candidate.longest_wait = 12.5", "assert False")
    found = run(waits, a_check("image.two", "assert False"))
    assert (found["image.one"].waited, found["image.two"].waited) == (12.5, 0)


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ("Temporary failure resolving 'deb.debian.org'", Fault.NETWORK),
        ("No space left on device", Fault.HOST),
    ],
)
def test_a_cause_that_is_not_the_images_leaves_a_failure_unknown(
    run: Run, said: str, fault: Fault
) -> None:
    finding = run(
        a_check("packages.refresh", f'candidate.ask("update", "E: {said}")', "assert False, 'no'")
    )["packages.refresh"]
    assert (finding.outcome, finding.fault) == (Outcome.UNKNOWN, fault)
    assert finding.message.startswith("no: ")
    assert said in finding.evidence


@pytest.mark.parametrize(
    ("gone", "expected", "message"),
    [
        (None, unknown(Fault.HOST), "so not: a command was killed before it ended by itself"),
        (EngineUnavailable("no engine"), unknown(Fault.HOST), "no engine"),
    ],
    ids=repr,
)
def test_a_failure_after_the_end_of_the_candidate_is_unknown(
    run: Run, gone: Exception | None, expected: tuple[Outcome, Fault | None], message: str
) -> None:
    run.candidate.gone = gone
    run.candidate.ask = lambda command, _output: run.candidate.transcript.append(
        ShellResult(command, KILLED, b"", b"", 0.1, shell_lost=True)
    )
    finding = run(
        a_check("systemd.units", "candidate.boot", "candidate.ask('x', '')", "assert 0, 'so not'")
    )
    assert (finding["systemd.units"].outcome, finding["systemd.units"].fault) == expected
    assert finding["systemd.units"].message == message


def test_a_stopped_container_does_not_excuse_a_failure(run: Run) -> None:
    run.candidate.gone = ContainerStopped("it was stopped")
    finding = run(a_check("systemd.shutdown", "assert False, 'too slow'"))["systemd.shutdown"]
    assert (finding.outcome, finding.message) == (Outcome.FAILED, "too slow")


@pytest.mark.parametrize("said", ["Temporary failure resolving 'x'", "No space left on device"])
def test_a_proven_failure_is_the_images_fault_despite_its_evidence(run: Run, said: str) -> None:
    finding = run(
        a_check(
            "packages.refresh", f'candidate.ask("update", "{said}")', "proven('sources are gone')"
        )
    )["packages.refresh"]
    assert (finding.outcome, finding.fault) == FAILED
    assert finding.message == "sources are gone"
    assert said in finding.evidence


# A container that ends


STOPS = "raise ContainerStopped('it ended with exit code 7')"


def test_only_the_liveness_check_fails_if_the_container_never_came_up(
    run: Run,
) -> None:
    run.candidate.boots = ContainerStopped("it ended with exit code 7")
    run.candidate.log = "last words"
    findings = run(
        a_check("image.os"),
        a_check("image.libc", STOPS),
        a_check("packages.manager"),
        a_check("systemd.installed"),
        a_check("systemd.pid1"),
        a_check("systemd.state", needs=("systemd.pid1",)),
        a_check("workspace.user"),
    )
    pid1 = findings["systemd.pid1"]
    assert (pid1.outcome, pid1.fault) == (Outcome.FAILED, Fault.IMAGE)
    assert (pid1.message, pid1.evidence) == ("it ended with exit code 7", "last words")
    assert findings["image.os"].outcome is Outcome.PASSED
    rest = [each for id, each in findings.items() if id not in ("image.os", "systemd.pid1")]
    assert len(rest) == 5
    assert {(each.outcome, each.because) for each in rest} == {(Outcome.SKIPPED, "systemd.pid1")}


def test_the_evidence_of_an_init_that_ended_has_its_console_output(run: Run) -> None:
    run.candidate.boots = ContainerStopped("it ended")
    run.candidate.console = "Detected unsupported legacy cgroup hierarchy, refusing execution."
    pid1 = run(a_check("systemd.pid1"))["systemd.pid1"]
    assert (pid1.outcome, pid1.fault) == (Outcome.UNKNOWN, Fault.HOST)
    assert run.candidate.console in pid1.evidence


def test_image_shell_is_the_liveness_check_without_an_init(run: Run) -> None:
    run.candidate.job.launch, run.candidate.job.liveness_check = "idle", "image.shell"
    run.candidate.boots = ContainerStopped("it ended")
    findings = run(a_check("image.shell", "candidate.boot"), a_check("packages.manager"))
    assert findings["image.shell"].outcome is Outcome.FAILED
    assert findings["packages.manager"].because == "image.shell"


@pytest.fixture
def started_as_shipped(run: Run) -> Run:
    run.candidate.job.launch, run.candidate.job.liveness_check = "image", "services.supervisord"
    return run


SUPERVISED = (
    a_check("image.shell", "candidate.boot"),
    a_check("packages.manager", needs=("image.shell",)),
    a_check("services.supervisord", needs=("image.shell",)),
    a_check("services.logs", needs=("services.supervisord",)),
)


@pytest.mark.parametrize("refused", ["", 'exec: "/entrypoint": no such file'])
def test_an_own_command_that_does_not_stay_fails_what_it_was_to_start(
    started_as_shipped: Run, refused: str
) -> None:
    run = started_as_shipped
    run.candidate.job.start_error = refused
    run.candidate.boots = ContainerStopped("it ended")
    findings = run(*SUPERVISED)
    supervisord = findings.pop("services.supervisord")
    assert (supervisord.outcome, supervisord.message) == (Outcome.FAILED, "it ended")
    assert {each.outcome for each in findings.values()} == {Outcome.SKIPPED}
    assert findings["image.shell"].because == "services.supervisord"


def test_the_liveness_check_fails_for_an_own_command_that_ends_later(
    started_as_shipped: Run,
) -> None:
    findings = started_as_shipped(
        a_check("image.shell"),
        a_check("image.libc", STOPS),
        a_check("services.supervisord", STOPS, needs=("image.shell",)),
        a_check("services.logs"),
    )
    outcomes = {id: (each.outcome, each.because) for id, each in findings.items()}
    assert outcomes == {
        "image.shell": (Outcome.PASSED, None),
        "image.libc": (Outcome.SKIPPED, "services.supervisord"),
        "services.supervisord": (Outcome.FAILED, None),
        "services.logs": (Outcome.SKIPPED, "services.supervisord"),
    }


def test_a_failed_prerequisite_skips_the_liveness_check(started_as_shipped: Run) -> None:
    findings = started_as_shipped(
        a_check("image.shell", "assert False"),
        a_check("services.supervisord", needs=("image.shell",)),
    )
    assert findings["services.supervisord"].because == "image.shell"


@pytest.mark.parametrize(
    ("is_foreign", "outcome"), [(False, Outcome.FAILED), (True, Outcome.UNKNOWN)]
)
def test_a_command_of_the_wrong_format_is_the_images_where_the_host_could_run_it(
    started_as_shipped: Run, is_foreign: bool, outcome: Outcome
) -> None:
    candidate = started_as_shipped.candidate
    candidate.is_foreign = is_foreign
    candidate.log = "exec /entrypoint: exec format error"
    candidate.boots = ContainerStopped("it ended")
    assert started_as_shipped(*SUPERVISED)["services.supervisord"].outcome is outcome


def test_a_container_that_ends_in_mid_run_fails_the_check_that_saw_it(run: Run) -> None:
    run.candidate.log = "panic"
    findings = run(
        a_check("systemd.pid1"),
        a_check("systemd.units", STOPS),
        a_check("dockerd.running"),
        a_check("systemd.restart", last=3),
    )
    units = findings["systemd.units"]
    assert (units.outcome, units.message) == (Outcome.FAILED, "it ended with exit code 7")
    assert units.evidence == "panic"
    assert findings["systemd.pid1"].outcome is Outcome.PASSED
    for id in ("dockerd.running", "systemd.restart"):
        assert (findings[id].outcome, findings[id].because) == (Outcome.SKIPPED, "systemd.units")
        assert "systemd.units" in findings[id].message


def test_a_container_that_the_host_let_down_has_not_failed(run: Run) -> None:
    run.candidate.oom = True
    finding = run(a_check("systemd.pid1", STOPS))["systemd.pid1"]
    assert (finding.outcome, finding.fault) == (Outcome.UNKNOWN, Fault.LAUNCH)
    assert "--memory" in finding.remedy


def test_an_end_with_the_hosts_fault_in_the_log_is_unknown(run: Run) -> None:
    run.candidate.log = "Detected unsupported legacy cgroup hierarchy, refusing execution."
    finding = run(a_check("systemd.pid1", STOPS))["systemd.pid1"]
    assert (finding.outcome, finding.fault) == (Outcome.UNKNOWN, Fault.HOST)
    assert finding.message.startswith("it ended with exit code 7: ")


MODULES = "systemd-modules-load.service: Failed with result 'exit-code'."


@pytest.mark.parametrize(
    ("check_id", "outcome", "fault"),
    [
        ("systemd.units", Outcome.UNKNOWN, Fault.LAUNCH),
        ("dockerd.unit", Outcome.UNKNOWN, Fault.LAUNCH),
        ("workspace.git", Outcome.FAILED, Fault.IMAGE),
    ],
)
def test_signatures_of_the_journal_apply_to_groups_with_a_journal(
    run: Run, check_id: str, outcome: Outcome, fault: Fault
) -> None:
    finding = run(a_check(check_id, f'pytest.fail("not so\\n" + {MODULES!r})'))[check_id]
    assert (finding.outcome, finding.fault) == (outcome, fault)


def test_a_shell_that_cannot_be_started_skips_all_checks_that_need_one(run: Run) -> None:
    run.candidate.job.start_error = "no such file"
    findings = run(a_check("image.os"), a_check("packages.manager"), a_check("systemd.pid1"))
    assert findings["image.os"].outcome is Outcome.PASSED
    for id in ("packages.manager", "systemd.pid1"):
        assert findings[id].because == "image.shell"
    assert run.candidate.booted == 0


# What a check needs


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("assert False", "needs image.one, which failed"),
        ("unknown('x')", "needs image.one, which could not be answered"),
        ("pytest.skip('x')", "needs image.one, which was skipped"),
    ],
)
def test_a_chain_names_its_root(run: Run, body: str, said: str) -> None:
    findings = run(
        a_check("image.one", body),
        a_check("image.two", "raise SystemExit", needs=("image.one",)),
        a_check("image.three", "raise SystemExit", needs=("image.two",)),
        a_check("image.four", needs=()),
    )
    for id in ("image.two", "image.three"):
        assert (findings[id].outcome, findings[id].because) == (Outcome.SKIPPED, "image.one")
        assert findings[id].message == said
    assert findings["image.four"].outcome is Outcome.PASSED


def test_a_check_runs_if_its_needs_passed_or_are_not_in_the_run(run: Run) -> None:
    findings = run(
        a_check("image.one"), a_check("image.two", needs=("image.one", "image.of-another-profile"))
    )
    assert findings["image.two"].outcome is Outcome.PASSED


def test_a_skip_because_of_another_check_is_traced_to_its_root(run: Run) -> None:
    findings = run(
        a_check("image.one", "assert False"),
        a_check("image.two", "blocked_by('image.one', 'see there')"),
        a_check("image.three", needs=("image.two",)),
    )
    assert findings["image.two"].message == "see there"
    assert findings["image.three"].because == "image.one"
    assert findings["image.three"].message == "needs image.one, which failed"


def test_a_circle_of_skips_ends(run: Run) -> None:
    findings = run(
        a_check("image.one", "blocked_by('image.two', 'x')"),
        a_check("image.two", "blocked_by('image.one', 'x')"),
        a_check("image.three", needs=("image.two",)),
    )
    assert findings["image.three"].outcome is Outcome.SKIPPED


# What was to be installed


def missing(run: Run, *capabilities: str, family: str | None = "apt") -> None:
    run.candidate.boots = Boot(
        ready=False, phase="idle", missing=capabilities, installed=100, timeline={}
    )
    run.candidate.lacks = set(capabilities)
    run.candidate.package_manager = packages.family(family) if family else None


def test_a_capability_installed_at_launch_is_checked_like_others(run: Run) -> None:
    missing(run, "sudo")
    run.candidate.lacks = set()
    assert run(a_check("workspace.sudo", provides="sudo"))["workspace.sudo"].outcome is (
        Outcome.PASSED
    )


def test_a_missing_package_manager_explains_a_missing_capability(run: Run) -> None:
    missing(run, "sudo", family=None)
    run.candidate.job.checks = ("packages.manager",)
    finding = run(a_check("workspace.sudo", provides="sudo"))["workspace.sudo"]
    assert (finding.outcome, finding.because) == (Outcome.SKIPPED, "packages.manager")
    assert "ships no sudo" in finding.message


def test_a_missing_capability_fails_if_no_check_reports_the_package_manager(run: Run) -> None:
    missing(run, "sudo", family=None)
    finding = run(a_check("workspace.sudo", provides="sudo"))["workspace.sudo"]
    assert (finding.outcome, finding.fault) == (Outcome.FAILED, Fault.IMAGE)
    assert finding.message == "the image ships no sudo, and nothing can install it"


def test_a_capability_that_no_package_provides_is_the_images_failure(run: Run) -> None:
    missing(run, "systemd", family="apk")
    finding = run(a_check("systemd.pid1", provides="systemd"))["systemd.pid1"]
    assert (finding.outcome, finding.fault) == (Outcome.FAILED, Fault.IMAGE)
    assert "Alpine" in finding.message


@pytest.mark.parametrize("root", ["packages.refresh", "packages.install"])
def test_a_failed_installation_is_traced_to_the_package_checks(run: Run, root: str) -> None:
    missing(run, "dockerd")
    findings = run(a_check(root, "unknown('no network')"), a_check("dockerd.x", provides="dockerd"))
    finding = findings["dockerd.x"]
    assert (finding.outcome, finding.because) == (Outcome.SKIPPED, root)
    assert "dockerd and docker" in finding.message


def test_startup_provision_reports_a_failed_installation(run: Run) -> None:
    missing(run, "download")
    run.candidate.job.checks = ("startup.provision",)
    finding = run(a_check("workspace.x", provides="download"))["workspace.x"]
    assert (finding.outcome, finding.because) == (Outcome.SKIPPED, "startup.provision")


def test_the_log_of_the_installation_is_evidence_without_startup_provision(run: Run) -> None:
    missing(run, "download")
    run.candidate.log = "dpkg: error processing package"
    finding = run(a_check("workspace.x", provides="download"))["workspace.x"]
    assert finding.outcome is Outcome.FAILED
    assert finding.message.startswith("the image ships no curl or wget with CA certificates")
    assert "$ log of the container  (exit 100," in finding.evidence
    assert "dpkg: error" in finding.evidence


def test_an_installation_that_failed_without_a_network_is_unknown(run: Run) -> None:
    missing(run, "sudo")
    run.candidate.log = "Temporary failure resolving 'deb.debian.org'"
    finding = run(a_check("workspace.sudo", provides="sudo"))["workspace.sudo"]
    assert (finding.outcome, finding.fault) == (Outcome.UNKNOWN, Fault.NETWORK)


# What runs, in which order


def test_order(run: Run) -> None:
    run(
        a_check("systemd.shutdown", last=2),
        a_check("workspace.user"),
        a_check("own.mine"),
        a_check("dockerd.restart", last=1),
        a_check("image.two"),
        a_check("image.one"),
        own="def test_plain(): pass",
    )
    expected = [
        "image.two", "image.one", "workspace.user", "own.mine", "own.plain", "dockerd.restart",
        "systemd.shutdown",
    ]  # fmt: skip
    assert run.began == [finding.id for finding in run.reported] == expected
    assert [spec.claim.id for spec in run.specs] == expected


def test_only_shipped_checks_that_the_profiles_name_run(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.candidate.job.checks = ("image.two",)
    checks = a_check("image.one"), a_check("image.two")
    monkeypatch.setattr(own_checks, "suite_directory", lambda: run.pytester.path)
    assert set(run(*checks, own="def test_plain(): pass")) == {"image.two", "own.plain"}


def test_all_own_checks_run(run: Run) -> None:
    run.candidate.job.checks = ("image.two",)
    assert set(run(a_check("image.one"), a_check("image.two"))) == {"image.one", "image.two"}


def test_the_host_fixture_is_the_candidate_despite_testinfras_plugin(run: Run) -> None:
    own = "def test_host(host, candidate): assert host is candidate.host"
    run.arguments = ("-p", "testinfra.plugin")
    run.candidate.host = object()  # type: ignore[attr-defined]
    assert run(own=own)["own.host"].outcome is Outcome.PASSED


# Several checks of one id: none may hide another's failure


WORSE = [
    ("assert False, 'bad'", "pass", Outcome.FAILED),
    ("pass", "assert False, 'bad'", Outcome.FAILED),
    ("assert False, 'bad'", "unknown('x')", Outcome.FAILED),
    ("unknown('x')", "assert False, 'bad'", Outcome.FAILED),
    ("unknown('bad')", "pass", Outcome.UNKNOWN),
    ("pytest.skip('bad')", "pass", Outcome.SKIPPED),
    ("pytest.skip('x')", "unknown('bad')", Outcome.UNKNOWN),
]


@pytest.mark.parametrize(("first", "second", "outcome"), WORSE)
def test_the_worse_of_two_tests_of_one_name_counts(
    run: Run, first: str, second: str, outcome: Outcome
) -> None:
    one = f"def test_same():\n    {first}\n"
    findings = run(one, own=HEAD + f"def test_same():\n    {second}\n")
    assert (findings["own.same"].outcome, findings["own.same"].message) == (outcome, "bad")
    assert run.reported[-1] == findings["own.same"], "the last word is what counts"


def test_a_failure_of_one_parameter_stays(run: Run) -> None:
    check = a_check("image.one", "assert number != 2, str(number)").replace(
        "(candidate, note)", "(number)"
    )
    findings = run("@pytest.mark.parametrize('number', [1, 2, 3])\n" + check)
    assert (findings["image.one"].outcome, findings["image.one"].message) == (Outcome.FAILED, "2")


def test_findings_have_a_duration(run: Run) -> None:
    finding = run(a_check("image.one"))["image.one"]
    assert 0 <= finding.seconds < 60


def test_the_candidate_is_what_the_fixtures_hand_out(run: Run) -> None:
    seen: list[Any] = []
    run.candidate.ask = lambda command, output: seen.append((command, output))
    run(a_check("image.one", "candidate.ask('a', 'b')"))
    assert seen == [("a", "b")]


def test_own_checks_are_outside_the_shipped_folder(run: Run) -> None:
    """The tests above rest on it: a folder that is not the suite's own."""
    assert not Path(str(run.pytester.path)).is_relative_to(Path(__file__).parents[2] / "checks")
