"""What the end of a check means: an outcome, and whose fault it is."""

from __future__ import annotations

import contextlib
from typing import NamedTuple

import pytest

from certify.engine.boot import Boot
from certify.engine.container import ContainerStopped
from certify.engine.session import KILLED, CommandLost, SessionLost, ShellResult
from certify.judge.diagnosis import Diagnosis, diagnose
from certify.model.errors import Trouble
from certify.model.terms import Fault, Outcome
from certify.suite.candidate import Candidate
from certify.suite.claims import CheckUnknown, Proven, Spec
from certify.suite.host import Transcript
from certify.util.text import one_line, printable

_NOT_SO = (AssertionError, pytest.fail.Exception)
_OUTPUT_LIMIT = 3000
_TEXTS = {"systemd": "journal", "dockerd": "journal", "startup": "packages"}
"""What the evidence of a group's checks is, where that has another name."""
# Processes of the container that were killed for want of memory, with cgroup v2 and with v1.
_OOM_KILLS = """\
for f in /sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control; do
  while read -r key count; do [ "$key" != oom_kill ] || echo "$count"; done <$f
done 2>/dev/null"""


class CheckOutcome(NamedTuple):
    """What a check said, in a word and at length; the fault is null where there is none."""

    outcome: Outcome
    message: str
    evidence: str
    fault: Fault | None


