"""What one launch of an image has shown so far; a result is made from it however far that is."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from certify.certification.events import Watcher
from certify.engine.launch_plan import LaunchPlan, describe_launch
from certify.judge.profiles import Profile
from certify.judge.startup import Start
from certify.model.errors import EngineUnavailable, ImageUnavailable, SuiteBroken, Trouble
from certify.model.finding import Claim, Finding
from certify.model.reference import Reference
from certify.model.result import Host, Image, Launch, Os
from certify.model.terms import Fault


@dataclass
class Observation:
    """All that is known; :meth:`hear` adds what the process that runs the checks tells."""

    image: Image
    claims: dict[str, Claim]
    started_at: datetime
    findings: dict[str, Finding] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    starts: list[Start] = field(default_factory=list)
    host: Host | None = None
    log: str = ""
    plan: LaunchPlan | None = None
    trouble: Trouble | None = None
    cut_short: bool = False
    """Whether the checks' time was up before all of them had answered."""

    def hear(self, event: dict[str, Any], watcher: Watcher, timeout: float) -> None:
        """Take in one event; ``timeout`` is the seconds that the checks were given.

        Raises :class:`SuiteBroken` if that is what the event tells.
        """
        match event:
            case {"event": "finding", "finding": said}:
                finding = Finding.model_validate(said)
                self.findings[finding.id] = finding
                watcher.finding(finding, self.claims.get(finding.id))
            case {"event": "claims", "claims": listed}:
                told = [Claim.model_validate(each) for each in listed]
                self.claims |= {claim.id: claim for claim in told}
            case {"event": "fact", "name": "os", "value": value}:
                self.image = self.image.model_copy(update={"os": Os.model_validate(value)})
            case {"event": "fact", "name": "package_manager", "value": value}:
                self.image = self.image.model_copy(update={"package_manager": value})
            case {"event": "fact", "name": name, "value": value}:
                self.facts[name] = value
            case {"event": "running", "check": check_id}:
                watcher.phase(check_id)
            case {"event": "trouble", "message": message, "remedy": remedy}:
                self.trouble = EngineUnavailable(message, remedy=remedy)
            case {"event": "broken", "message": message, "evidence": evidence}:
                raise SuiteBroken(
                    message, remedy="Mend the file of checks that is named.", evidence=evidence
                )
            case {"event": "deadline"}:
                self.cut_short = True
                self.trouble = Trouble(
                    f"The checks did not end within {timeout:g} s.",
                    remedy="Give them longer with --timeout, or see which check is slow.",
                    fault=Fault.TOOL,
                )

    def launch(
        self, profile: Profile, reference: Reference, *, isolation: str, platform: str | None
    ) -> Launch:
        """How it was launched, as it was asked for, and the command line that does it again."""
        name, pull = reference.familiar, f"docker pull {reference.familiar}"
        if self.plan is None:  # there was no image to launch, or no engine answered
            again = pull if isinstance(self.trouble, ImageUnavailable) else "docker version"
            return Launch(kind=profile.launch, isolation=isolation, reproduce=again)
        missing = tuple(self.facts.get("missing", ()))
        told = describe_launch(self.plan, name, platform, missing, self.image.package_manager)
        found = self.image.layers is not None
        return told if found else told.model_copy(update={"reproduce": pull})
