"""Whether a host can certify at all: what was seen of it, judged. Pure.

Each function takes facts and says what they mean, with a remedy wherever something is not well.
``fail`` means that no systemd launch can be certified on the host; ``warn`` that some cannot, or
that results may turn out inconclusive.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich.filesize import decimal

from certify.judge.startup import SLOW_SECONDS, is_slow
from certify.model.examination import Health, Sign
from certify.model.result import Calibration

MINIMUM_API = (1, 41)
"""Engine 20.10: the first whose API takes ``CgroupnsMode`` and a container's platform.

Source: the version history of the Docker Engine API, v1.41.
"""
SKEW_SECONDS = 60.0
"""So far a clock may be off: package managers refuse lists from the future, TLS its certificates.

Less would warn of what only the way to the engine takes.
"""
LITTLE_DISK, NO_DISK = 10 * 10**9, 10**9
"""Bytes. An installation at launch takes 0.6 GB (Debian 12); images come on top of it."""
LITTLE_MEMORY = 10**9
"""Bytes. systemd and dockerd with a container in it take about 0.3 GB, apt as much again."""
POOR_STORAGE = {
    "vfs": "copies whole images for each container: slow, and large",
    "devicemapper": "is no longer supported by Docker",
    "aufs": "is no longer supported by Docker",
}


def can_certify(signs: Iterable[Sign]) -> bool:
    """Whether images can be certified on the host; nothing seen is not enough."""
    seen = [sign.status for sign in signs]
    return bool(seen) and Health.FAIL not in seen


def _sign(name: str, text: str, *, warn: str = "", fail: str = "") -> Sign:
    """A sign that is well unless it comes with a remedy."""
    status = Health.FAIL if fail else Health.WARN if warn else Health.OK
    return Sign(name=name, status=status, text=text, remedy=fail or warn)


def engine(product: str, version: str, api: str) -> Sign:
    """Whether the engine's API has what launches ask for."""
    text = f"{product} {version} answers, API {api}"
    numbers = tuple(int(part) if part.isdigit() else 0 for part in api.split("."))
    if numbers < MINIMUM_API:
        wanted = ".".join(map(str, MINIMUM_API))
        remedy = "Upgrade it to Docker Engine 20.10 or later."
        return _sign("engine", f"{text}; {wanted} is needed", fail=remedy)
    return _sign("engine", text)


def isolation(refused: Mapping[str, str]) -> list[Sign]:
    """What each way of launching came to: why it was refused, or nothing if it works.

    ``default`` is for profiles without systemd; of the others one is enough, and ``sysbox`` may
    not be there to be tried.
    """
    ladder = {each: why for each, why in refused.items() if each != "default"}
    works = [each for each, why in ladder.items() if not why]
    usual = {"caps", "sysbox"} & set(works)
    signs = []
    for each, why in refused.items():
        name, remedy = f"isolation.{each}", "See the engine's own log, and its host's limits."
        if not why:
            can = "" if each == "default" else ", can mount and join a keyring"
            signs.append(_sign(name, f"a container starts{can}, and its output comes back"))
        elif each == "default" or not works:
            signs.append(_sign(name, why, fail=remedy))
        elif usual:
            other = ", ".join(sorted(usual))
            remedy = f"Nothing needs to be done: --isolation {other} works."
            signs.append(_sign(name, why, warn=remedy))
        else:
            remedy = f"Launch with --isolation {works[0]}, on a machine that holds nothing else."
            signs.append(_sign(name, why, warn=remedy))
    if "sysbox" not in refused:
        absent = "the engine has no sysbox-runc; only --isolation sysbox needs it"
        signs.append(_sign("isolation.sysbox", absent))
    return signs


def cgroups(version: str, driver: str) -> Sign:
    """Which images' systemd can boot on the host's control groups."""
    text = f"version {version or 'unknown'}, driver {driver or 'unknown'}"
    if version == "2":
        return _sign("cgroups", text)
    remedy = (
        "Images with systemd 258 or later are inconclusive here; for those boot the host with "
        "systemd.unified_cgroup_hierarchy=1."
    )
    return _sign("cgroups", text, warn=remedy)


def storage(driver: str, root: str) -> Sign:
    """Whether the engine's storage driver is one for daily use."""
    text = f"{driver} in {root}"
    if poor := POOR_STORAGE.get(driver):
        return _sign("storage", f"{text}: it {poor}", warn="Use overlay2 where the disk allows it.")
    return _sign("storage", text)


