"""The story of one image: resolve, launch, check, judge."""

from __future__ import annotations

import contextlib
import re
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from certify import __version__
from certify.certification import startup_runs
from certify.certification.events import Watcher
from certify.certification.image_lookup import ImageLookup
from certify.certification.launch_groups import companies, findings_of, was_disturbed
from certify.certification.observation import Observation
from certify.engine.client import Engine
from certify.engine.control import measure_reach
from certify.engine.errors import APIError
from certify.engine.launch import launch_container
from certify.engine.launch_plan import Limits
from certify.judge.profiles import Profile
from certify.judge.startup import measured, medians
from certify.judge.verdict import judge
from certify.judge.waivers import Waiver, digest, in_force, matching, notes, valid_until
from certify.model.errors import EngineUnavailable, Interrupted, LaunchRefused, SuiteBroken, Trouble
from certify.model.platform import normalize_platform
from certify.model.reference import Reference
from certify.model.result import Image, Result, Startup, Suite
from certify.suite.catalogue import claims
from certify.suite.digest import ResolvedOptions, suite_digest
from certify.suite.job import make_job, plan_launch, resolve_isolation
from certify.suite.runner import Runner
from certify.util.text import one_line, printable

VALID_FOR = timedelta(days=30)
"""How long a certificate stands: packages move on, and so do hosts."""
_ENGINE_ASKED_EVERY = 20.0  # seconds
_LOG_LINES, _LOG_LENGTH = 200, 10_000
_OUR_LINES = re.compile(r"^certify: .*\n?", re.MULTILINE)


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
    waivers: tuple[Waiver, ...] = ()
    """For any image; which of them match is found out for each."""
    keep: bool = False
    runs: int = 1
    """How often to launch; every launch after the first is only timed."""
    stopped: Callable[[], bool] = lambda: False
    """Asked now and then; once it is true the certification is broken off and cleaned up."""


def certify(
    engine: Engine | Trouble,
    reference: Reference,
    profiles: Sequence[Profile],
    options: Options,
    watcher: Watcher,
    *,
    name: Reference | None = None,
    find: Callable[[], Image] | None = None,
) -> list[Result]:
    """Certify one image under several profiles; one result each, in their order.

    All share the pull. Those that get in company what each would get alone share a launch and its
    checks; one that was disturbed all the same has a launch of its own after that.
    Host, network and registry trouble ends up in the results, as an inconclusive
    verdict; so they always come back, however far it got. In place of an engine the
    trouble itself can be given, where it is known that there is nothing to run.
    ``profiles`` ask for all that their checks need, as :func:`select_profiles` completes them.
    ``name`` is what the image goes by where ``reference`` pins it to a digest. ``find`` gives
    the image, or raises why there is none, where somebody else than the engine looks for it.
    """
    results: dict[str, Result] = {}
    lookup = ImageLookup(find or partial(_resolved, engine, reference, options))
    groups = deque(companies(profiles, own_checks=options.own_checks is not None))
    while groups:
        together = groups.popleft()
        seen = _seen(engine, reference, lookup, together, options, watcher)
        if name is not None:
            seen.image = seen.image.model_copy(update=name.image_fields)
        finished_at = datetime.now(UTC)
        for profile in together:
            if len(together) > 1 and (seen.cut_short or was_disturbed(profile, seen.findings)):
                groups.append([profile])
            else:
                results[profile.name] = _result(
                    engine, seen, profile, options, reference, finished_at
                )
    return [results[profile.name] for profile in profiles]


def unseen(reference: Reference, platform: str | None) -> Image:
    """An image of which no more is known than its name."""
    known = {"image_id": reference.image_id, "digest": reference.digest, "platform": platform}
    return Image.model_validate(reference.image_fields | known)


def _resolved(engine: Engine | Trouble, reference: Reference, options: Options) -> Image:
    if isinstance(engine, Trouble):
        raise engine
    return engine.resolve(reference, platform=options.platform, pull=options.pull)


def _seen(
    engine: Engine | Trouble,
    reference: Reference,
    lookup: ImageLookup,
    profiles: Sequence[Profile],
    options: Options,
    watcher: Watcher,
) -> Observation:
    """What one launch shows of an image, for profiles that share it."""
    seen = Observation(
        image=unseen(reference, options.platform), claims=claims(), started_at=datetime.now(UTC)
    )
    with _told_in(seen):
        if isinstance(engine, Trouble):
            raise engine
        seen.host = startup_runs.measured_host(engine)
        _examine(engine, reference, lookup, profiles, options, watcher, seen)
        _time(engine, profiles[0], options, watcher, seen)
    with _told_in(seen):
        if isinstance(engine, Engine):
            _weigh_startup(engine, profiles[0], watcher, seen)
    return seen


@contextlib.contextmanager
def _told_in(seen: Observation) -> Iterator[None]:
    """Trouble is a result, too; and so is an engine that refuses what nobody foresaw."""
    try:
        yield
    except APIError as error:
        seen.trouble = seen.trouble or EngineUnavailable(
            f"The engine did not do what it was asked: {one_line(str(error.explanation or error))}",
            remedy="See whether something else removes containers or images there; run again.",
        )
    except Trouble as trouble:
        seen.trouble = seen.trouble or trouble


