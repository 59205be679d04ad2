"""Looks at an engine and its host, and tries for real what a certification asks of them."""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import IPv4Address

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

_REFUSED = {
    programs.NO_MOUNT: "a container starts, but may not mount a file system",
    programs.NO_KEYRING: "a container starts, but may not join a keyring",
}
"""What a launch with systemd needs, and a container that starts may lack all the same."""
_NETWORK_SECONDS = 5
"""For one question to the network from inside a container."""


@dataclass(frozen=True)
class Asked:
    """What to look for."""

    registry: str = "registry-1.docker.io"
    """A name, or an IPv4 address."""
    port: int = 443
    network: str | None = None
    """The engine's network that candidates will be attached to; null: its default."""
    limits: Limits = field(default_factory=Limits)


def examine(asked: Asked) -> Generator[Sign, None, None]:
    """Each sign as soon as it is known. Whatever is wrong is a sign, and never an exception."""
    try:
        with Engine.connect() as engine:
            yield from _told(engine, asked)
            with trials(engine) as tried:
                yield from signs.isolation(_isolation(tried, asked))
                yield signs.speed(_speed(engine))
                yield from _network(tried, asked)
                yield _emulation(tried)
    except EngineUnavailable as error:
        yield Sign(name="engine", status=Health.FAIL, text=error.message, remedy=error.remedy)
    except LaunchRefused as error:
        name = "isolation.default"
        yield Sign(name=name, status=Health.FAIL, text=_why(error), remedy=error.remedy)


def _told(engine: Engine, asked: Asked) -> Iterator[Sign]:
    """What the engine says of itself."""
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
        int(parse_bytes(asked.limits.memory)),
        limits_hold=bool(info.get("MemoryLimit", True)),
    )
    yield signs.cpus(engine.cpus)
    yield signs.clock(_skew(engine), local=engine.local)


def _free(root: str) -> int | None:
    """Bytes that are free on the engine's disk; null if it cannot be seen from here."""
    try:
        return shutil.disk_usage(root).free
    except OSError:
        return None


def _skew(engine: Engine) -> float | None:
    """Seconds that the engine's clock is ahead of ours; null if it does not tell the time."""
    with answering():
        before = time.time()
        told = str(engine.client.info().get("SystemTime", ""))
        after = time.time()
    try:
        moment = datetime.fromisoformat(told)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.timestamp() - (before + after) / 2


def _isolation(tried: Trials, asked: Asked) -> dict[str, str]:
    """Every way of launching that the engine has: why it does not work, or nothing if it does."""
    engine = tried.engine
    ways = ["default", "caps", "privileged"]
    if SYSBOX_RUNTIME in (engine.info.get("Runtimes") or {}):
        ways.append("sysbox")
    return {way: _refused(tried, way, asked) for way in ways}


def _refused(tried: Trials, way: str, asked: Asked) -> str:
    engine, boots = tried.engine, way != "default"
    plan = LaunchPlan(
        kind="init" if boots else "idle",
        isolation=way,
        network=asked.network,
        limits=asked.limits,
        apparmor=engine.apparmor,
    )
    try:
        config = host_config(plan, cpus=engine.cpus, volume=tried.volume(), notify=None)
        needs = (
            programs.exercise(_architecture(engine), tried.word, STATE_FOLDER) if boots else None
        )
        ran = tried.run(needs, config=config)
    except LaunchRefused as error:
        return _why(error)
    if ran.exit_code in _REFUSED:
        return _REFUSED[ran.exit_code]
    if (ran.exit_code, ran.output) != (0, tried.word):
        return "a container starts, but its output does not come back"
    return ""


def _speed(engine: Engine) -> Calibration | None:
    try:
        return calibrate(engine, samples=3)
    except EngineUnavailable:
        raise
    except Trouble:
        return None


def _network(tried: Trials, asked: Asked) -> Iterator[Sign]:
    """Whether a container can look up a registry and connect to it, by its own name server."""
    where = f"{asked.registry}:{asked.port}"
    try:
        address = IPv4Address(asked.registry)
    except ValueError:
        found, problem = _lookup(tried, asked)
        yield signs.names(asked.registry, problem)
        if found is None:
            yield signs.registry(where, "its name cannot be looked up")
            return
        address = found
    program = programs.connect(_architecture(tried.engine), str(address), asked.port)
    ran = _carried(tried, program, asked)
    yield signs.registry(where, ran if isinstance(ran, str) else "")


def _lookup(tried: Trials, asked: Asked) -> tuple[IPv4Address | None, str]:
    """Where the registry's name leads inside a container, or why that cannot be said."""
    config = {"network_mode": asked.network} if asked.network else {}
    conf = tried.run(config=config, read="/etc/resolv.conf").file or b""
    problem = "its resolv.conf names no IPv4 name server"
    for server in dns.nameservers(conf):
        question = dns.question(asked.registry, secrets.randbelow(1 << 16))
        program = programs.ask(_architecture(tried.engine), server, dns.PORT, question)
        ran = _carried(tried, program, asked)
        if isinstance(ran, str):
            problem = f"name server {server}: {ran}"
            continue
        try:
            answer = dns.answer(ran.output, question)
        except dns.BadAnswer as error:
            problem = f"name server {server}: {error}"
            continue
        if answer.addresses:
            return answer.addresses[0], ""
        problem = f"name server {server}: {answer.problem}"
    return None, problem


def _carried(tried: Trials, program: bytes, asked: Asked) -> Trial | str:
    """Run a program that asks the network; how it went, or why it got no answer."""
    config = {"network_mode": asked.network} if asked.network else {}
    try:
        ran = tried.run(program, config=config, seconds=_NETWORK_SECONDS)
    except LaunchRefused as error:
        return _why(error)
    if ran.exit_code is None:
        return f"no answer within {_NETWORK_SECONDS} s"
    return ran if ran.exit_code == 0 else "the connection was refused, or there is no way there"


def _emulation(tried: Trials) -> Sign:
    """Which other architectures' programs run; an import is of the engine's own, and so is told."""
    own = _architecture(tried.engine)
    runs: list[str] = []
    fails: list[str] = []
    for each in programs.ARCHITECTURES:
        if each != own:
            try:
                ran = tried.run(programs.say(each, tried.word))
            except LaunchRefused:
                fails.append(each)
            else:
                (runs if ran.output == tried.word else fails).append(each)
    return signs.emulation(own, runs, fails)


def _architecture(engine: Engine) -> str:
    return engine.platform.partition("/")[2]


def _why(error: LaunchRefused) -> str:
    """What the engine said, where certify knows no better."""
    return one_line(error.message, limit=300)
