"""Signs of a host's health, judged from facts, with remedies. Pure.

``fail`` means that the host cannot certify any image that boots systemd; ``warn`` that it cannot
certify some images, or that results may be inconclusive.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich.filesize import decimal

from certify.judge.startup import SLOW_SECONDS, is_slow
from certify.model.examination import Health, Sign
from certify.model.host import ORDINARY_FILES, Calibration

MINIMUM_API = (1, 41)
"""Engine 20.10, the first whose API has ``CgroupnsMode`` and a container's platform.

Source: the version history of the Docker Engine API, v1.41.
"""
SKEW_SECONDS = 60.0
"""Clocks may differ by so much before package managers and TLS refuse lists and certificates.

A smaller limit would include the time that a request to the engine takes.
"""
LITTLE_DISK, NO_DISK = 10 * 10**9, 10**9
"""Free bytes. An installation at launch takes 0.6 GB on Debian 12, without the image itself."""
LITTLE_MEMORY = 10**9
"""Bytes. systemd and dockerd with one container take about 0.3 GB, apt as much again."""
POOR_STORAGE = {
    "vfs": "copies whole images for each container: slow, and large",
    "devicemapper": "is no longer supported by Docker",
    "aufs": "is no longer supported by Docker",
}


def can_certify(signs: Iterable[Sign]) -> bool:
    """Return True if the host can certify images: there are signs, and none failed."""
    statuses = [sign.status for sign in signs]
    return bool(statuses) and Health.FAIL not in statuses


def _sign(name: str, text: str, *, warn: str = "", fail: str = "") -> Sign:
    """Return a sign that is OK unless it has a remedy."""
    status = Health.FAIL if fail else Health.WARN if warn else Health.OK
    return Sign(name=name, status=status, text=text, remedy=fail or warn)


def engine(product: str, version: str, api: str, oldest: str) -> Sign:
    """Judge whether the engine's API is recent enough for launches; the ``oldest`` one has it."""
    text = f"{product} {version} answers, API {api}"
    numbers = tuple(int(part) if part.isdigit() else 0 for part in api.split("."))
    if numbers < MINIMUM_API:
        wanted = ".".join(map(str, MINIMUM_API))
        remedy = f"Upgrade it to {oldest} or later."
        return _sign("engine", f"{text}; {wanted} is needed", fail=remedy)
    return _sign("engine", text)


def isolation(problems: Mapping[str, str]) -> list[Sign]:
    """Judge each kind of isolation by the problem of its trial, which is empty if it works.

    ``default`` is for profiles without systemd; one of the others is enough for those with it.
    ``apparmor``, ``userns`` and ``sysbox`` may be missing.
    """
    works = [each for each, problem in problems.items() if not problem and each != "default"]
    usual = {"caps", "userns", "sysbox"} & set(works)
    signs = []
    for each, problem in problems.items():
        name, remedy = f"isolation.{each}", "See the engine's log and the limits of its host."
        if not problem:
            can = "" if each == "default" else ", can mount"
            signs.append(_sign(name, f"a container starts{can}, and its output comes back"))
        elif each == "default" or not works:
            signs.append(_sign(name, problem, fail=remedy))
        elif each == "apparmor":
            remedy = (
                "Run certify as root, or load its profile: certify doctor --apparmor | "
                "sudo apparmor_parser --replace"
            )
            signs.append(_sign(name, problem, warn=remedy))
        elif usual:
            other = ", ".join(sorted(usual))
            remedy = f"Nothing needs to be done: --isolation {other} works."
            signs.append(_sign(name, problem, warn=remedy))
        else:
            remedy = f"Launch with --isolation {works[0]}, on a machine that holds nothing else."
            signs.append(_sign(name, problem, warn=remedy))
    if "sysbox" not in problems:
        absent = "the engine has no sysbox-runc; only --isolation sysbox needs it"
        signs.append(_sign("isolation.sysbox", absent))
    return signs


def cgroups(version: str, driver: str) -> Sign:
    """Judge which versions of systemd can boot with the host's control groups."""
    text = f"version {version or 'unknown'}, driver {driver or 'unknown'}"
    if version == "2":
        return _sign("cgroups", text)
    remedy = (
        "Images with systemd 258 or later are inconclusive here; for those, boot the host with "
        "systemd.unified_cgroup_hierarchy=1."
    )
    return _sign("cgroups", text, warn=remedy)


def storage(driver: str, root: str) -> Sign:
    """Judge whether the engine's storage driver suits daily use."""
    text = f"{driver} in {root}"
    if poor := POOR_STORAGE.get(driver):
        return _sign("storage", f"{text}: it {poor}", warn="Use overlay where the disk allows it.")
    return _sign("storage", text)


