"""Conducts a run of the checks: their order, what each needs, and what each said."""

from __future__ import annotations

from collections.abc import Callable, Generator

import pytest

from certify.engine.container import ContainerStopped
from certify.engine.session import ShellResult
from certify.judge.excerpts import EVIDENCE_LIMIT, excerpt
from certify.model.finding import Finding
from certify.model.terms import Outcome
from certify.suite import fixtures
from certify.suite.candidate import Candidate
from certify.suite.claims import Spec, blocked_by, run_order, spec_of
from certify.suite.host import Transcript
from certify.suite.outcomes import Outcomes
from certify.util.text import one_line, printable

_SPEC = pytest.StashKey[Spec]()
_SEVERITY = (Outcome.PASSED, Outcome.SKIPPED, Outcome.UNKNOWN, Outcome.FAILED)
_PROVISION = "startup.provision"
"""The check that answers for what could not be installed at launch."""


class Conductor:
    """A pytest plugin for one candidate; tells ``tell`` what every check said."""

    def __init__(self, candidate: Candidate, transcript: Transcript) -> None:
        self.candidate = candidate
        self.transcript = transcript
        self.findings: dict[str, Finding] = {}
        self.tell: Callable[[Finding], None] = lambda _finding: None
        self.told_specs: Callable[[list[Spec]], None] = lambda _specs: None
        self._meanings = Outcomes(candidate, transcript)
        self._note = ""

    def running(self, check_id: str) -> None:
        """A check begins; nothing to do here, but a subclass may say so."""

    def note(self, line: str) -> None:
        """Remember what was seen, for the message of a check that passes."""
        self._note = line

    # What runs, in which order

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Testinfra's own plugin gives `host` another meaning; here it is the candidate."""
        for plugin in list(config.pluginmanager.get_plugins()):
            if getattr(plugin, "__name__", "") == "testinfra.plugin":
                config.pluginmanager.unregister(plugin)
        config.pluginmanager.register(fixtures, "certify-fixtures")

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Order the checks, and leave out what the profile does not name."""
        kept: list[pytest.Item] = []
        left: list[pytest.Item] = []
        for item in items:
            spec = spec_of(getattr(item, "function", None), item.name)
            item.stash[_SPEC] = spec
            declared = hasattr(getattr(item, "function", None), "certify_check")
            only = self.candidate.job.only
            wanted = not only or not declared or spec.claim.id in only or _is_own(item)
            (kept if wanted else left).append(item)
        items[:] = sorted(kept, key=lambda item: run_order(item.stash[_SPEC]))
        if left:
            config.hook.pytest_deselected(items=left)
        self.told_specs([item.stash[_SPEC] for item in items])

    # What each check needs

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Skip a check whose prerequisite did not pass, and say which."""
        spec = item.stash[_SPEC]
        self.running(spec.claim.id)
        self.transcript.clear()
        self.candidate.in_vain = 0.0
        self._note = ""
        for needed in spec.claim.needs:
            finding = self.findings.get(needed)
            if finding is not None and finding.outcome is not Outcome.PASSED:
                root = self._root(finding)
                if spec.claim.id in (root.id, root.because):
                    continue  # what waits for this check cannot hold it up
                if root.because:  # a check that comes later tells of the cause
                    blocked_by(root.because, root.message)
                blocked_by(root.id, f"needs {root.id}, which {_said(root)}")
        ended_by = self._meanings.ended_by
        if ended_by and spec.claim.id != ended_by:
            blocked_by(ended_by, f"the container had ended before ({ended_by})")
        if spec.claim.group != "image":
            self._require_boot(spec)

    def _root(self, finding: Finding) -> Finding:
        """The check at the start of a chain of checks that could not be asked."""
        seen = {finding.id}
        while finding.because in self.findings and finding.because not in seen:
            seen.add(finding.because)
            finding = self.findings[finding.because]
        return finding

    @property
    def _anchor(self) -> str:
        """The check that answers for a container that does not stay up."""
        return self.candidate.job.liveness_check

    def _require_boot(self, spec: Spec) -> None:
        if self.candidate.job.refused and self.candidate.job.launch != "image":
            blocked_by("image.shell", "needs image.shell: the image's shell cannot be started")
        try:
            boot = self.candidate.boot
        except ContainerStopped as stopped:
            if spec.claim.id == self._anchor:
                raise
            blocked_by(self._anchor, f"needs {self._anchor}: {stopped}")
        if spec.claim.id == _PROVISION and boot.missing and boot.installed != 0:
            self._packages_first(f"installing {', '.join(boot.missing)} at launch failed")
        wanted = spec.provides
        if wanted and wanted in boot.missing and self.candidate.still_lacking(wanted):
            self._explain_missing(wanted)

    def _explain_missing(self, capability: str) -> None:
        """The launch was to install it, and it is not there: say whose fault that is."""
        family = self.candidate.family
        what = f"the image ships no {_CAPABILITY_NAMES.get(capability, capability)}"
        if family is None:
            what = f"{what}, and nothing can install it"
            reason = f"needs packages.manager, which failed: {what}"
            self.candidate.leave_to("packages.manager", reason)
            pytest.fail(what)
        if capability in family.unavailable:
            pytest.fail(f"{what}, and it cannot be installed: {family.unavailable[capability]}")
        self._packages_first(what)
        installed = self.candidate.boot.installed
        if installed != 0:
            failed = f"{what}, and installing at launch failed"
            self.candidate.leave_to(_PROVISION, f"needs {_PROVISION}: {failed}")
        log = self.candidate.logs(80)
        self.transcript.append(
            ShellResult("log of the container", installed or 0, log.encode(), b"", 0)
        )
        pytest.fail(f"{what}, and what was installed at launch did not bring it")

    def _packages_first(self, what: str) -> None:
        """Where packages cannot be fetched or installed at all, that is the cause."""
        for check_id in ("packages.refresh", "packages.install"):
            finding = self.findings.get(check_id)
            if finding is not None and finding.outcome is not Outcome.PASSED:
                root = self._root(finding)
                blocked_by(check_id, f"needs {root.id}, which {_said(root)}: {what}")

    # What each check said

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Turn the end of a check, or of its cleaning up, into a finding."""
        report = yield
        if call.when == "call" or call.excinfo is not None:
            finding = self._worse(self._finding(item.stash[_SPEC], call))
            self.findings[finding.id] = finding
            self.tell(finding)
        return report

    def _worse(self, finding: Finding) -> Finding:
        """What counts if an id has spoken before: tests of one name must not hide each other."""
        before = self.findings.get(finding.id, finding)
        return max(before, finding, key=lambda each: _SEVERITY.index(each.outcome))

    def _finding(self, spec: Spec, call: pytest.CallInfo[None]) -> Finding:
        error = call.excinfo.value if call.excinfo else None
        outcome, message, evidence, fault = self._meanings.of(
            spec, error, note=self._note, is_anchored=self._anchor in self.findings
        )
        return Finding(
            id=spec.claim.id,
            outcome=outcome,
            seconds=round(call.duration, 3),
            message=one_line(message),
            evidence=excerpt(printable(evidence), EVIDENCE_LIMIT),
            because=self._because(error) if outcome is Outcome.SKIPPED else None,
            fault=fault,
            waited=self._waited(),
        )

    def _waited(self) -> float:
        """The longest wait that was given up: for a command, or for what a check waited for."""
        killed = (answer.seconds for answer in self.transcript if answer.timed_out)
        return round(max(self.candidate.in_vain, *killed, 0.0), 3)

    def _because(self, error: BaseException | None) -> str | None:
        return (
            self._anchor if isinstance(error, ContainerStopped) else getattr(error, "because", None)
        )


_CAPABILITY_NAMES = {
    "dockerd": "dockerd and docker",
    "download": "curl or wget with CA certificates",
    "user": "useradd or adduser",
}


def _said(finding: Finding) -> str:
    return {
        Outcome.FAILED: "failed",
        Outcome.SKIPPED: "was not asked",
        Outcome.UNKNOWN: "could not be answered",
    }.get(finding.outcome, finding.outcome.value)


def _is_own(item: pytest.Item) -> bool:
    """Whether the check comes from a folder of the user's own."""
    from certify.suite.catalogue import suite_directory  # noqa: PLC0415

    return not item.path.is_relative_to(suite_directory())
