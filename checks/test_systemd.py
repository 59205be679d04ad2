"""Under launch `init`: systemd boots as PID 1, supervises services, stops and boots again."""

from itertools import count

import pytest
from testinfra.host import Host

from certify.suite import Candidate, Nested, Note, Units, check, diagnose, proven

UP = ("running", "degraded")
LAUNCH_DEPENDENT = ("systemd-modules-load.", "getty@tty")
"""Beginnings of units that fail in a container because of the way it was launched."""
DEFAULT_TARGET = "Set it in the image: systemctl set-default multi-user.target."
DOCKERD_UNITS = {"docker.service", "docker.socket", "containerd.service"}


@check(
    "systemd.installed",
    title="systemd shipped",
    needs=("image.shell",),
    remedy="Install systemd in the image (Debian, Ubuntu: systemd systemd-sysv dbus), so that no "
    "start has to wait for it.",
)
def test_installed(candidate: Candidate) -> None:
    """The image ships systemd.

    Why: what is not shipped is installed at every launch, and each launch waits for it.

    How: looks for systemd's binary before anything was installed.
    """
    assert not candidate.shipped_without("systemd"), "the image as shipped has no systemd"


@check(
    "systemd.pid1",
    title="systemd is PID 1",
    needs=("image.shell",),
    provides="systemd",
    remedy="Install systemd and make /sbin/init lead to it (Debian, Ubuntu: systemd-sysv). If it "
    "is installed, the log above says why it ended.",
)
def test_pid1(candidate: Candidate, host: Host, note: Note) -> None:
    """systemd runs as PID 1, and answers.

    Why: systemd is what starts dockerd and every other service of a workspace.

    How: the kernel's own name and executable of process 1, the folder that only a running
    systemd makes (sd_booted(3)), its manager, which gives back through systemctl a word that was
    made up a moment ago, and /sbin/init, by which platforms start it.
    """
    boot = candidate.boot
    name = host.file("/proc/1/comm").content_string.strip()
    executable = candidate.run("readlink /proc/1/exe").stdout.strip()
    if name != "systemd" or not executable.endswith("/systemd"):
        why = " (the image has no init to start)" if boot.phase == "idle" else ""
        if boot.phase == "foreign":
            script = candidate.run("head -c 2 /sbin/init").stdout == "#!"
            what = "a script that starts no systemd, or not soon" if script else "another init"
            why = f" (its /sbin/init is {what})"
        problem = f"PID 1 is {name or 'unknown'}, not systemd{why}"
        if boot.phase == "foreign" and not boot.missing:
            proven(problem)  # whatever it says in the log
        pytest.fail(f"{problem}\n{candidate.boot_evidence()}")
    assert host.file("/run/systemd/system").is_directory, (
        "PID 1 is called systemd, but /run/systemd/system is missing: it is not a systemd that runs"
    )
    word = f"CERTIFY={candidate.nonce}"

    def gives_back(systemctl: str) -> bool:
        said = candidate.run(f"{systemctl} set-environment {word} && {systemctl} show-environment")
        return word in said.stdout.splitlines()

    if not gives_back("systemctl"):
        problem = "systemctl does not speak for PID 1"
        Units(candidate).fail_with_generator("systemd does not answer")
        candidate.fail_if_hidden("systemctl", gives_back)
        candidate.fail_if_by_variable(problem, lambda prefix: gives_back(f"{prefix} systemctl"))
        pytest.fail(f"{problem}: the manager did not give back the word it was given")
    candidate.run("systemctl unset-environment CERTIFY")
    if candidate.run("[ -x /sbin/init ]").rc != 0:
        proven(
            "systemd can run, but /sbin/init, which platforms start, is missing or leads nowhere",
            remedy="Make /sbin/init lead to systemd (Debian, Ubuntu: install systemd-sysv anew).",
        )
    note(f"systemd {Units(candidate).property('Version')}")


