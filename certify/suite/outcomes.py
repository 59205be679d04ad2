"""Classifies the end of each check: its outcome, and whose fault a failure is."""

from __future__ import annotations

import contextlib
from typing import NamedTuple

import pytest

from certify.engine.boot import Boot
from certify.engine.container_state import ContainerStopped
from certify.engine.session import KILLED, CommandLost, SessionLost, ShellResult
from certify.judge.diagnosis import Diagnosis, diagnose
from certify.judge.excerpts import printed
from certify.judge.groups import evidence_of
from certify.judge.proof import prove
from certify.model.errors import Trouble
from certify.model.terms import Fault, Outcome
from certify.suite.candidate import Candidate
from certify.suite.claims import CheckUnknown, Proven, Spec
from certify.suite.facts import Facts
from certify.util.text import one_line, printable

_FAILURES = (AssertionError, pytest.fail.Exception)
_OUTPUT_LIMIT = 3000
_MORE_MEMORY = "Allow more with --memory, then run again."
# The number of processes that were killed for lack of memory, under cgroup v2 and v1.
_OOM_KILLS = """\
for f in /sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control; do
  while read -r key count; do [ "$key" != oom_kill ] || echo "$count"; done <$f
done 2>/dev/null"""


class CheckOutcome(NamedTuple):
    """The outcome of one check, with its message, its evidence and whose fault it is, if any."""

    outcome: Outcome
    message: str
    evidence: str
    fault: Fault | None
    remedy: str = ""
    """The remedy of the cause; empty if the cause is not known."""