def _result(
    engine: Engine | Trouble,
    seen: Observation,
    profile: Profile,
    options: Options,
    reference: Reference,
    finished_at: datetime,
) -> Result:
    waivers = matching(options.waivers, seen.image)
    verdict, checks = judge(
        profile,
        findings_of(profile, seen.findings),
        seen.claims,
        trouble=seen.trouble,
        installed_at_launch=bool(seen.facts.get("missing")),
        waived=in_force(waivers, finished_at),
    )
    return Result(
        image=seen.image,
        profile=profile.name,
        verdict=verdict,
        checks=checks,
        waivers=notes(waivers, checks, finished_at),
        startup=Startup(
            create_seconds=seen.facts.get("create_seconds"),
            start_seconds=seen.facts.get("start_seconds"),
            boot_seconds=seen.facts.get("boot_seconds"),
            dockerd_seconds=seen.facts.get("dockerd_seconds"),
            provision_seconds=seen.facts.get("provision_seconds"),
            samples=measured(seen.starts, "boot"),
            dockerd_samples=measured(seen.starts, "dockerd"),
            provision_samples=measured(seen.starts, "provision"),
        ),
        launch=seen.launch(
            profile, reference, isolation=options.isolation, platform=options.platform
        ),
        log=seen.log,
        host=seen.host,
        suite=Suite(version=__version__, digest=judged_by(engine, profile, options, seen.image)),
        started_at=seen.started_at,
        finished_at=finished_at,
        expires_at=valid_until(checks, finished_at + VALID_FOR),
    )


def judged_by(engine: Engine | Trouble, profile: Profile, options: Options, image: Image) -> str:
    """Return the digest of all that judges an image: certify, checks, profile, options, waivers."""
    isolation, platform = options.isolation, options.platform
    if not isinstance(engine, Trouble):
        platform = platform or engine.platform
        with contextlib.suppress(LaunchRefused):  # the launch itself reports it
            isolation = resolve_isolation(engine, profile, isolation)
    resolved = ResolvedOptions(
        isolation=isolation,
        platform=normalize_platform(platform or ""),
        network=options.network,
        limits=options.limits,
        runs=options.runs,
        waivers=digest(matching(options.waivers, image)),
    )
    return suite_digest(profile, resolved, options.own_checks)


def _examine(
    engine: Engine,
    reference: Reference,
    lookup: ImageLookup,
    profiles: Sequence[Profile],
    options: Options,
    watcher: Watcher,
    seen: Observation,
) -> None:
    """Launch the image once and run every check that any of the profiles names."""
    profile = profiles[0]  # all launch alike
    seen.plan = plan_launch(
        engine,
        profile,
        options.isolation,
        pace=startup_runs.pace_of(engine, seen.host, options.platform),
        network=options.network,
        limits=options.limits,
    )
    # The child's imports cost nothing here: they pass while the image is found and boots.
    with Runner() as runner:
        watcher.phase("looking for the image")
        image = seen.image = lookup.image()
        watcher.phase("launching")
        image_id = image.image_id or reference.familiar
        with (
            launch_container(
                engine, image_id, seen.plan, platform=options.platform, keep=options.keep
            ) as started,
            contextlib.closing(runner),  # before what is left is removed: it could make more
        ):
            if options.keep:
                watcher.kept(started.name)
            seen.facts["create_seconds"] = started.create_seconds
            seen.facts["start_seconds"] = started.start_seconds
            job = make_job(engine, image, seen.plan, started, profiles, platform=options.platform)
            own = [str(options.own_checks)] if options.own_checks else []
            runner.begin(job, started.notify, own)
            seen.image = lookup.known(engine, reference)  # it boots meanwhile
            with _engine_asked_first(engine):
                stopped = _engine_asked_too(engine, options.stopped)
                for event in runner.events(time.monotonic() + options.timeout, stopped):
                    if event["event"] == "control":
                        watcher.phase("asking a control")
                        reach = measure_reach(engine, event["urls"], options.network)
                        runner.send_control_results(reach)
                    else:
                        seen.hear(event, watcher, options.timeout)
            log = _OUR_LINES.sub("", started.container.logs(_LOG_LINES))
            seen.log = printable(log, limit=_LOG_LENGTH)


def _time(
    engine: Engine, profile: Profile, options: Options, watcher: Watcher, seen: Observation
) -> None:
    """Launch what came up again, as often as asked, only to see how soon it is up."""
    if seen.plan is None or seen.trouble:
        return
    timed = startup_runs.starts(
        engine, seen.image, seen.plan, profile, seen.facts, options.platform
    )
    for start in timed:
        seen.starts.append(start)
        if options.stopped():
            raise Interrupted
        if len(seen.starts) == options.runs:
            return
        watcher.phase(f"launch {len(seen.starts) + 1} of {options.runs}")


def _weigh_startup(engine: Engine, profile: Profile, watcher: Watcher, seen: Observation) -> None:
    """Judge what was timed by every launch, and hold nothing against the image on a slow host."""
    seen.facts |= medians(seen.starts)
    changed, seen.host = startup_runs.weigh(
        engine, seen.host, seen.image, profile, seen.findings, seen.facts, seen.starts
    )
    seen.findings |= changed
    for finding in changed.values():
        watcher.finding(finding, seen.claims.get(finding.id))


def _engine_asked_too(engine: Engine, stopped: Callable[[], bool]) -> Callable[[], bool]:
    """Asks the engine for a sign of life now and then: one that hangs leaves a check waiting.

    Calling it raises :class:`~certify.model.errors.EngineUnavailable` if none comes.
    """
    asked = time.monotonic()

    def also_stopped() -> bool:
        nonlocal asked
        if time.monotonic() > asked + _ENGINE_ASKED_EVERY:
            engine.ping()
            asked = time.monotonic()
        return stopped()

    return also_stopped


@contextlib.contextmanager
def _engine_asked_first(engine: Engine) -> Iterator[None]:
    """Checks that broke down because the engine is gone are the engine's trouble."""
    try:
        yield
    except SuiteBroken:
        engine.ping()
        raise