@check(
    "systemd.state",
    title="boot completes",
    needs=("systemd.pid1",),
    remedy="Find the unit that the boot waits for (systemctl list-jobs), and give it a timeout, "
    "or disable it.",
)
def test_state(candidate: Candidate, nested: Nested, note: Note) -> None:
    """The boot completes: systemd says running or degraded.

    Why: platforms wait for exactly this before they start their agent.

    How: waits for systemd's own message that it is ready, then asks is-system-running, as root and
    as the user nobody: platforms ask as the person's user, who reaches systemd by the system bus.
    If the boot waits for dockerd, whose units the image masks, or whose containerd does not run,
    dockerd.running fails instead.
    """
    answer = candidate.run("systemctl is-system-running", timeout=15)
    state = answer.stdout.strip() or "nothing"
    units = Units(candidate)
    if state not in UP:
        units.fail_with_default_target(f"systemd says {state}, not running")
        if state == "maintenance":
            units.fail_with_mounts(units.failed(), "systemd says maintenance")
        waits = units.starting()
        why = f": the boot waits for {', '.join(waits[:3])}" if waits else ""
        if "docker.service" in waits and (masked := candidate.masked_docker()):
            candidate.defer_to("dockerd.running", f"needs dockerd.running: {masked[0]}")
            proven(f"systemd says {state}, not running{why}; {masked[0]}", remedy=masked[1])
        if "docker.service" in waits and nested.lacks_containerd(waited=True):
            lacks = "dockerd waits for containerd.service, which does not run"
            candidate.defer_to("dockerd.running", f"needs dockerd.running: {lacks}")
        if waits and (cause := candidate.first_boot()):
            proven(f"systemd says {state}, not running{why}; {cause[0]}", remedy=cause[1])
        pytest.fail(f"systemd says {state}, not running{why}\n{candidate.boot_evidence()}")
    if idle := units.idle_target():
        proven(f"systemd says {state}, but {idle}", remedy=DEFAULT_TARGET)
    if candidate.run("grep -q ^nobody: /etc/passwd").rc == 0:
        told = candidate.host_as("nobody").run("systemctl is-system-running", timeout=15)
        if told.stdout.strip() not in UP:
            candidate.fail_if_closed(reported_by="workspace.user")
            units.fail_with_bus(f"systemd says {state} to root only")
    note(state)


@check(
    "systemd.units",
    title="no failed units",
    needs=("systemd.state",),
    remedy="Repair the unit, or mask it if it makes no sense in a container.",
)
def test_units(candidate: Candidate) -> None:
    """No unit failed at boot.

    Why: a failed unit is a service that people will miss, and hides the next one.

    How: systemd's list of units that failed, or fail again and again, is empty. If only
    dockerd's own units failed, dockerd.running fails instead.
    """
    units = Units(candidate)
    failed = [unit for unit in units.failed() if not units.was_asked_too_often(unit)]
    if not failed:
        return
    candidate.fail_if_closed(reported_by="workspace.user")
    names = ", ".join(failed)
    if set(failed) <= DOCKERD_UNITS:
        candidate.defer_to("dockerd.running", f"needs dockerd.running: {names} failed at boot")
    failure = f"failed at boot: {names}"
    log = units.status(failed[:3])
    units.fail_with_mounts(failed, failure)
    if not all(unit.startswith(LAUNCH_DEPENDENT) for unit in failed):
        cause = diagnose(log, where="journal")
        if cause and cause.fault == "image":
            proven(f"{failure}: {cause.cause}", remedy=cause.remedy)
        proven(failure)
    pytest.fail(f"{failure}\n{log}")


@check(
    "systemd.journal",
    title="journal",
    needs=("systemd.state",),
    remedy="Do not mask systemd-journald; leave /run and /var/log writable.",
)
def test_journal(candidate: Candidate) -> None:
    """The output of a service can be read in the journal.

    Why: without the journal nobody can tell why a service failed.

    How: a service of certify's own prints a fresh word, and journalctl finds it.
    """
    tag, words = f"certify-{candidate.nonce}", (f"{candidate.nonce}-{n}" for n in count())
    transient = "systemd-run --quiet --service-type=oneshot -p SyslogIdentifier=%s /bin/sh -c %s"

    def is_kept() -> bool:
        """Let a service print another word, and look for it."""
        word = next(words)
        written = candidate.run(transient, tag, f"echo {word}", timeout=15)
        assert written.rc == 0, "no service can be started to print something"

        def is_there() -> bool:
            read = candidate.run("journalctl -b -t %s -o cat --no-pager", tag, timeout=15)
            return word in read.stdout

        return candidate.wait_for(is_there, seconds=5)

    if is_kept():
        return
    output = Units(candidate).property("DefaultStandardOutput")
    if output and not output.startswith(("journal", "syslog", "kmsg", "inherit")):
        proven(
            f"the output of services goes to {output}, not to the journal, by "
            "DefaultStandardOutput= of the image's systemd",
            remedy="Remove DefaultStandardOutput= from /etc/systemd/system.conf and its drop-ins "
            "(/etc/systemd/system.conf.d) in the image.",
        )
    written = candidate.run("systemd-cat -t %s echo %s", tag, candidate.nonce, timeout=15)
    assert written.rc == 0, "nothing can be written to the journal"
    problem = "what a service printed cannot be read back from the journal"
    Units(candidate).fail_with_journal_settings(problem, is_kept)
    pytest.fail(problem)


