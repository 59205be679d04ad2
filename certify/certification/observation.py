"""The facts that one launch of an image has shown so far; a result can be made of any state."""

from __future__ import annotations

import contextlib
import shlex
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from certify.certification.events import Events
from certify.certification.options import Options
from certify.engine.errors import APIError, explanation
from certify.engine.launch_plan import LaunchPlan
from certify.engine.reproduce import beside, describe_launch
from certify.judge.profile import Profile
from certify.judge.startup import Start, measured
from certify.model.errors import EngineUnavailable, ImageUnavailable, SuiteBroken, Trouble
from certify.model.finding import Claim, Finding
from certify.model.host import Host
from certify.model.reference import Reference
from certify.model.result import Image, Launch, Os, Startup
from certify.model.terms import Fault
from certify.suite.catalogue import claims as shipped_claims
from certify.util.text import one_line


@dataclass
class Observation:
    """Everything known about one launch; :meth:`receive` adds the messages of the child process."""

    image: Image
    claims: dict[str, Claim] = field(default_factory=dict)
    """The claims of the checks that ran, by id, as the process that runs them reported them."""
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    findings: dict[str, Finding] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    starts: list[Start] = field(default_factory=list)
    """The timed launches, the first of them the one that was examined."""
    host: Host | None = None
    log: str = ""
    inventory: str | None = None
    """What the image holds, packed."""
    plan: LaunchPlan | None = None
    """The plan of the launch; None if nothing could be launched."""
    trouble: Trouble | None = None
    timed_out: bool = False
    """True if the time was up before all checks had an outcome."""
    begun: float = field(default_factory=time.monotonic)
    """The moment at which the certification began, by the same clock as ``requested``."""
    requested: float = field(default_factory=time.monotonic)
    """The moment at which the container was requested, by the monotonic clock."""
    lanes: bool = True
    """True if independent checks may run side by side."""
    doubt: str = ""
    """Why the checks should run again, one after another; empty if their findings are certain."""

    def request(self) -> None:
        """Note that the container is requested now."""
        self.requested = time.monotonic()
        self.facts["lookup_seconds"] = round(self.requested - self.begun, 3)

    def begin_again(self, events: Events) -> None:
        """Forget what doubtful checks have found; from now on, checks run one after another."""
        events.phase(f"again, one check after another, as of {self.doubt}")
        self.lanes = False
        self.findings.clear()
        self.facts.clear()
        self.doubt = ""

    def claims_of(self, profile: Profile) -> dict[str, Claim]:
        """Return the claims of the profile's checks, and of all others that ran."""
        if self.claims.keys() >= set(profile.checks):
            return self.claims
        return shipped_claims() | self.claims

    def receive(self, message: dict[str, Any], events: Events, timeout: float) -> None:
        """Add one message of the process that runs the checks, and report it as an event.

        ``timeout`` is the time limit of all checks, in seconds. Raises :class:`SuiteBroken` if the
        message says that a file of checks is broken.
        """
        match message:
            case {"event": "finding", "finding": fields}:
                finding = Finding.model_validate(fields)
                if finding.began is not None:
                    since = round(finding.began - self.requested, 3)
                    finding = finding.model_copy(update={"began": since})
                self.findings[finding.id] = finding
                events.finding(finding, self.claims.get(finding.id))
            case {"event": "claims", "claims": listed}:
                found = [Claim.model_validate(each) for each in listed]
                self.claims |= {claim.id: claim for claim in found}
            case {"event": "fact", "name": "os", "value": value}:
                self.image = self.image.model_copy(update={"os": Os.model_validate(value)})
            case {"event": "fact", "name": "package_manager", "value": value}:
                self.image = self.image.model_copy(update={"package_manager": value})
            case {"event": "fact", "name": name, "value": value}:
                self.facts[name] = value
            case {"event": "running", "check": check_id}:
                events.phase(check_id)
            case {"event": "doubt", "why": text}:
                self.doubt = text
            case {"event": "trouble", "message": text, "remedy": remedy}:
                self.trouble = EngineUnavailable(text, remedy=remedy)
            case {"event": "broken", "message": text, "evidence": evidence}:
                raise SuiteBroken(
                    text, remedy="Correct the file of checks that is named.", evidence=evidence
                )
            case {"event": "deadline"}:
                self.timed_out = True
                self.trouble = Trouble(
                    f"The checks did not end within {timeout:g} s.",
                    remedy="Allow more time with --timeout, or find out which check is slow.",
                    fault=Fault.TOOL,
                )

    @contextlib.contextmanager
    def trouble_recorded(self) -> Iterator[None]:
        """Keep trouble of the block instead of raising it; the first trouble counts."""
        try:
            yield
        except APIError as error:
            self.trouble = self.trouble or EngineUnavailable(
                f"The engine failed a request: {one_line(explanation(error))}",
                remedy="Find out whether another program removes containers or images; run again.",
            )
        except Trouble as trouble:
            self.trouble = self.trouble or trouble

    def startup(self) -> Startup:
        """Return the times of all launches."""
        return Startup(
            **{each: self.facts[each] for each in Startup.model_fields if each in self.facts},
            samples=measured(self.starts, "boot"),
            dockerd_samples=measured(self.starts, "dockerd"),
            provision_samples=measured(self.starts, "provision"),
        )

    def describe_launch(self, profile: Profile, reference: Reference, options: Options) -> Launch:
        """Return the way the image was launched, and a command line that does the same."""
        name, pull = reference.familiar, f"docker pull {reference.familiar}"
        if reference.archive:  # the image is gone from the engine, and has no name to be pulled by
            name, pull = self.image.image_id or name, shlex.join(["skopeo", "inspect", name])
        if self.plan is None:  # there was no image to launch, or no engine answered
            again = pull if isinstance(self.trouble, ImageUnavailable) else "docker version"
            return Launch(kind=profile.launch, isolation=str(options.isolation), reproduce=again)
        missing = tuple(self.facts.get("missing", ()))
        launched = options.base if profile.launch == "nested" else name
        launch = describe_launch(
            self.plan, launched, options.platform, missing, self.image.package_manager
        )
        if profile.launch == "nested":
            names = tuple(dict((*profile.service.env, *options.env)))
            launch = beside(launch, name, names, self.plan.dialect.name)
        launch = launch.model_copy(update={"network": self.facts.get("reach", "")})
        found = self.image.layers is not None
        return launch if found else launch.model_copy(update={"reproduce": pull})
