"""What the end of a check means: an outcome, and whose fault it is."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from certify.engine.candidate import CandidateStopped
from certify.engine.session import Answer, SessionLost
from certify.errors import Trouble
from certify.judge.diagnosis import Diagnosis, diagnose
from certify.model import Fault, Outcome
from certify.safetext import one_line, printable
from certify.suite.claims import CheckUnknown, Proven, Spec
from certify.suite.host import Transcript
from certify.suite.subject import Subject

_NOT_SO = (AssertionError, pytest.fail.Exception)
_OUTPUT_LIMIT = 3000
_TEXTS = {"systemd": "journal", "dockerd": "journal"}
"""What the evidence of a group's checks is, where that has another name."""


class Meaning(NamedTuple):
    """What a check said, in a word and at length; the fault is null where there is none."""

    outcome: Outcome
    message: str
    evidence: str
    fault: Fault | None


class Meanings:
    """Of all checks of one candidate."""

    def __init__(self, subject: Subject, transcript: Transcript) -> None:
        self._subject = subject
        self._transcript = transcript
        self.ended_by: str | None = None
        """The check during which the container ended by itself."""

    def of(
        self, spec: Spec, error: BaseException | None, *, note: str, is_anchored: bool
    ) -> Meaning:
        """What a check means that ended with an error, or without one.

        ``note`` is what it saw if it passed; ``is_anchored`` tells whether the check that answers
        for a container that does not stay up has said something.
        """
        if isinstance(error, _NOT_SO) and not isinstance(error, Proven):
            error = self._gone() or error
        said = str(error).strip()
        match error:
            case None:
                return Meaning(Outcome.PASSED, note, "", None)
            case pytest.skip.Exception():
                return Meaning(Outcome.SKIPPED, said, "", None)
            case CandidateStopped():
                return self._stopped(spec, said, is_anchored=is_anchored)
            case Proven():
                return Meaning(Outcome.FAILED, said, self._transcript_text(), Fault.IMAGE)
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
        return Meaning(Outcome.UNKNOWN, message, self._transcript_text(), fault)

    def _gone(self) -> CandidateStopped | Trouble | None:
        """Why what is not so proves nothing: the engine, or the candidate, was gone when asked."""
        try:
            if any(answer.shell_lost for answer in self._transcript):
                self._subject.engine_side.must_run()
            self._subject.engine_side.state()
        except (CandidateStopped, Trouble) as gone:
            return gone
        return None

    def _failed(self, spec: Spec, said: str) -> Meaning:
        """What was claimed is not so; but a cause that is not the image's leaves it unknown."""
        first, _, rest = said.partition("\n")
        evidence = "\n".join(part for part in (rest.strip(), self._transcript_text()) if part)
        message = first or f"not so: {spec.claim.claim}"
        diagnosis = diagnose(evidence, where=_TEXTS.get(spec.claim.group, spec.claim.group))
        if diagnosis and diagnosis.cause not in message:
            message = f"{message}: {diagnosis.cause}"
        if diagnosis and diagnosis.fault is not Fault.IMAGE:
            return Meaning(Outcome.UNKNOWN, message, evidence, diagnosis.fault)
        return Meaning(Outcome.FAILED, message, evidence, Fault.IMAGE)

    def _stopped(self, spec: Spec, said: str, *, is_anchored: bool) -> Meaning:
        """The container ended by itself while this check was asking."""
        log, job = self._subject.logs(), self._subject.job
        anchor = job.anchor
        early = "boot" not in vars(self._subject)
        # What the image itself starts is the anchor's to judge, also if it ends somewhat later.
        early = early or (job.launch == "image" and not is_anchored)
        if spec.claim.id != anchor and early:
            return Meaning(Outcome.SKIPPED, f"needs {anchor}: {said}", log, None)
        self.ended_by = spec.claim.id
        state = self._subject.engine_side.state()
        if state.oom_killed:
            return Meaning(Outcome.UNKNOWN, said, log, Fault.LAUNCH)
        if state.killed:
            return Meaning(Outcome.UNKNOWN, said, log, Fault.HOST)
        if job.launch == "init" and early:
            log += self._subject.last_words()
        diagnosis = diagnose(f"{job.refused}\n{log}", where="log")
        if diagnosis and diagnosis.fault is not Fault.IMAGE and not self._is_own_script(diagnosis):
            return Meaning(Outcome.UNKNOWN, f"{said}: {diagnosis.cause}", log, diagnosis.fault)
        cause = f": {diagnosis.cause}" if diagnosis else ""
        return Meaning(Outcome.FAILED, said + cause, log, Fault.IMAGE)

    def _is_own_script(self, diagnosis: Diagnosis) -> bool:
        """Whether a program of the wrong format is the image's: the host can run what it is for."""
        image = self._subject.job.launch == "image"
        return image and diagnosis.name == "exec-format" and not self._subject.foreign

    def _transcript_text(self) -> str:
        """The last commands of this check with what they answered."""
        return "\n".join(_answer_text(answer) for answer in self._transcript[-4:])


def _answer_text(answer: Answer) -> str:
    command = one_line(answer.command, limit=200)
    end = "did not end in time and was killed" if answer.timed_out else f"exit {answer.rc}"
    output = printable(answer.stdout + answer.stderr, limit=_OUTPUT_LIMIT).rstrip()
    return f"$ {command}  ({end}, {answer.seconds:.1f} s)" + (f"\n{output}" if output else "")
