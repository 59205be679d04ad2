"""The examination of an engine and its host, with probe containers of certify's own."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import IPv4Address
from itertools import takewhile
from pathlib import Path

from certify.doctor import signs
from certify.engine.calibration import calibrate
from certify.engine.client import Engine
from certify.engine.errors import translate_errors
from certify.engine.isolation import Isolation
from certify.engine.launch_plan import STATE_FOLDER, STORAGE, LaunchPlan, Limits, host_config
from certify.engine.own_network import on_own_network, shared_network
from certify.engine.probe import programs
from certify.engine.probe.dns import Resolution
from certify.engine.probe.image import ProbeImage, probe_image
from certify.engine.probe.network import NetworkProbe
from certify.model.errors import EngineUnavailable, LaunchRefused, Trouble
from certify.model.examination import Health, Sign
from certify.model.host import Calibration
from certify.util.text import one_line

_NETWORK_SECONDS = 5
"""Time limit of one network request from inside a container."""
_UNUSED_PORT = 1  # of a network that nobody else is on


@dataclass(frozen=True)
class Scope:
    """The registry, network and limits to examine."""

    registry: str = "registry-1.docker.io"
    """A host name or an IPv4 address."""
    port: int = 443
    network: str | None = None
    """The engine's network that candidates will be attached to; None for networks of their own."""
    limits: Limits = field(default_factory=Limits)


def examine(scope: Scope) -> Generator[Sign, None, None]:
    """Yield each sign as soon as it is known; a defect of the host is a sign, not an exception."""
    try:
        with Engine.connect() as engine:
            yield from _reported(engine, scope.limits)
            with probe_image(engine) as probe:
                examiner = _Examiner(probe, scope)
                yield from signs.isolation(examiner.isolation())
                yield signs.speed(_speed(engine))
                yield signs.files(examiner.open_files())
                yield from examiner.network()
                yield examiner.emulation()
    except EngineUnavailable as error:
        yield Sign(name="engine", status=Health.FAIL, text=error.message, remedy=error.remedy)
    except LaunchRefused as error:
        name = "isolation.default"
        yield Sign(name=name, status=Health.FAIL, text=_short(error), remedy=error.remedy)


def reason_unfit(network: str | None = None) -> str:
    """Return why the engine of this process cannot certify; empty if it can.

    Speed and network are left out: a slow host has its own patience, and each certification tells
    what the network lacks.
    """
    signs = takewhile(lambda sign: sign.name != "speed", examine(Scope(network=network)))
    return "; ".join(
        f"{sign.name}: {sign.text}. {sign.remedy}" for sign in signs if sign.status is Health.FAIL
    )


def _reported(engine: Engine, limits: Limits) -> Iterator[Sign]:
    """Yield the signs that need no container."""
    info = engine.info
    with translate_errors():
        version = engine.client.version()
    dialect, api = engine.dialect, str(version.get("ApiVersion", "0"))
    yield signs.engine(dialect.product, str(version.get("Version")), api, dialect.oldest)
    driver = str(info.get("CgroupDriver", ""))
    yield signs.cgroups(str(info.get("CgroupVersion", "1")), driver)
    root = str(info.get("DockerRootDir", ""))
    yield signs.storage(str(info.get("Driver", "")), root)
    yield signs.disk(_free(root) if engine.local else None, root)
    yield signs.memory(
        int(info.get("MemTotal") or 0),
        limits.memory_bytes,
        limits_hold=bool(info.get("MemoryLimit", True)),
    )
    yield signs.cpus(engine.cpus)
    yield signs.clock(_skew(engine), local=engine.local)


def _free(root: str) -> int | None:
    """Return the free bytes on the engine's disk; None if this process cannot see it."""
    try:
        return shutil.disk_usage(root).free
    except OSError:
        return None


def _skew(engine: Engine) -> float | None:
    """Return how many seconds the engine's clock is ahead of ours; None if it has no time."""
    with translate_errors():
        before = time.time()
        reported = str(engine.client.info().get("SystemTime", ""))
        after = time.time()
    try:
        moment = datetime.fromisoformat(reported)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.timestamp() - (before + after) / 2


def _speed(engine: Engine) -> Calibration | None:
    try:
        return calibrate(engine, samples=3)
    except EngineUnavailable:
        raise
    except Trouble:
        return None


