"""Conducts a run of the checks: their order, their prerequisites and their findings."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator, Iterator

import pytest

from certify.engine.container_state import ContainerStopped
from certify.engine.packages import Family
from certify.engine.session import KILLED, SessionLost, ShellResult
from certify.judge.excerpts import EVIDENCE_LIMIT, excerpt
from certify.model.errors import Trouble
from certify.model.finding import Finding
from certify.model.terms import Fault, Outcome
from certify.suite import fixtures
from certify.suite.candidate import Candidate
from certify.suite.claims import Spec, blocked_by, proven, run_order, spec_of, unknown
from certify.suite.outcomes import Outcomes
from certify.suite.own_checks import explain, is_own
from certify.util.text import one_line, printable

_SPEC = pytest.StashKey[Spec]()
_SEVERITY = (Outcome.PASSED, Outcome.SKIPPED, Outcome.UNKNOWN, Outcome.FAILED)
_PROVISION = "startup.provision"
"""The check that fails if an installation at launch fails."""


class Conductor:
    """A pytest plugin that runs the checks of one candidate; subclasses pass on its reports."""

    def __init__(self, candidate: Candidate) -> None:
        self.candidate = candidate
        self.findings: dict[str, Finding] = {}
        self._outcomes = Outcomes(candidate)
        self._note = ""
        self._began = 0.0
        self.lane = ""
        """The lane of the checks that run now; empty if they run alone."""
        self._reports = True

    def spec(self, item: pytest.Item) -> Spec:
        """Return the spec of a check that was collected."""
        return item.stash[_SPEC]

    def outcome(self, item: pytest.Item) -> Outcome:
        """Return the outcome of a check that ran."""
        return self.findings[self.spec(item).claim.id].outcome

    @contextlib.contextmanager
    def unreported(self) -> Iterator[None]:
        """Report none of the checks that run during the block."""
        self._reports = False
        try:
            yield
        finally:
            self._reports = True

    def take(self, finding: Finding) -> None:
        """Keep a finding, for the checks that need it."""
        self.findings[finding.id] = finding

    def report_specs(self, specs: list[Spec]) -> None:
        """Take the specs of all checks that are about to run, in their order."""

    def report_start(self, check_id: str) -> None:
        """Take the id of a check that begins."""

    def report(self, finding: Finding) -> None:
        """Take the finding of a check; a later one of the same id replaces it."""

    def note(self, line: str) -> None:
        """Keep a line for the message of the current check, should it pass."""
        self._note = line

    # Selection and order

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Register the fixtures, without those of testinfra, whose `host` is this machine."""
        for plugin in list(config.pluginmanager.get_plugins()):
            if getattr(plugin, "__name__", "") == "testinfra.plugin":
                config.pluginmanager.unregister(plugin)
        config.stash[fixtures.CANDIDATE] = self.candidate
        config.stash[fixtures.NOTE] = self.note
        config.pluginmanager.register(fixtures, "certify-fixtures")

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Order the checks, and deselect shipped ones that the profiles do not name."""
        selected: list[pytest.Item] = []
        others: list[pytest.Item] = []
        for item in items:
            spec = spec_of(getattr(item, "function", None), item.name)
            item.stash[_SPEC] = spec
            declared = hasattr(getattr(item, "function", None), "certify_check")
            names = self.candidate.job.checks
            is_selected = not names or not declared or spec.claim.id in names or is_own(item)
            (selected if is_selected else others).append(item)
        items[:] = sorted(selected, key=lambda item: run_order(item.stash[_SPEC]))
        if others:
            config.hook.pytest_deselected(items=others)
        self.report_specs([item.stash[_SPEC] for item in items])

    # Prerequisites

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Skip a check if a prerequisite did not pass, and name that one."""
        spec = item.stash[_SPEC]
        if self._reports:
            self.report_start(spec.claim.id)
        self._began = time.monotonic()
        self.candidate.transcript.clear()
        self.candidate.longest_wait = 0.0
        self._note = ""
        for needed in spec.claim.needs:
            finding = self.findings.get(needed)
            if finding is not None and finding.outcome is not Outcome.PASSED:
                root = self._root(finding)
                if spec.claim.id in (root.id, root.because):
                    continue  # the prerequisite itself waits for this check
                if root.because:  # a check that runs later reports the cause
                    blocked_by(root.because, root.message)
                blocked_by(root.id, f"needs {root.id}, which {_end_of(root)}")
        ended_during = self._outcomes.ended_during
        if ended_during and spec.claim.id != ended_during:
            blocked_by(ended_during, f"the container had ended before ({ended_during})")
        if self.candidate.job.launch == "nested":
            self._require_base(spec)
        elif spec.claim.group != "image":
            self._require_boot(spec)

    def _root(self, finding: Finding) -> Finding:
        """Return the finding at the start of a chain of skipped checks."""
        seen = {finding.id}
        while finding.because in self.findings and finding.because not in seen:
            seen.add(finding.because)
            finding = self.findings[finding.because]
        return finding

    @property
    def _liveness_check(self) -> str:
        """The id of the check that fails if the container does not stay up."""
        return self.candidate.job.liveness_check

    def _require_base(self, spec: Spec) -> None:
        """End a check of a service as unknown if its base image did not boot."""
        if spec.claim.group == "image":
            return
        if self.candidate.job.start_error or not self.candidate.boot.ready:
            unknown("the base image did not boot, so the service was not started in it")

    def _require_boot(self, spec: Spec) -> None:
        if self.candidate.job.start_error and self.candidate.job.launch != "image":
            blocked_by("image.shell", "needs image.shell: the image's shell cannot be started")
        try:
            boot = self.candidate.boot
        except ContainerStopped as stopped:
            if spec.claim.id == self._liveness_check:
                raise
            blocked_by(self._liveness_check, f"needs {self._liveness_check}: {stopped}")
        if spec.claim.id == _PROVISION and boot.missing and boot.installed != 0:
            self._skip_without_packages(f"installing {', '.join(boot.missing)} at launch failed")
        capability = spec.provides
        if capability and capability in boot.missing and self.candidate.is_missing(capability):
            self.candidate.fail_if_unusable(capability)
            self._explain_missing(capability)

    def _explain_missing(self, capability: str) -> None:
        """End a check whose capability the launch did not install, with the cause of that."""
        manager = self.candidate.package_manager
        problem = f"the image ships no {_CAPABILITY_NAMES.get(capability, capability)}"
        if manager is None:
            problem = f"{problem}, and nothing can install it"
            reason = f"needs packages.manager, which failed: {problem}"
            self.candidate.defer_to("packages.manager", reason)
            pytest.fail(problem)
        if not manager.provides(capability):
            why = manager.reason_without(capability, (self.candidate.os_release or {}).get("ID"))
            proven(f"{problem}, and it cannot be installed: {why.reason}", remedy=why.remedy)
        self._skip_without_packages(problem)
        if "packages.refresh" in self.findings and (absent := self._absent(manager, capability)):
            elsewhere = manager.elsewhere.get(capability)
            reason = f"{problem}, and its repositories have no package {absent}"
            proven(
                f"{reason}: {elsewhere.reason}" if elsewhere else reason,
                remedy=elsewhere.remedy if elsewhere else "",
            )
        installed = self.candidate.boot.installed
        if installed != 0:
            failed = f"{problem}, and installing at launch failed"
            self.candidate.defer_to(_PROVISION, f"needs {_PROVISION}: {failed}")
        log = self.candidate.logs(80)
        self.candidate.transcript.append(
            ShellResult("log of the container", installed or 0, log.encode(), b"", 0)
        )
        pytest.fail(f"{problem}, and the packages that were installed at launch did not bring it")

    def _absent(self, manager: Family, capability: str) -> str:
        """Return the packages of a capability of which the repositories have none; or nothing."""
        for names in manager.choices(capability):
            found = [self.candidate.run(manager.command("exists", name)).rc for name in names]
            if 0 not in found and KILLED not in found:  # which would prove nothing
                return " or ".join(names)
        return ""

    def _skip_without_packages(self, problem: str) -> None:
        """Skip the check if no package can be fetched or installed: that is the cause."""
        for check_id in ("packages.refresh", "packages.install"):
            finding = self.findings.get(check_id)
            if finding is not None and finding.outcome is not Outcome.PASSED:
                root = self._root(finding)
                blocked_by(check_id, f"needs {root.id}, which {_end_of(root)}: {problem}")

    # Findings

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Turn the end of a check, or of its cleanup, into a finding."""
        report = yield
        if call.when == "call" or call.excinfo is not None:
            finding = self._worse(self._finding(item, call))
            self.take(finding)
            if self._reports:
                self.report(finding)
        return report

    def _worse(self, finding: Finding) -> Finding:
        """Return the worse of a finding and an earlier one of the same id."""
        before = self.findings.get(finding.id, finding)
        return max(before, finding, key=lambda each: _SEVERITY.index(each.outcome))

    def _finding(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Finding:
        spec, error = item.stash[_SPEC], call.excinfo.value if call.excinfo else None
        outcome, message, evidence, fault, remedy = self._outcomes.classify(
            spec, error, note=self._note, is_alive=self._liveness_check in self.findings
        )
        broke = fault is Fault.TOOL and not isinstance(error, Trouble | SessionLost)
        if broke and call.excinfo and is_own(item):
            (message, remedy), fault = explain(item, call.excinfo), None
        return Finding(
            id=spec.claim.id,
            outcome=outcome,
            seconds=round(call.duration, 3),
            message=one_line(message),
            evidence=excerpt(printable(evidence), EVIDENCE_LIMIT),
            because=self._because(error) if outcome is Outcome.SKIPPED else None,
            fault=fault,
            remedy=remedy,
            waited=self._longest_wait(),
            began=self._began,
            lane=self.lane,
        )

    def _longest_wait(self) -> float:
        """Return the seconds of the longest wait, for a command or a condition, that failed."""
        killed = (answer.seconds for answer in self.candidate.transcript if answer.timed_out)
        return round(max(self.candidate.longest_wait, *killed, 0.0), 3)

    def _because(self, error: BaseException | None) -> str | None:
        if isinstance(error, ContainerStopped):
            return self._liveness_check
        return getattr(error, "because", None)


_CAPABILITY_NAMES = {
    "dockerd": "dockerd and docker",
    "download": "curl or wget with CA certificates",
    "user": "useradd or adduser",
}


def _end_of(finding: Finding) -> str:
    return {
        Outcome.FAILED: "failed",
        Outcome.SKIPPED: "was skipped",
        Outcome.UNKNOWN: "could not be answered",
    }.get(finding.outcome, finding.outcome.value)
