"""The certification of one image: resolve, launch, run the checks, judge."""

from __future__ import annotations

import contextlib
import re
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial

from certify import __version__
from certify.certification.events import Events
from certify.certification.image_lookup import ImageLookup, image_of_reference
from certify.certification.inventory import take_inventory
from certify.certification.launch_groups import findings_of, group_by_launch, needs_own_launch
from certify.certification.observation import Observation
from certify.certification.options import Options
from certify.certification.pings import ping_and_poll, pinged_on_failure
from certify.certification.repeats import observe_repeatedly
from certify.certification.startup_runs import (
    judge_startup,
    measure_host,
    pace_for,
    repeat_startup,
)
from certify.engine import apparmor
from certify.engine.client import Engine
from certify.engine.control import measure_reach
from certify.engine.disk_watch import DiskWatch, TooMuchWritten
from certify.engine.images import unpacked_bytes
from certify.engine.launch import LaunchedContainer, launch_container
from certify.judge.profile import Profile
from certify.judge.verdict import judge
from certify.judge.waivers import in_force, matching, notes, valid_until
from certify.model.errors import LaunchRefused, Trouble
from certify.model.reference import Reference
from certify.model.result import Image, Result, Suite
from certify.model.terms import Status
from certify.suite.job import in_lanes, make_job, plan_launch
from certify.suite.runner import Runner
from certify.util.text import printable

VALID_FOR = timedelta(days=30)
"""The validity of a certificate; by then, packages and hosts have changed."""
_PING_INTERVAL = 20.0
_LOG_LINES, _LOG_LENGTH = 200, 10_000
_OUR_LINES = re.compile(r"^certify: .*\n?", re.MULTILINE)


