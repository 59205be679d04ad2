"""Under launch `init`: the time until the workspace is up, by systemd's own clock."""

import re

from certify.suite import Candidate, Note, check, proven, unknown

ENDED = r"Main process exited|Failed with result|Failed to start|timed out"


def dockerd_seconds(candidate: Candidate) -> float:
    """Return the seconds from the start of docker.service until it was active, or first ended."""
    active, begun = (
        candidate.systemd_seconds(f"{name}TimestampMonotonic", unit="docker.service")
        for name in ("ActiveEnter", "InactiveExit")
    )
    if active is not None:
        return active - (begun or 0.0)
    log = candidate.run("journalctl _PID=1 -u docker.service -b -o short-monotonic --no-pager")
    times = [
        re.search(rf"^\[ *([\d.]+)\] .*(?:{words})", log.stdout, re.M)
        for words in ("Starting docker", ENDED)
    ]
    first, end = (float(each[1]) if each else 0.0 for each in times)
    return max(0.0, end - first)


@check(
    "startup.boot",
    title="boot time",
    needs=("systemd.state",),
    remedy="`systemd-analyze blame` in the container names the slow units; mask what a container "
    "does not need.",
)
def test_boot(candidate: Candidate, note: Note) -> None:
    """systemd is up within its budget.

    Why: a person waits for it each time.

    How: from the start of systemd to the end of its boot, by systemd's own monotonic
    timestamps, so that no polling adds to it. If only dockerd makes the boot late,
    startup.dockerd fails instead, or dockerd.running if it does not start.
    """
    seconds = candidate.systemd_seconds("FinishTimestampMonotonic")
    if seconds is None:
        unknown("systemd does not say when its boot ended")
    candidate.boot_seconds = seconds
    candidate.record("boot_seconds", seconds)
    budget = candidate.budgets.boot
    if seconds <= budget:
        note(f"{seconds:.2f} s")
        return
    own = dockerd_seconds(candidate)
    if budget >= seconds - own:
        held = f"{own:.1f} s of the boot's {seconds:.1f} s were docker.service's"
        if candidate.run("systemctl is-active docker.service", timeout=15).rc != 0:
            candidate.defer_to("dockerd.running", f"needs dockerd.running: {held}")
        if own > candidate.budgets.dockerd:
            candidate.defer_to("startup.dockerd", f"needs startup.dockerd: {held}")
    slowest = candidate.run("systemd-analyze blame --no-pager").stdout.strip().partition("\n")[0]
    most = f": {slowest.split()[-1]} alone took {' '.join(slowest.split()[:-1])}" if slowest else ""
    late = f"the boot took {seconds:.1f} s, more than {budget:g} s"
    generated = candidate.systemd_seconds("GeneratorsFinishTimestampMonotonic") or 0.0
    if budget >= seconds - generated:
        candidate.run(
            "ls -l /etc/systemd/system-generators /usr/local/lib/systemd/system-generators"
        )
        proven(
            f"{late}: systemd waited {generated:.1f} s for its generators before it began",
            remedy="Correct or remove the program in /etc/systemd/system-generators (or in "
            "/usr/local/lib or /usr/lib) that does not end; systemd gives each 90 s.",
        )
    late += most
    if first := candidate.first_boot():
        proven(f"{late}; {first[0]}", remedy=first[1])
    raise AssertionError(late)


@check(
    "startup.dockerd",
    title="dockerd time",
    needs=("dockerd.unit",),
    remedy="`systemd-analyze critical-chain docker.service` in the container names what dockerd "
    "waits for.",
)
def test_dockerd(candidate: Candidate, note: Note) -> None:
    """dockerd is ready within its budget.

    Why: side services start only once dockerd is ready.

    How: from the start of systemd to the moment docker.service became active, by systemd's
    own monotonic timestamps. A service that is started later, by the first client at its socket,
    counts as if that client had come at the end of the boot. If dockerd only waits for a late
    boot, startup.boot fails instead.
    """
    seconds = candidate.systemd_seconds("ActiveEnterTimestampMonotonic", unit="docker.service")
    if seconds is None:
        unknown("systemd does not say when docker.service became active")
    budget = candidate.budgets.dockerd
    boot = candidate.systemd_seconds("FinishTimestampMonotonic") or 0.0
    own = dockerd_seconds(candidate)
    seconds = min(seconds, boot + own)
    candidate.record("dockerd_seconds", round(seconds, 3))
    if seconds > budget >= own and boot > candidate.budgets.boot:
        held = f"dockerd itself took {own:.1f} s, and waited for the boot before"
        late = "systemd.state" if candidate.boot_seconds is None else "startup.boot"
        candidate.defer_to(late, f"needs {late}: {held}")
    assert seconds <= budget, f"dockerd took {seconds:.1f} s, more than {budget:g} s"
    note(f"{seconds:.2f} s")


@check(
    "startup.provision",
    title="install time",
    needs=("systemd.pid1",),
    remedy="Ship what is installed at launch in the image: then nothing has to be installed.",
)
def test_provision(candidate: Candidate, note: Note) -> None:
    """Everything that the image lacks is installed at launch within its budget.

    Why: it is the longest wait of all, and comes with every new workspace.

    How: the launch script notes the kernel's uptime before and after it installs.
    """
    boot = candidate.boot
    if not boot.missing:
        note("nothing had to be installed")
        return
    names = ", ".join(boot.missing)
    assert boot.installed == 0, f"installing {names} at launch failed\n{candidate.logs()}"
    seconds = boot.provision_seconds
    if seconds is None:
        unknown("the launch left no record of how long it installed")
    budget = candidate.budgets.provision
    assert seconds <= budget, f"installing {names} took {seconds:.0f} s, more than {budget:g} s"
    note(f"{names} in {seconds:.1f} s")
