"""Conducts a run of the checks: their order, what each needs, and what each said."""

from __future__ import annotations

from collections.abc import Callable, Generator

import pytest

from certify.engine.candidate import CandidateStopped
from certify.engine.session import Answer, SessionLost
from certify.errors import Trouble
from certify.judge.case import EVIDENCE_LIMIT
from certify.judge.diagnosis import Diagnosis, diagnose
from certify.model import Fault, Finding, Outcome
from certify.safetext import one_line, printable
from certify.suite import fixtures
from certify.suite.claims import CheckUnknown, Proven, Spec, blocked_by, run_order, spec_of
from certify.suite.host import Transcript
from certify.suite.subject import Subject

_SPEC = pytest.StashKey[Spec]()
_Meaning = tuple[Outcome, str, str, Fault | None]  # with message, evidence, and whose fault
_SEVERITY = (Outcome.PASSED, Outcome.SKIPPED, Outcome.UNKNOWN, Outcome.FAILED)
_PROVISION = "startup.provision"
"""The check that answers for what could not be installed at launch."""
_OUTPUT_LIMIT = 3000


class Conductor:
    """A pytest plugin for one candidate; tells ``tell`` what every check said."""

    def __init__(self, subject: Subject, transcript: Transcript) -> None:
        self.subject = subject
        self.transcript = transcript
        self.findings: dict[str, Finding] = {}
        self.tell: Callable[[Finding], None] = lambda _finding: None
        self.told_specs: Callable[[list[Spec]], None] = lambda _specs: None
        self._note = ""
        self._ended_by: str | None = None

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
            only = self.subject.job.only
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
        self.subject.in_vain = 0.0
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
        if self._ended_by and spec.claim.id != self._ended_by:
            blocked_by(self._ended_by, f"the container had ended before ({self._ended_by})")
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
        return self.subject.job.anchor

    def _require_boot(self, spec: Spec) -> None:
        if self.subject.job.refused and self.subject.job.launch != "image":
            blocked_by("image.shell", "needs image.shell: the image's shell cannot be started")
        try:
            boot = self.subject.boot
        except CandidateStopped as stopped:
            if spec.claim.id == self._anchor:
                raise
            blocked_by(self._anchor, f"needs {self._anchor}: {stopped}")
        if spec.claim.id == _PROVISION and boot.missing and boot.installed != 0:
            self._packages_first(f"installing {', '.join(boot.missing)} at launch failed")
        wanted = spec.provides
        if wanted and wanted in boot.missing and self.subject.still_lacking(wanted):
            self._explain_missing(wanted)

    def _explain_missing(self, capability: str) -> None:
        """The launch was to install it, and it is not there: say whose fault that is."""
        family = self.subject.family
        what = f"the image ships no {_CAPABILITY_NAMES.get(capability, capability)}"
        if family is None:
            blocked_by(
                "packages.manager",
                f"needs packages.manager, which failed: {what}, and nothing can install it",
            )
        if capability in family.unavailable:
            pytest.fail(f"{what}, and it cannot be installed: {family.unavailable[capability]}")
        self._packages_first(what)
        installed = self.subject.boot.installed
        if installed != 0 and self.subject.asks(_PROVISION):
            blocked_by(_PROVISION, f"needs {_PROVISION}: {what}, and installing at launch failed")
        log = self.subject.logs(80)
        self.transcript.append(Answer("log of the container", installed or 0, log.encode(), b"", 0))
        pytest.fail(f"{what}, and what was installed at launch did not bring it")

    def _packages_first(self, what: str) -> None:
        """Where packages cannot be fetched or installed at all, that is the cause."""
        for check_id in ("packages.refresh", "packages.install"):
            finding = self.findings.get(check_id)
            if finding is not None and finding.outcome is not Outcome.PASSED:
                root = self._root(finding)
                blocked_by(root.id, f"needs {root.id}, which {_said(root)}: {what}")

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
        outcome, message, evidence, fault = self._meaning(spec, error)
        return Finding(
            id=spec.claim.id,
            outcome=outcome,
            seconds=round(call.duration, 3),
            message=one_line(message),
            evidence=printable(evidence, limit=EVIDENCE_LIMIT),
            because=self._because(error) if outcome is Outcome.SKIPPED else None,
            fault=fault,
            waited=self._waited(),
        )

    def _waited(self) -> float:
        """The longest wait that was given up: for a command, or for what a check waited for."""
        killed = (answer.seconds for answer in self.transcript if answer.timed_out)
        return round(max(self.subject.in_vain, *killed, 0.0), 3)

    def _because(self, error: BaseException | None) -> str | None:
        return (
            self._anchor if isinstance(error, CandidateStopped) else getattr(error, "because", None)
        )

    def _meaning(self, spec: Spec, error: BaseException | None) -> _Meaning:
        said = str(error).strip()
        match error:
            case None:
                return Outcome.PASSED, self._note, "", None
            case pytest.skip.Exception():
                return Outcome.SKIPPED, said, "", None
            case CandidateStopped():
                return self._stopped(spec, said)
            case Proven():
                return Outcome.FAILED, said, self._transcript_text(), Fault.IMAGE
            case AssertionError() | pytest.fail.Exception():
                return self._failed(spec, said)
            case CheckUnknown():
                message, fault = said, Fault.HOST
            case Trouble():
                message, fault = said, error.fault
            case SessionLost():
                message, fault = f"the shell was lost: {said}", Fault.TOOL
            case _:
                message = f"the check itself broke: {type(error).__name__}: {said}"
                fault = Fault.TOOL
        return Outcome.UNKNOWN, message, self._transcript_text(), fault

    def _must_stand(self) -> None:
        """What is not so of a candidate proves nothing if the engine, or it, was gone when asked.

        Raises :class:`~certify.errors.EngineUnavailable`, or :class:`CandidateStopped`.
        """
        if any(answer.shell_lost for answer in self.transcript):
            self.subject.engine_side.must_run()
        self.subject.engine_side.state()

    def _failed(self, spec: Spec, said: str) -> _Meaning:
        """What was claimed is not so; but a cause that is not the image's leaves it unknown."""
        try:
            self._must_stand()
        except (CandidateStopped, Trouble) as gone:
            return self._meaning(spec, gone)
        first, _, rest = said.partition("\n")
        evidence = "\n".join(part for part in (rest.strip(), self._transcript_text()) if part)
        message = first or f"not so: {spec.claim.claim}"
        diagnosis = diagnose(evidence, where=_TEXTS.get(spec.claim.group, spec.claim.group))
        if diagnosis and diagnosis.cause not in message:
            message = f"{message}: {diagnosis.cause}"
        if diagnosis and diagnosis.fault is not Fault.IMAGE:
            return Outcome.UNKNOWN, message, evidence, diagnosis.fault
        return Outcome.FAILED, message, evidence, Fault.IMAGE

    def _stopped(self, spec: Spec, said: str) -> _Meaning:
        """The container ended by itself while this check was asking."""
        log, job = self.subject.logs(), self.subject.job
        early = "boot" not in vars(self.subject)
        # What the image itself starts is the anchor's to judge, also if it ends somewhat later.
        early = early or (job.launch == "image" and self._anchor not in self.findings)
        if spec.claim.id != self._anchor and early:
            return Outcome.SKIPPED, f"needs {self._anchor}: {said}", log, None
        self._ended_by = spec.claim.id
        state = self.subject.engine_side.state()
        if state.oom_killed:
            return Outcome.UNKNOWN, said, log, Fault.LAUNCH
        if state.killed:
            return Outcome.UNKNOWN, said, log, Fault.HOST
        if job.launch == "init" and early:
            log += self.subject.last_words()
        diagnosis = diagnose(f"{job.refused}\n{log}", where="log")
        if diagnosis and diagnosis.fault is not Fault.IMAGE and not self._is_own_script(diagnosis):
            return Outcome.UNKNOWN, f"{said}: {diagnosis.cause}", log, diagnosis.fault
        cause = f": {diagnosis.cause}" if diagnosis else ""
        return Outcome.FAILED, said + cause, log, Fault.IMAGE

    def _is_own_script(self, diagnosis: Diagnosis) -> bool:
        """Whether a program of the wrong format is the image's: the host can run what it is for."""
        image = self.subject.job.launch == "image"
        return image and diagnosis.name == "exec-format" and not self.subject.foreign

    def _transcript_text(self) -> str:
        """The last commands of this check with what they answered."""
        return "\n".join(_answer_text(answer) for answer in self.transcript[-4:])


_TEXTS = {"systemd": "journal", "dockerd": "journal"}
"""What the evidence of a group's checks is, where that has another name."""
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


def _answer_text(answer: Answer) -> str:
    command = one_line(answer.command, limit=200)
    end = "did not end in time and was killed" if answer.timed_out else f"exit {answer.rc}"
    output = printable(answer.stdout + answer.stderr, limit=_OUTPUT_LIMIT).rstrip()
    return f"$ {command}  ({end}, {answer.seconds:.1f} s)" + (f"\n{output}" if output else "")
