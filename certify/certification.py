"""The story of one image: resolve, launch, check, judge."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from certify import __version__
from certify.engine import packages
from certify.engine.client import Engine
from certify.engine.launch import Limits, Plan, reproduce
from certify.engine.launcher import launched
from certify.errors import EngineUnavailable, SuiteBroken, Trouble
from certify.images.reference import Reference
from certify.images.registry import manifest_digest
from certify.judge.profiles import Profile
from certify.judge.verdict import judge
from certify.model import (
    Claim,
    Fault,
    Finding,
    Host,
    Image,
    Launch,
    Os,
    Result,
    Startup,
    Suite,
)
from certify.suite.catalogue import claims, suite_digest
from certify.suite.runner import Runner
from certify.suite.subject import Job

VALID_FOR = timedelta(days=30)
"""How long a certificate stands: packages move on, and so do hosts."""


class Watcher(Protocol):
    """Is told what happens while it happens."""

    def phase(self, what: str) -> None:
        """A new step begins."""

    def finding(self, finding: Finding, claim: Claim | None) -> None:
        """A check has said something."""

    def kept(self, container: str) -> None:
        """A container was left standing, as asked."""


@dataclass(frozen=True)
class Options:
    """How to certify; the same for every image of a run."""

    platform: str | None = None
    pull: str = "missing"
    isolation: str = "auto"
    limits: Limits = field(default_factory=Limits)
    network: str | None = None
    timeout: float = 1200.0
    """Seconds for all checks of one image, its boot included; the pull is not."""
    own_checks: Path | None = None
    keep: bool = False


@dataclass
class _Seen:
    """What one launch showed so far; a report is made from it however far that is."""

    image: Image
    claims: dict[str, Claim]
    started_at: datetime
    findings: dict[str, Finding] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    host: Host | None = None
    plan: Plan | None = None
    trouble: Trouble | None = None


def certify(
    engine: Engine | EngineUnavailable,
    reference: Reference,
    profiles: Sequence[Profile],
    options: Options,
    watcher: Watcher,
) -> list[Result]:
    """Certify one image under several profiles; one result each, in their order.

    Profiles that launch alike share the launch and its checks; all share the pull.
    Host, network and registry trouble ends up in the results, as an inconclusive
    verdict; so they always come back, however far it got.
    """
    results: dict[str, Result] = {}
    for alike in _by_launch(profiles):
        seen = _Seen(
            image=Image(
                reference=reference.familiar,
                registry=reference.registry or None,
                repository=reference.repository or None,
                image_id=reference.image_id,
                tag=reference.tag,
                digest=reference.digest,
                platform=options.platform,
            ),
            claims=claims(),
            started_at=datetime.now(UTC),
        )
        try:
            if isinstance(engine, EngineUnavailable):
                raise engine
            seen.host = engine.host()
            _examine(engine, reference, alike, options, watcher, seen)
        except Trouble as trouble:
            seen.trouble = trouble
        finished_at = datetime.now(UTC)
        for profile in alike:
            results[profile.name] = _result(seen, profile, options, reference, finished_at)
    return [results[profile.name] for profile in profiles]


def _by_launch(profiles: Sequence[Profile]) -> list[list[Profile]]:
    """The profiles, grouped by what decides how an image is launched and timed."""
    groups: dict[object, list[Profile]] = {}
    for profile in profiles:
        key = (profile.launch, frozenset(profile.install), profile.budgets)
        groups.setdefault(key, []).append(profile)
    return list(groups.values())


def _result(
    seen: _Seen, profile: Profile, options: Options, reference: Reference, finished_at: datetime
) -> Result:
    shipped = claims()
    findings = {
        check_id: finding
        for check_id, finding in seen.findings.items()
        if check_id in profile.checks or check_id not in shipped
    }
    verdict, checks = judge(
        profile,
        findings,
        seen.claims,
        trouble=seen.trouble,
        installed_at_launch=seen.facts.get("provision_seconds") is not None,
    )
    boot = seen.facts.get("boot_seconds")
    return Result(
        image=seen.image,
        profile=profile.name,
        verdict=verdict,
        checks=checks,
        startup=Startup(
            boot_seconds=boot,
            dockerd_seconds=seen.facts.get("dockerd_seconds"),
            provision_seconds=seen.facts.get("provision_seconds"),
            samples=() if boot is None else (boot,),
        ),
        launch=_launch(seen, profile, options, reference),
        host=seen.host,
        suite=Suite(version=__version__, digest=suite_digest(profile.digest(), options.own_checks)),
        started_at=seen.started_at,
        finished_at=finished_at,
        expires_at=finished_at + VALID_FOR,
    )


def _examine(
    engine: Engine,
    reference: Reference,
    profiles: Sequence[Profile],
    options: Options,
    watcher: Watcher,
    seen: _Seen,
) -> None:
    """Launch the image once and run every check that any of the profiles names."""
    profile = profiles[0]  # all launch alike
    seen.plan = Plan(
        kind=profile.launch,
        isolation=engine.isolation(options.isolation) if profile.launch == "init" else "default",
        install=profile.install,
        network=options.network,
        limits=options.limits,
        apparmor=engine.apparmor,
    )
    # The child's imports cost nothing here: they pass while the image is found and boots.
    with Runner() as runner:
        watcher.phase("looking for the image")
        image = engine.resolve(reference, platform=options.platform, pull=options.pull)
        seen.image = image
        watcher.phase("launching")
        image_id = image.image_id or reference.familiar
        with launched(
            engine, image_id, seen.plan, platform=options.platform, keep=options.keep
        ) as started:
            if options.keep:
                watcher.kept(started.name)
            job = Job(
                container=started.candidate.id,
                image=image,
                launch=profile.launch,
                refused=started.refused,
                engine_platform=engine.platform,
                asked_platform=options.platform,
                install=profile.install,
                budgets=profile.budgets.model_dump(),
                only=tuple({check_id: None for each in profiles for check_id in each.checks}),
            )
            own = [str(options.own_checks)] if options.own_checks else []
            runner.begin(job, started.notify, own)
            _name_the_manifest(engine, reference, seen)
            with _engine_asked_first(engine):
                for event in runner.events(time.monotonic() + options.timeout):
                    _hear(event, watcher, seen, options)


def _name_the_manifest(engine: Engine, reference: Reference, seen: _Seen) -> None:
    """Tell an index from the platform's manifest; meanwhile the candidate boots."""
    image = seen.image
    if image.digest and image.platform:
        digest = manifest_digest(reference, image.digest, image.platform, engine.login)
        seen.image = image.model_copy(update={"manifest_digest": digest})