def disk(free: int | None, root: str) -> Sign:
    """Whether images and what is installed in them have room; null: it cannot be seen."""
    if free is None:
        remedy = f"Look there that 10 GB are free: df -h {root}"
        return _sign("disk", "unknown: the engine's disk cannot be seen from here", warn=remedy)
    text, remedy = f"{decimal(free)} free", "Make room; `docker system df` tells what takes it."
    if free < NO_DISK:
        return _sign("disk", text, fail=remedy)
    return _sign("disk", text, warn=remedy if free < LITTLE_DISK else "")


def memory(total: int, limit: int, *, limits_hold: bool) -> Sign:
    """Whether a candidate can have what it is allowed; all in bytes."""
    text = f"{decimal(total)}; a candidate may take {decimal(limit)}"
    if total < LITTLE_MEMORY:
        return _sign("memory", text, fail="Give the host 1 GB at least.")
    if not limits_hold:
        remedy = "Enable the memory control group on the host, or certify only what you trust."
        return _sign("memory", f"{text}, but the engine cannot enforce it", warn=remedy)
    # A machine of 4 GiB has somewhat less than that to give.
    remedy = f"Leave the host some of it: --memory {_most_of(total)}"
    return _sign("memory", text, warn=remedy if total < 0.9 * limit else "")


def _most_of(total: int) -> str:
    """At most three quarters of the bytes, as a round number for ``--memory``."""
    quarters = total * 3 // 4
    return f"{quarters >> 30}g" if quarters >= 1 << 30 else f"{quarters >> 28 << 8}m"


def cpus(count: int) -> Sign:
    """Whether there is more than one processor."""
    remedy = "Startup takes longer than on a host with two: look at times with care."
    return _sign("cpus", str(count), warn=remedy if count < 2 else "")


def clock(skew: float | None, *, local: bool) -> Sign:
    """Whether the engine's clock agrees with ours; seconds that it is ahead, null: not told.

    An engine that is ``local`` has our own clock, which then proves nothing.
    """
    remedy = "Set both clocks by NTP (timedatectl set-ntp true)."
    if skew is None:
        return _sign("clock", "the engine does not tell the time", warn=remedy)
    if abs(skew) > SKEW_SECONDS:
        which = "ahead of" if skew > 0 else "behind"
        return _sign("clock", f"the engine's is {abs(skew):.0f} s {which} ours", warn=remedy)
    if local:
        return _sign("clock", "the engine's is this machine's own, so there is nothing to compare")
    return _sign("clock", "the engine's agrees with ours")


def speed(calibration: Calibration | None) -> Sign:
    """Whether the host is as fast as budgets assume; null: it could not be measured."""
    remedy = "What is over a startup budget here is inconclusive. See what keeps the host busy."
    if calibration is None:
        return _sign("speed", "could not be measured", warn=remedy)
    text = f"certify's probe container takes {calibration.total_seconds:.2f} s"
    if is_slow(calibration):
        return _sign("speed", f"{text}, more than {SLOW_SECONDS:g} s", warn=remedy)
    return _sign("speed", text)


def names(name: str, problem: str) -> Sign:
    """Whether a container can look a name up; ``problem`` is empty if it can."""
    if not problem:
        return _sign("names", f"a container can look up {name}")
    remedy = "Packages cannot be installed so. Give the engine a name server (dns in daemon.json)."
    return _sign("names", f"a container cannot look up {name}: {problem}", warn=remedy)


def registry(where: str, problem: str) -> Sign:
    """Whether a container can connect to a registry; ``problem`` is empty if it can."""
    if not problem:
        return _sign("registry", f"a container can reach {where}")
    remedy = (
        "Only images that are on the engine can be certified, if that is no better from the "
        "engine itself. Name yours with --registry HOST[:PORT]."
    )
    return _sign("registry", f"a container cannot reach {where}: {problem}", warn=remedy)


def emulation(own: str, others: Sequence[str], missing: Sequence[str]) -> Sign:
    """Which architectures' programs the host runs; that it runs its own only is well."""
    text = f"runs {', '.join((own, *others))}"
    if missing:
        text += f"; not {', '.join(missing)}, so --platform with these is inconclusive"
    return _sign("emulation", text)