def disk(free: int | None, root: str) -> Sign:
    """Judge the free bytes on the engine's disk; None if they are unknown."""
    if free is None:
        remedy = f"Check on the engine's host that 10 GB are free: df -h {root}"
        return _sign("disk", "unknown: the engine's disk cannot be seen from here", warn=remedy)
    text, remedy = (
        f"{decimal(free)} free",
        "Make room; see `docker system df` (or `podman`).",
    )
    if free < NO_DISK:
        return _sign("disk", text, fail=remedy)
    return _sign("disk", text, warn=remedy if free < LITTLE_DISK else "")


def memory(total: int, limit: int, *, limits_hold: bool) -> Sign:
    """Judge whether the host has the memory that a candidate may take; both in bytes."""
    text = f"{decimal(total)}; a candidate may take {decimal(limit)}"
    if total < LITTLE_MEMORY:
        return _sign("memory", text, fail="Give the host at least 1 GB.")
    if not limits_hold:
        remedy = "Enable the memory control group on the host, or certify only what you trust."
        return _sign("memory", f"{text}, but the engine cannot enforce it", warn=remedy)
    # A machine of 4 GiB has somewhat less than that available.
    remedy = f"Leave some memory to the host: --memory {_most_of(total)}"
    return _sign("memory", text, warn=remedy if total < 0.9 * limit else "")


def _most_of(total: int) -> str:
    """Return about three quarters of the bytes as a round number for ``--memory``."""
    quarters = total * 3 // 4
    return f"{quarters >> 30}g" if quarters >= 1 << 30 else f"{quarters >> 28 << 8}m"


def cpus(count: int) -> Sign:
    """Judge whether the host has more than one processor."""
    remedy = "Startup takes longer than on a host with two; compare times with care."
    return _sign("cpus", str(count), warn=remedy if count < 2 else "")


def clock(skew: float | None, *, local: bool) -> Sign:
    """Judge the seconds that the engine's clock is ahead of ours; None if they are unknown.

    A ``local`` engine has our own clock, so the comparison proves nothing.
    """
    remedy = "Set both clocks by NTP (timedatectl set-ntp true)."
    if skew is None:
        return _sign("clock", "the engine does not report the time", warn=remedy)
    if abs(skew) > SKEW_SECONDS:
        which = "ahead of" if skew > 0 else "behind"
        return _sign("clock", f"the engine's is {abs(skew):.0f} s {which} ours", warn=remedy)
    if local:
        return _sign("clock", "the engine's is this machine's own, so there is nothing to compare")
    return _sign("clock", "the engine's agrees with ours")


def speed(calibration: Calibration | None) -> Sign:
    """Judge whether the host is as fast as budgets assume; None if it could not be measured."""
    remedy = "Checks over a startup budget are unknown here. Find out what keeps the host busy."
    if calibration is None:
        return _sign("speed", "could not be measured", warn=remedy)
    text = f"certify's probe container takes {calibration.total_seconds:.2f} s"
    if is_slow(calibration):
        return _sign("speed", f"{text}, more than {SLOW_SECONDS:g} s", warn=remedy)
    return _sign("speed", text)


def files(most: int | None) -> Sign:
    """Judge how many files a container may open at a time; None if that is unknown."""
    if most is None:
        return _sign("files", "unknown: the processes of containers cannot be seen from here")
    remedy = (
        "An image whose dockerd lets its containers open more is inconclusive here. Have the "
        "engine grant more: LimitNOFILE=infinity in its unit."
    )
    text = f"a container may open {most} at a time"
    return _sign("files", text, warn=remedy if most < ORDINARY_FILES else "")


def network(text: str, problem: str = "", remedy: str = "") -> Sign:
    """Judge the network that each candidate gets; ``text`` is what it leads to."""
    return _sign("network", problem or text, fail=remedy if problem else "")


def names(name: str, problem: str) -> Sign:
    """Judge whether a container can look up a name; ``problem`` is empty if it can."""
    if not problem:
        return _sign("names", f"a container can look up {name}")
    remedy = (
        "No package can be installed. Give the engine a name server: dns in Docker's daemon.json, "
        "dns_servers in Podman's containers.conf."
    )
    return _sign("names", f"a container cannot look up {name}: {problem}", warn=remedy)


def registry(where: str, problem: str) -> Sign:
    """Judge whether a container can connect to a registry; ``problem`` is empty if it can."""
    if not problem:
        return _sign("registry", f"a container can reach {where}")
    remedy = (
        "If the engine cannot reach it either, only images on the engine can be certified. Try "
        "another registry with --registry HOST[:PORT]."
    )
    return _sign("registry", f"a container cannot reach {where}: {problem}", warn=remedy)


def emulation(own: str, others: Sequence[str], missing: Sequence[str]) -> Sign:
    """Report which architectures' programs the host runs; its own are enough."""
    text = f"runs {', '.join((own, *others))}"
    if missing:
        text += f"; not {', '.join(missing)}, so --platform with these is inconclusive"
    return _sign("emulation", text)