@check(
    "systemd.service",
    title="supervision",
    needs=("systemd.state",),
    remedy="Use the distribution's own systemd; see that nothing replaces systemctl or PID 1.",
)
def test_service(candidate: Candidate, host: Host, note: Note) -> None:
    """systemd starts a service, starts it again when it dies, and stops it.

    Why: this is what PID 1 is for; a program that only prints `running` cannot do it.

    How: a unit runs certify's own program. The kernel says that PID 1 is its parent and that
    it stands in the unit's cgroup; it is killed, comes back as another process, is stopped.
    """
    unit = f"certify-{candidate.nonce}.service"
    file, program = f"/run/systemd/system/{unit}", candidate.add_server("supervised")
    written = "[Service]\\nExecStart=%%s\\nRestart=always\\nRestartSec=50ms\\n"
    candidate.run(f"printf '{written}' %s >%s", program, file)

    def main_pid() -> str:
        pid = Units(candidate).property("MainPID", unit)
        executable = candidate.run("readlink %s", f"/proc/{pid}/exe").stdout.strip()
        return pid if pid.isdigit() and executable == program else ""

    def runs() -> bool:
        """Start the unit, also if it failed too often before; True if its program runs."""
        start = "systemctl stop %s; systemctl reset-failed %s; systemctl start %s"
        started = candidate.run(start, unit, unit, unit, timeout=30).rc == 0
        return started and candidate.wait_for(main_pid, seconds=10)

    def comes_back() -> bool:
        """Kill the unit's program; True if systemd starts it again."""
        killed = main_pid()
        candidate.run("kill -9 %s", killed)
        return candidate.wait_for(lambda: main_pid() not in ("", killed), seconds=10)

    try:
        candidate.run("systemctl daemon-reload")
        if not runs():
            problem = "a unit was started, but its program does not run"
            Units(candidate).fail_with_common_settings(problem, runs)
            pytest.fail(problem)
        first = main_pid()
        stat = host.file(f"/proc/{first}/stat").content_string
        assert stat.rpartition(")")[2].split()[1] == "1", "the service is no child of PID 1"
        cgroup = host.file(f"/proc/{first}/cgroup").content_string
        assert unit in cgroup, "the service does not stand in its unit's cgroup"
        if not comes_back():
            problem = "the service was killed, and did not come back"
            Units(candidate).fail_with_common_settings(problem, lambda: runs() and comes_back())
            pytest.fail(problem)
        second = main_pid()
        stopped = candidate.run("systemctl stop %s", unit, timeout=30)
        assert stopped.rc == 0, "the unit could not be stopped"
        assert candidate.wait_for(lambda: not host.file(f"/proc/{second}").exists, seconds=5), (
            "the unit was stopped, but its process lives on"
        )
    finally:
        candidate.run("systemctl stop %s; rm -f %s", unit, file)
        candidate.run("systemctl daemon-reload")
    note("started, killed, restarted, stopped")


@check(
    "systemd.shutdown",
    title="shutdown",
    needs=("systemd.state",),
    last=2,
    remedy="Find the unit that does not stop (journalctl of the last seconds), and give it a "
    "TimeoutStopSec= or a program that ends on SIGTERM.",
)
def test_shutdown(candidate: Candidate, nested: Nested, note: Note) -> None:
    """The container stops cleanly within its budget when systemd is told to halt.

    Why: a workspace that must be killed loses what was not written, and each stop takes
    the engine's whole grace time.

    How: sends SIGRTMIN+3, as `docker stop` does; the exit must come in time and not by SIGKILL.
    If it does not, systemd is asked which units it waits for; a dockerd that waits for its
    containerd fails dockerd.running instead.
    """
    budget = candidate.budgets.shutdown
    lacks_containerd = nested.lacks_containerd()
    stopped = candidate.stop()
    log = "\n".join(("last lines of the container:", candidate.logs(30)))
    late = ", ".join(candidate.late_units[:3])
    log = f": systemd waited for {late}\n{log}" if late else f"\n{log}"
    if lacks_containerd and late == "docker.service":
        reason = "needs dockerd.running: dockerd still waited for its containerd"
        candidate.defer_to("dockerd.running", reason)
    assert not stopped.killed, f"did not stop in {stopped.seconds:.0f} s and was killed{log}"
    assert stopped.exit_code in (0, 130), f"ended with exit code {stopped.exit_code}{log}"
    assert stopped.seconds <= budget, (
        f"took {stopped.seconds:.1f} s to stop, more than {budget:g} s{log}"
    )
    note(f"{stopped.seconds:.1f} s")