class Outcomes:
    """Maps the end of each check of one candidate to an outcome, a message and a fault."""

    def __init__(self, candidate: Candidate) -> None:
        self._candidate = candidate
        self.ended_during: str | None = None
        """The id of the check during which the container ended by itself."""

    def classify(
        self, spec: Spec, error: BaseException | None, *, note: str, is_alive: bool
    ) -> CheckOutcome:
        """Return the outcome of a check that ended with an error, or without one.

        ``note`` is the message if it passed. ``is_alive`` is True once the liveness check has run.
        """
        if isinstance(error, (*_FAILURES, SessionLost)) and not isinstance(error, Proven):
            error = self._earlier_end(error) or error
        if isinstance(error, ContainerStopped):
            try:
                return self._container_ended(spec, str(error).strip(), is_alive=is_alive)
            except Trouble as trouble:  # the engine does not tell why it ended
                error = trouble
        text, remedy = str(error).strip(), ""
        match error:
            case None:
                return CheckOutcome(Outcome.PASSED, note, "", None)
            case pytest.skip.Exception():
                return CheckOutcome(Outcome.SKIPPED, text, "", None)
            case Proven():
                seen = self._transcript_text()
                return CheckOutcome(Outcome.FAILED, text, seen, Fault.IMAGE, error.remedy)
            case AssertionError() | pytest.fail.Exception():
                return self._failure(spec, error, text)
            case CheckUnknown():
                message, fault = text, Fault.HOST
            case Trouble():
                message, fault = text, error.fault
            case SessionLost():
                cause, fault, remedy = self._kill_cause(error) or ("", Fault.TOOL, "")
                message = f"the shell was lost: {text}{cause and f': {cause}'}"
            case _:
                message = f"the check itself broke: {type(error).__name__}: {text}"
                fault = Fault.TOOL
        return CheckOutcome(Outcome.UNKNOWN, message, self._transcript_text(), fault, remedy)

    def _earlier_end(self, error: BaseException) -> ContainerStopped | Trouble | None:
        """Return the end of the engine or the candidate, if a failure only follows from it."""
        try:
            ended = self._candidate.container.state().killed and self._candidate.stopped is None
            if ended or self._shell_was_lost(error):
                self._candidate.container.require_running()
        except (ContainerStopped, Trouble) as gone:
            return gone
        return None

    def _evidence_kind(self, spec: Spec) -> str:
        """Return the kind of text that a check's evidence is, as signatures of causes name it."""
        if self._boot and spec.provides in self._boot.missing:
            return "packages"  # the log of the installation at launch
        return evidence_of(spec.claim.group)

    @property
    def _boot(self) -> Boot | None:
        """The outcome of the launch; None until it is known."""
        return vars(self._candidate).get("boot")

    def _kill_cause(self, error: BaseException) -> tuple[str, Fault, str] | None:
        """Return the cause, the fault and the remedy if a command was killed, and not by certify.

        Programs that kill themselves look the same: such an image stays unknown.
        """
        if self._out_of_memory():
            return "the memory that the container was given ran out", Fault.LAUNCH, _MORE_MEMORY
        killed = any(
            each.rc == KILLED and not each.timed_out for each in self._candidate.transcript
        )
        killed = killed or (self._boot is not None and self._boot.installed == KILLED)
        if killed or self._shell_was_lost(error):
            return "a command was killed before it ended by itself", Fault.HOST, ""
        return None

    def _shell_was_lost(self, error: BaseException) -> bool:
        """Return True if a shell ended in the middle of a command."""
        lost = any(answer.shell_lost for answer in self._candidate.transcript)
        return lost or isinstance(error, CommandLost)

    def _out_of_memory(self) -> bool:
        """Return True if the candidate's memory ran out, by its own counters or the engine's word.

        Under cgroup v1 a counter is that of one cgroup, and goes with the unit that it was of.
        """
        container = self._candidate.container
        with contextlib.suppress(ContainerStopped, SessionLost, Trouble):
            if container.state().running:
                counts = container.shell().run(_OOM_KILLS, timeout=10).stdout.split()
                if any(count.isdigit() and int(count) > 0 for count in counts):
                    return True
        with contextlib.suppress(Trouble):
            return container.ran_out_of_memory()
        return False

    def _failure(self, spec: Spec, error: BaseException, text: str) -> CheckOutcome:
        """Return a failure; unknown if a cause other than the image shows in the evidence."""
        first, _, rest = text.partition("\n")
        evidence = "\n".join(part for part in (rest.strip(), self._transcript_text()) if part)
        message = first or f"not so: {spec.claim.claim}"
        diagnosis = self._diagnose(evidence, self._evidence_kind(spec))
        if diagnosis and diagnosis.cause not in message:
            message = f"{message}: {diagnosis.cause}"
        remedy = diagnosis.remedy if diagnosis else ""
        if diagnosis and diagnosis.fault is not Fault.IMAGE:
            return CheckOutcome(Outcome.UNKNOWN, message, evidence, diagnosis.fault, remedy)
        if killed := self._kill_cause(error):
            cause, fault, remedy = killed
            return CheckOutcome(Outcome.UNKNOWN, f"{message}: {cause}", evidence, fault, remedy)
        return CheckOutcome(Outcome.FAILED, message, evidence, Fault.IMAGE, remedy)

    def _diagnose(self, text: str, kind: str) -> Diagnosis | None:
        """Return the cause that a text shows, once what it blames has been looked up."""
        text = printed(text)
        return prove(diagnose(text, where=kind), Facts(self._candidate, text))

    def _container_ended(self, spec: Spec, text: str, *, is_alive: bool) -> CheckOutcome:
        """Return the outcome of a check during which the container ended by itself."""
        log, job = self._candidate.logs(), self._candidate.job
        liveness_check = job.liveness_check
        early = self._boot is None
        # The liveness check judges what the image itself starts, also if that ends later.
        early = early or (job.launch == "image" and not is_alive)
        if spec.claim.id != liveness_check and early and job.launch != "nested":
            return CheckOutcome(Outcome.SKIPPED, f"needs {liveness_check}: {text}", log, None)
        self.ended_during = spec.claim.id
        state = self._candidate.container.state()
        if state.oom_killed or job.launch == "nested":  # then it is the base image that ended
            remedy = _MORE_MEMORY if state.oom_killed else ""
            return CheckOutcome(Outcome.UNKNOWN, text, log, Fault.LAUNCH, remedy)
        if state.killed:
            return CheckOutcome(Outcome.UNKNOWN, text, log, Fault.HOST)
        if job.launch == "init" and early:
            log += self._candidate.console_output()
        diagnosis = self._diagnose(f"{job.start_error}\n{log}", "log")
        if diagnosis is None:
            return CheckOutcome(Outcome.FAILED, text, log, Fault.IMAGE)
        text, remedy = f"{text}: {diagnosis.cause}", diagnosis.remedy
        if diagnosis.fault is not Fault.IMAGE:
            return CheckOutcome(Outcome.UNKNOWN, text, log, diagnosis.fault, remedy)
        return CheckOutcome(Outcome.FAILED, text, log, Fault.IMAGE, remedy)

    def _transcript_text(self) -> str:
        """Return the last commands of this check with their output."""
        return "\n".join(_answer_text(answer) for answer in self._candidate.transcript[-4:])


def _answer_text(answer: ShellResult) -> str:
    command = one_line(answer.command, limit=200)
    end = "its shell was lost" if answer.shell_lost else f"exit {answer.rc}"
    end = "did not end in time and was killed" if answer.timed_out else end
    output = printable(answer.stdout + answer.stderr, limit=_OUTPUT_LIMIT).rstrip()
    return f"$ {command}  ({end}, {answer.seconds:.1f} s)" + (f"\n{output}" if output else "")