class _Examiner:
    """Runs probe containers on an engine."""

    def __init__(self, probe: ProbeImage, scope: Scope) -> None:
        self._probe = probe
        self._scope = scope
        self._engine = probe.engine
        self._architecture = self._engine.architecture

    def isolation(self) -> dict[str, str]:
        """Map each kind of isolation that the engine has to its problem; empty if it works."""
        levels = {"default": self._engine.resolve_isolation(kind="idle")}
        for level in ("caps", "apparmor", "privileged", "userns", "sysbox"):
            with contextlib.suppress(LaunchRefused):
                levels[level] = self._engine.resolve_isolation(Isolation(level))
        return {name: self._launch_problem(name, level) for name, level in levels.items()}

    def _launch_problem(self, name: str, isolation: Isolation) -> str:
        engine, boots = self._engine, name != "default"
        plan = LaunchPlan(
            kind="init" if boots else "idle",
            isolation=isolation.level,
            host_users=isolation.host_users,
            network=shared_network(self._scope.network),
            limits=self._scope.limits,
            apparmor=engine.apparmor,
            dialect=engine.dialect,
        )
        word = self._probe.word
        try:
            volumes = [self._probe.volume() for _ in STORAGE]
            config = host_config(plan, cpus=engine.cpus, volumes=volumes, notify=None)
            program = (
                programs.mount_tmpfs(engine.architecture, word, STATE_FOLDER) if boots else None
            )
            run = self._probe.run(program, config=config)
        except LaunchRefused as error:
            return _short(error)
        if boots and run.exit_code == programs.NO_MOUNT:
            return "a container starts, but may not mount a file system"
        if (run.exit_code, run.output) != (0, word):
            return "a container starts, but its output does not come back"
        return ""

    def open_files(self) -> int | None:
        """Return how many files a container may open at a time; None if nobody can see it here."""
        api = self._engine.client.api
        with contextlib.suppress(LaunchRefused, OSError, StopIteration, ValueError):
            serve = programs.serve(self._architecture, _UNUSED_PORT, b"")
            container = self._probe.start(serve, {"network_mode": "none"})
            with translate_errors():
                process = Path(f"/proc/{api.inspect_container(container)['State']['Pid']}")
            # The number may be that of another process, if the engine counts in a namespace.
            if self._engine.local and container in (process / "cgroup").read_text("utf-8"):
                lines = (process / "limits").read_text("utf-8").splitlines()
                return next(int(each.split()[4]) for each in lines if "Max open files" in each)
        return None

    def network(self) -> Iterator[Sign]:
        """Yield what the network of a candidate leads to, and whether it leads to the registry."""
        name, port = self._scope.registry, self._scope.port
        plan = LaunchPlan(kind="idle", isolation="default", network=self._scope.network)
        try:
            plan, surroundings = on_own_network(
                self._engine, plan, self._probe.run_id, self._probe.labels
            )
        except LaunchRefused as error:
            yield signs.network("", _short(error), error.remedy)
            return
        if surroundings.text:
            yield signs.network(surroundings.text)
        network = NetworkProbe(self._probe, plan.network, seconds=_NETWORK_SECONDS)
        try:
            address = IPv4Address(name)
        except ValueError:
            try:
                found = network.lookup(name)
            except LaunchRefused as error:
                found = Resolution(problem=_short(error))
            yield signs.names(name, found.problem)
            if not found.addresses:
                yield signs.registry(f"{name}:{port}", "its name cannot be looked up")
                return
            address = found.addresses[0]
        try:
            problem = network.failure(network.connect(address, port))
        except LaunchRefused as error:
            problem = _short(error)
        yield signs.registry(f"{name}:{port}", problem)

    def emulation(self) -> Sign:
        """Return which other architectures' programs run."""
        runs: list[str] = []
        fails: list[str] = []
        for each in programs.ARCHITECTURES:
            if each != self._architecture:
                try:
                    run = self._probe.run(programs.echo(each, self._probe.word))
                except LaunchRefused:
                    fails.append(each)
                else:
                    (runs if run.output == self._probe.word else fails).append(each)
        return signs.emulation(self._architecture, runs, fails)


def _short(error: LaunchRefused) -> str:
    return one_line(error.message, limit=300)