def fail_if_lost(candidate: Candidate, path: str) -> None:
    """Fail if a file in a user's home, which was there before a restart, is gone; else return."""
    if candidate.run("[ -e %s ]", path).rc != 1:
        return
    home = path.rpartition("/")[0]
    nearest = 'd=%s; while [ ! -d "$d" ]; do d=${d%%/*}; [ "$d" ] || d=/; done; '
    mount = candidate.run(f'{nearest}df -P -t tmpfs "$d"', home)  # fails if it is no tmpfs
    where = f": {mount.stdout.split()[-1]} is in memory (tmpfs)" if mount.rc == 0 else ""
    candidate.run("ls -la %s", home)
    proven(
        f"after a restart what a user had in its home is gone{where}",
        remedy="Remove what mounts over the homes or empties them at boot: a line of /etc/fstab, a "
        "mount unit, or a file in /etc/tmpfiles.d.",
    )


def fail_if_forgotten(candidate: Candidate, nested: Nested) -> None:
    """Fail if dockerd keeps its data in memory, and lost its images by a restart; else return."""
    if nested.docker("image inspect --format . %s", nested.PROBE).rc == 0:
        return
    folder = nested.docker("info --format '{{.DockerRootDir}}'").stdout.strip()
    if candidate.run("df -P -t tmpfs %s", folder).rc == 0:  # fails if it is no tmpfs
        proven(
            f"after a restart the images, containers and volumes of dockerd are gone: {folder}, "
            "where it keeps them, is in memory (tmpfs)",
            remedy="Leave dockerd's data at /var/lib/docker, where platforms mount a volume: "
            "remove data-root from /etc/docker/daemon.json, or --data-root from docker.service.",
        )


@check(
    "systemd.restart",
    title="restart",
    needs=("systemd.state",),
    last=3,
    remedy="See that a first boot leaves nothing behind that hinders the next (locks, pid files, "
    "a unit that runs once).",
)
def test_restart(candidate: Candidate, host: Host, nested: Nested, note: Note) -> None:
    """A stopped container boots again.

    Why: people stop a workspace in the evening and want it back in the morning.

    How: starts the same container again, waits for its boot, and asks systemd once more, and
    dockerd, if it ran containers before. What the user of workspace.user wrote to its home is
    still there, and dockerd has not kept its images in memory only.
    """
    was_late = (candidate.boot_seconds or 0) > candidate.budgets.boot
    if candidate.stopped is None:
        candidate.stop()
    boot = candidate.start_again()
    name = host.file("/proc/1/comm").content_string.strip()
    state = candidate.run("systemctl is-system-running", timeout=15).stdout.strip()
    if name == "systemd" and state == "starting":
        if nested.lacks_containerd(waited=True):
            reason = "needs dockerd.running: dockerd waits for its containerd again"
            candidate.defer_to("dockerd.running", reason)
        if was_late:
            candidate.defer_to("startup.boot", "needs startup.boot: the first boot was late too")
    if name != "systemd" or state not in UP:
        said = f"after a restart PID 1 is {name} and systemd says {state or 'nothing'}"
        pytest.fail(f"{said}\n{candidate.boot_evidence()}")
    lost = [each for each in boot.missing if each not in candidate.missing_at_stop]
    assert not lost, f"after a restart {', '.join(lost)} is missing again"
    if candidate.users_file:
        fail_if_lost(candidate, candidate.users_file)
    if candidate.ran_nested:
        seconds = candidate.budgets.dockerd
        if not candidate.wait_for(nested.is_up, seconds=seconds, pause=0.1):
            log = candidate.run("journalctl -u docker.service -b -o cat --no-pager -n 20").stdout
            pytest.fail(f"after a restart dockerd does not answer, as it did before\n{log}")
        fail_if_forgotten(candidate, nested)
    note(state)