@dataclass
class Certification:
    """The certification of one image under any number of profiles.

    All profiles share the pull. Those that would get the same verdicts in separate launches share
    a launch.
    """

    engine: Engine | Trouble
    """The engine, or the reason that nothing is launched."""
    reference: Reference
    options: Options
    events: Events = field(default_factory=Events)
    name: Reference | None = None
    """The reference for the results, if ``reference`` was pinned to a digest."""
    platforms: tuple[str, ...] = ()
    """The platforms of the index, if each of them is certified; else empty."""
    find_image: Callable[[], Image] | None = None
    """A function that returns the image or raises :class:`Trouble`; None to ask the engine."""
    removes_beside: bool = False
    """True to return while the container is still being removed; closing the engine waits."""

    def run(self, profiles: Sequence[Profile]) -> list[Result]:
        """Return one result for each profile, in their order.

        Raises nothing for trouble with host, network or registry: the results are inconclusive
        then. Each profile must contain everything that its checks need, as
        :func:`~certify.suite.profile_selection.select_profiles` sees to.
        """
        results: dict[str, Result] = {}
        own_checks = self.options.own_checks is not None
        groups = deque(group_by_launch(profiles, own_checks=own_checks))
        while groups:
            group = groups.popleft()
            observed = observe_repeatedly(
                partial(self._observe, group),
                self.options.repeat,
                partial(self._is_doubtful, group),
            )
            named = {"platforms": self.platforms, **(self.name.image_fields if self.name else {})}
            observed.image = observed.image.model_copy(update=named)
            finished_at = datetime.now(UTC)
            for profile in group:
                shared = len(group) > 1
                if shared and (observed.timed_out or needs_own_launch(profile, observed.findings)):
                    groups.append([profile])
                else:
                    results[profile.name] = self._result(observed, profile, finished_at)
        return [results[profile.name] for profile in profiles]

    def _is_doubtful(self, profiles: Sequence[Profile], observed: Observation) -> bool:
        """Return True if a rejection is to be confirmed by a second run."""
        now = datetime.now(UTC)
        return self.options.confirm and any(
            self._result(observed, each, now).verdict.status is Status.REJECTED for each in profiles
        )

    @cached_property
    def _lookup(self) -> ImageLookup:
        return ImageLookup(self.find_image or self._resolve)

    def _resolve(self) -> Image:
        if isinstance(self.engine, Trouble):
            raise self.engine
        return self.engine.resolve(
            self.reference, platform=self.options.platform, pull=self.options.pull
        )

    def _observe(self, profiles: Sequence[Profile]) -> Observation:
        """Return everything that one launch shows, for profiles that share it."""
        observed = Observation(image_of_reference(self.reference, self.options.platform))
        with observed.trouble_recorded():
            if isinstance(self.engine, Trouble):
                raise self.engine
            observed.host = measure_host(self.engine)
            try:
                self._examine(self.engine, profiles, observed)
            except LaunchRefused as refused:
                chosen = self.options.isolation.level == "auto" and observed.plan
                confined = chosen and chosen.isolation == "apparmor"
                if not confined or not apparmor.give_up(refused.evidence or refused.message):
                    raise
                self._examine(self.engine, profiles, observed)
            if observed.doubt and not observed.trouble:
                observed.begin_again(self.events)
                self._examine(self.engine, profiles, observed)
            repeat_startup(self.engine, observed, profiles[0], self.options, self.events)
        with observed.trouble_recorded():
            if isinstance(self.engine, Engine):
                for finding in judge_startup(self.engine, observed, profiles[0]).values():
                    self.events.finding(finding, observed.claims.get(finding.id))
        return observed

    def _examine(self, engine: Engine, profiles: Sequence[Profile], observed: Observation) -> None:
        """Launch the image once and run every check that any of the profiles names."""
        options = self.options
        observed.plan = plan_launch(
            engine,
            profiles[0],  # all launch alike
            options.isolation,
            pace=pace_for(engine, observed.host, options.platform),
            network=options.network,
            limits=options.limits,
            timeout=options.timeout,
        )
        # The child imports its modules while the image is looked up and boots.
        with Runner(engine.address) as runner:
            self.events.phase("looking for the image")
            image = observed.image = self._lookup.image()
            self.events.phase("launching")
            nested = profiles[0].launch == "nested"
            launched = options.base_image(engine) if nested else image.image_id
            observed.request()
            with (
                launch_container(
                    engine,
                    launched or self.reference.familiar,
                    observed.plan,
                    platform=None if nested else options.platform,
                    keep=options.keep,
                    beside=self.removes_beside,
                ) as started,
                contextlib.closing(runner),  # before the cleanup: checks could still create things
            ):
                if options.keep:
                    self.events.container(started.name)
                # That store reports the compressed size.
                if engine.containerd_store and not nested:
                    size = unpacked_bytes(engine.client, started.container.id)
                    image = observed.image = image.model_copy(update={"size_bytes": size})
                observed.facts["create_seconds"] = started.create_seconds
                observed.facts["start_seconds"] = started.start_seconds
                observed.facts["reach"] = started.surroundings.text
                job = make_job(
                    engine, image, observed.plan, started, profiles,
                    platform=options.platform, env=dict(options.env),
                ).model_copy(update={"runs": options.runs})  # fmt: skip
                job = in_lanes(job, engine, observed.plan, asked=options.lanes and observed.lanes)
                own = [str(options.own_checks)] if options.own_checks else []
                runner.begin(job, started.notify, own)
                # The image boots meanwhile.
                observed.image = self._lookup.image_with_registry_facts(engine, self.reference)
                disk = DiskWatch(engine, started.container.id, options.limits.disk_bytes)
                try:
                    self._receive_all(started, runner, observed, disk)
                except TooMuchWritten as excess:
                    finding = excess.finding(profiles[0].liveness_check)
                    observed.findings[finding.id] = finding
                    self.events.finding(finding, observed.claims.get(finding.id))
                observed.log = _read_log(started)
            name = image.image_id or self.reference.familiar
            take_inventory(engine, name, observed, options.platform)

    def _receive_all(
        self, started: LaunchedContainer, runner: Runner, observed: Observation, disk: DiskWatch
    ) -> None:
        """Receive the messages of the process that runs the checks, until it is done.

        Raises :class:`TooMuchWritten`.
        """
        options, container, engine = self.options, started.container, started.container.engine
        deadline = time.monotonic() + options.timeout
        with pinged_on_failure(engine):
            for message in runner.events(deadline, ping_and_poll(container, options.stopped, disk)):
                if message["event"] == "control":
                    self.events.phase("measuring a control")
                    reach = measure_reach(engine, message["urls"], started)
                    runner.send_control_results(reach)
                else:
                    observed.receive(message, self.events, options.timeout)

    def _result(self, observed: Observation, profile: Profile, finished_at: datetime) -> Result:
        image, waivers = observed.image, matching(self.options.waivers, observed.image)
        verdict, checks = judge(
            profile,
            findings_of(profile, observed.findings),
            observed.claims_of(profile),
            trouble=observed.trouble,
            installed_at_launch=bool(observed.facts.get("missing")),
            waived=in_force(waivers, finished_at),
        )
        return Result(
            image=image,
            profile=profile.name,
            verdict=verdict,
            checks=checks,
            waivers=notes(waivers, checks, finished_at),
            startup=observed.startup(),
            launch=observed.describe_launch(profile, self.reference, self.options),
            log=observed.log,
            inventory=observed.inventory,
            host=observed.host,
            suite=Suite(
                version=__version__, digest=self.options.suite_digest(self.engine, profile, image)
            ),
            started_at=observed.started_at,
            finished_at=finished_at,
            expires_at=valid_until(checks, finished_at + VALID_FOR),
        )


def _read_log(started: LaunchedContainer) -> str:
    return printable(_OUR_LINES.sub("", started.container.logs(_LOG_LINES)), limit=_LOG_LENGTH)
