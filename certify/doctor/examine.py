"""The examination of an engine and its host, with trial containers of certify's own."""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import IPv4Address
from typing import Any

from docker.utils import parse_bytes

from certify.doctor import signs
from certify.engine.calibration import calibrate
from certify.engine.client import Engine, answering
from certify.engine.launch_plan import STATE_FOLDER, SYSBOX_RUNTIME, LaunchPlan, Limits, host_config
from certify.engine.probe import dns, programs
from certify.engine.trial import Trial, Trials, trials
from certify.model.errors import EngineUnavailable, LaunchRefused, Trouble
from certify.model.examination import Health, Sign
from certify.model.result import Calibration
from certify.util.text import one_line

_FORBIDDEN = {
    programs.NO_MOUNT: "a container starts, but may not mount a file system",
    programs.NO_KEYRING: "a container starts, but may not join a keyring",
}
"""Rights that systemd and dockerd need, by the exit code of the program that tries them."""
_NETWORK_SECONDS = 5
"""Time limit of one network request from inside a container."""


@dataclass(frozen=True)
class Scope:
    """The registry, network and limits to examine."""

    registry: str = "registry-1.docker.io"
    """A host name or an IPv4 address."""
    port: int = 443
    network: str | None = None
    """The engine's network that candidates will be attached to; None for its default."""
    limits: Limits = field(default_factory=Limits)


def examine(scope: Scope) -> Generator[Sign, None, None]:
    """Yield each sign as soon as it is known; a defect of the host is a sign, not an exception."""
    try:
        with Engine.connect() as engine:
            yield from _reported(engine, scope.limits)
            with trials(engine) as probes:
                examiner = _Examiner(probes, scope)
                yield from signs.isolation(examiner.isolation())
                yield signs.speed(_speed(engine))
                yield from examiner.network()
                yield examiner.emulation()
    except EngineUnavailable as error:
        yield Sign(name="engine", status=Health.FAIL, text=error.message, remedy=error.remedy)
    except LaunchRefused as error:
        name = "isolation.default"
        yield Sign(name=name, status=Health.FAIL, text=_short(error), remedy=error.remedy)


def _reported(engine: Engine, limits: Limits) -> Iterator[Sign]:
    """Yield the signs that need no container."""
    info = engine.info
    with answering():
        version = engine.client.version()
    yield signs.engine("Docker", str(version.get("Version")), str(version.get("ApiVersion", "0")))
    driver = str(info.get("CgroupDriver", ""))
    yield signs.cgroups(str(info.get("CgroupVersion", "1")), driver)
    root = str(info.get("DockerRootDir", ""))
    yield signs.storage(str(info.get("Driver", "")), root)
    yield signs.disk(_free(root) if engine.local else None, root)
    yield signs.memory(
        int(info.get("MemTotal") or 0),
        int(parse_bytes(limits.memory)),
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
    with answering():
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
    """Runs trial containers on an engine."""

    def __init__(self, probes: Trials, scope: Scope) -> None:
        self._probes = probes
        self._scope = scope
        self._engine = probes.engine
        self._architecture = self._engine.platform.partition("/")[2]

    def isolation(self) -> dict[str, str]:
        """Map each kind of isolation that the engine has to its problem; empty if it works."""
        kinds = ["default", "caps", "privileged"]
        if SYSBOX_RUNTIME in (self._engine.info.get("Runtimes") or {}):
            kinds.append("sysbox")
        return {kind: self._launch_problem(kind) for kind in kinds}

    def _launch_problem(self, isolation: str) -> str:
        engine, boots = self._engine, isolation != "default"
        plan = LaunchPlan(
            kind="init" if boots else "idle",
            isolation=isolation,
            network=self._scope.network,
            limits=self._scope.limits,
            apparmor=engine.apparmor,
        )
        word = self._probes.word
        try:
            config = host_config(plan, cpus=engine.cpus, volume=self._probes.volume(), notify=None)
            program = programs.exercise(self._architecture, word, STATE_FOLDER) if boots else None
            trial = self._probes.run(program, config=config)
        except LaunchRefused as error:
            return _short(error)
        if trial.exit_code in _FORBIDDEN:
            return _FORBIDDEN[trial.exit_code]
        if (trial.exit_code, trial.output) != (0, word):
            return "a container starts, but its output does not come back"
        return ""

    def network(self) -> Iterator[Sign]:
        """Yield whether a container can look up the registry and connect to it."""
        name, port = self._scope.registry, self._scope.port
        address: IPv4Address | None
        try:
            address = IPv4Address(name)
        except ValueError:
            address, problem = self._lookup(name)
            yield signs.names(name, problem)
        if address is None:
            yield signs.registry(f"{name}:{port}", "its name cannot be looked up")
            return
        program = programs.connect(self._architecture, str(address), port)
        answer = self._request(program)
        yield signs.registry(f"{name}:{port}", answer if isinstance(answer, str) else "")

    def _lookup(self, name: str) -> tuple[IPv4Address | None, str]:
        """Return a name's address inside a container, or None and the problem."""
        conf = self._probes.run(config=self._config, read="/etc/resolv.conf").file or b""
        problem = "its resolv.conf names no IPv4 name server"
        for server in dns.nameservers(conf):
            question = dns.question(name, secrets.randbelow(1 << 16))
            answer = self._request(programs.ask(self._architecture, server, dns.PORT, question))
            if isinstance(answer, str):
                problem = f"name server {server}: {answer}"
                continue
            try:
                found = dns.answer(answer.output, question)
            except dns.BadAnswer as error:
                problem = f"name server {server}: {error}"
                continue
            if found.addresses:
                return found.addresses[0], ""
            problem = f"name server {server}: {found.problem}"
        return None, problem

    def _request(self, program: bytes) -> Trial | str:
        """Run a program that uses the network; return its trial, or the problem."""
        try:
            trial = self._probes.run(program, config=self._config, seconds=_NETWORK_SECONDS)
        except LaunchRefused as error:
            return _short(error)
        if trial.exit_code is None:
            return f"no answer within {_NETWORK_SECONDS} s"
        return trial if trial.exit_code == 0 else "the connection was refused, or there is no route"

    @property
    def _config(self) -> dict[str, Any]:
        return {"network_mode": self._scope.network} if self._scope.network else {}

    def emulation(self) -> Sign:
        """Return which other architectures' programs run."""
        runs: list[str] = []
        fails: list[str] = []
        for each in programs.ARCHITECTURES:
            if each != self._architecture:
                try:
                    trial = self._probes.run(programs.say(each, self._probes.word))
                except LaunchRefused:
                    fails.append(each)
                else:
                    (runs if trial.output == self._probes.word else fails).append(each)
        return signs.emulation(self._architecture, runs, fails)


def _short(error: LaunchRefused) -> str:
    return one_line(error.message, limit=300)