@contextlib.contextmanager
def _engine_asked_first(engine: Engine) -> Iterator[None]:
    """Checks that broke down because the engine is gone are the engine's trouble."""
    try:
        yield
    except SuiteBroken:
        engine.ping()
        raise


def _hear(event: dict[str, Any], watcher: Watcher, seen: _Seen, options: Options) -> None:
    """Take in one event of the process that runs the checks."""
    match event:
        case {"event": "finding", "finding": said}:
            finding = Finding.model_validate(said)
            seen.findings[finding.id] = finding
            watcher.finding(finding, seen.claims.get(finding.id))
        case {"event": "claims", "claims": listed}:
            told = [Claim.model_validate(each) for each in listed]
            seen.claims |= {claim.id: claim for claim in told}
        case {"event": "fact", "name": "os", "value": value}:
            seen.image = seen.image.model_copy(update={"os": Os.model_validate(value)})
        case {"event": "fact", "name": "package_manager", "value": value}:
            seen.image = seen.image.model_copy(update={"package_manager": value})
        case {"event": "fact", "name": name, "value": value}:
            seen.facts[name] = value
        case {"event": "running", "check": check_id}:
            watcher.phase(check_id)
        case {"event": "trouble", "message": message, "remedy": remedy}:
            seen.trouble = EngineUnavailable(message, remedy=remedy)
        case {"event": "broken", "message": message, "evidence": evidence}:
            raise SuiteBroken(
                message, remedy="Mend the file of checks that is named.", evidence=evidence
            )
        case {"event": "deadline"}:
            seen.trouble = Trouble(
                f"The checks did not end within {options.timeout:g} s.",
                remedy="Give them longer with --timeout, or see which check is slow.",
                fault=Fault.TOOL,
            )


def _launch(seen: _Seen, profile: Profile, options: Options, reference: Reference) -> Launch:
    """How it was launched, and the command line that does it again."""
    plan = seen.plan
    if plan is None:  # no engine answered
        return Launch(kind=profile.launch, isolation=options.isolation, reproduce="docker version")
    name = reference.familiar
    if seen.image.layers is None:  # no image was found
        again = f"docker pull {name}"
    else:
        install = ""
        if missing := seen.facts.get("missing"):
            with contextlib.suppress(KeyError):
                install = packages.family(seen.image.package_manager or "").install_line(missing)
        again = reproduce(plan, name, platform=options.platform, install=install)
    return Launch(
        kind=plan.kind,
        isolation=plan.isolation,
        command=plan.argv,
        missing=tuple(seen.facts.get("missing", ())),
        reproduce=again,
    )