class Outcomes:
    """Of all checks of one candidate."""

    def __init__(self, candidate: Candidate, transcript: Transcript) -> None:
        self._candidate = candidate
        self._transcript = transcript
        self.ended_by: str | None = None
        """The check during which the container ended by itself."""

    def of(
        self, spec: Spec, error: BaseException | None, *, note: str, is_anchored: bool
    ) -> CheckOutcome:
        """What a check means that ended with an error, or without one.

        ``note`` is what it saw if it passed; ``is_anchored`` tells whether the check that answers
        for a container that does not stay up has said something.
        """
        if isinstance(error, (*_NOT_SO, SessionLost)) and not isinstance(error, Proven):
            error = self._gone(error) or error
        if isinstance(error, ContainerStopped):
            try:
                return self._stopped(spec, str(error).strip(), is_anchored=is_anchored)
            except Trouble as untold:  # why it ended
                error = untold
        said = str(error).strip()
        match error:
            case None:
                return CheckOutcome(Outcome.PASSED, note, "", None)
            case pytest.skip.Exception():
                return CheckOutcome(Outcome.SKIPPED, said, "", None)
            case Proven():
                return CheckOutcome(Outcome.FAILED, said, self._transcript_text(), Fault.IMAGE)
            case AssertionError() | pytest.fail.Exception():
                return self._failed(spec, error, said)
            case CheckUnknown():
                message, fault = said, Fault.HOST
            case Trouble():
                message, fault = said, error.fault
            case SessionLost():
                why, fault = self._killed(error) or ("", Fault.TOOL)
                message = f"the shell was lost: {said}{why and f': {why}'}"
            case _:
                message = f"the check itself broke: {type(error).__name__}: {said}"
                fault = Fault.TOOL
        return CheckOutcome(Outcome.UNKNOWN, message, self._transcript_text(), fault)

    def _gone(self, error: BaseException) -> ContainerStopped | Trouble | None:
        """Why what is not so proves nothing: the engine, or the candidate, was gone when asked."""
        try:
            ended = self._candidate.container.state().killed and self._candidate.stopped is None
            if ended or self._lost(error):
                self._candidate.container.require_running()
        except (ContainerStopped, Trouble) as gone:
            return gone
        return None

    def _text(self, spec: Spec) -> str:
        """What the evidence of a check is, as the signatures of causes call it."""
        if self._boot and spec.provides in self._boot.missing:
            return "packages"  # it was to be installed, and the log of that is what there is
        return _TEXTS.get(spec.claim.group, spec.claim.group)

    @property
    def _boot(self) -> Boot | None:
        """How the launch went, if that is known yet."""
        return vars(self._candidate).get("boot")

    def _killed(self, error: BaseException) -> tuple[str, Fault] | None:
        """Why an answer is none, and whose fault that is: something was killed, and not by certify.

        An image whose programs kill themselves looks alike: it is not known, and never certified.
        """
        if self._out_of_memory():
            return "the memory that the container was given ran out", Fault.LAUNCH
        killed = any(each.rc == KILLED and not each.timed_out for each in self._transcript)
        killed = killed or (self._boot is not None and self._boot.installed == KILLED)
        if killed or self._lost(error):
            return "what was asked was killed before it could answer", Fault.HOST
        return None

    def _lost(self, error: BaseException) -> bool:
        """Whether a shell ended in the middle of a command."""
        lost = any(answer.shell_lost for answer in self._transcript)
        return lost or isinstance(error, CommandLost)

    def _out_of_memory(self) -> bool:
        container = self._candidate.container
        with contextlib.suppress(ContainerStopped, SessionLost, Trouble):
            if container.state().running:
                counts = container.shell().run(_OOM_KILLS, timeout=10).stdout.split()
                return any(count.isdigit() and int(count) > 0 for count in counts)
        return False

    def _failed(self, spec: Spec, error: BaseException, said: str) -> CheckOutcome:
        """What was claimed is not so; but a cause that is not the image's leaves it unknown."""
        first, _, rest = said.partition("\n")
        evidence = "\n".join(part for part in (rest.strip(), self._transcript_text()) if part)
        message = first or f"not so: {spec.claim.claim}"
        diagnosis = diagnose(evidence, where=self._text(spec))
        if diagnosis and diagnosis.cause not in message:
            message = f"{message}: {diagnosis.cause}"
        if diagnosis and diagnosis.fault is not Fault.IMAGE:
            return CheckOutcome(Outcome.UNKNOWN, message, evidence, diagnosis.fault)
        if killed := self._killed(error):
            return CheckOutcome(Outcome.UNKNOWN, f"{message}: {killed[0]}", evidence, killed[1])
        return CheckOutcome(Outcome.FAILED, message, evidence, Fault.IMAGE)

    def _stopped(self, spec: Spec, said: str, *, is_anchored: bool) -> CheckOutcome:
        """The container ended by itself while this check was asking."""
        log, job = self._candidate.logs(), self._candidate.job
        liveness_check = job.liveness_check
        early = self._boot is None
        # The liveness check judges what the image itself starts, also if that ends later.
        early = early or (job.launch == "image" and not is_anchored)
        if spec.claim.id != liveness_check and early:
            return CheckOutcome(Outcome.SKIPPED, f"needs {liveness_check}: {said}", log, None)
        self.ended_by = spec.claim.id
        state = self._candidate.container.state()
        if state.oom_killed:
            return CheckOutcome(Outcome.UNKNOWN, said, log, Fault.LAUNCH)
        if state.killed:
            return CheckOutcome(Outcome.UNKNOWN, said, log, Fault.HOST)
        if job.launch == "init" and early:
            log += self._candidate.last_words()
        diagnosis = diagnose(f"{job.refused}\n{log}", where="log")
        if diagnosis and diagnosis.fault is not Fault.IMAGE and not self._is_own_script(diagnosis):
            return CheckOutcome(Outcome.UNKNOWN, f"{said}: {diagnosis.cause}", log, diagnosis.fault)
        cause = f": {diagnosis.cause}" if diagnosis else ""
        return CheckOutcome(Outcome.FAILED, said + cause, log, Fault.IMAGE)

    def _is_own_script(self, diagnosis: Diagnosis) -> bool:
        """Whether a program of the wrong format is the image's: the host can run what it is for."""
        image = self._candidate.job.launch == "image"
        return image and diagnosis.name == "exec-format" and not self._candidate.foreign

    def _transcript_text(self) -> str:
        """The last commands of this check with what they answered."""
        return "\n".join(_answer_text(answer) for answer in self._transcript[-4:])


def _answer_text(answer: ShellResult) -> str:
    command = one_line(answer.command, limit=200)
    end = "its shell was lost" if answer.shell_lost else f"exit {answer.rc}"
    end = "did not end in time and was killed" if answer.timed_out else end
    output = printable(answer.stdout + answer.stderr, limit=_OUTPUT_LIMIT).rstrip()
    return f"$ {command}  ({end}, {answer.seconds:.1f} s)" + (f"\n{output}" if output else "")
