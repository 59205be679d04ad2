"""Under launch `init`: dockerd is a unit of systemd, and containers run in it."""

import re

import pytest
from testinfra.host import Host

from certify.suite import (
    Candidate,
    Nested,
    Note,
    Units,
    check,
    diagnose,
    not_applicable,
    proven,
    unknown,
)

GOOD_STORAGE = ("overlay2", "overlayfs", "overlay", "btrfs", "zfs", "fuse-overlayfs")


def runs_a_container(candidate: Candidate, nested: Nested, nonce: str) -> None:
    """Assert that a container with certify's own program prints a word made up for this run."""
    run = f"docker run --rm {nested.PROBE} /say"

    def works() -> bool:
        return bool(nested.load_probe(nonce).rc == 0 and candidate.run(run).rc == 0)

    if nested.load_probe(nonce).rc != 0:
        problem = "dockerd answers, but an image cannot be loaded into it"
        nested.fail_if_hindered(problem, works)
        pytest.fail(problem)
    candidate.transcript.clear()  # what worked is no evidence of what fails
    ran = candidate.run(run)
    if ran.rc != 0:
        problem = "dockerd answers, but no container can run in it"
        candidate.fail_if_by_variable(problem, lambda env: candidate.run(f"{env} {run}").rc == 0)
        log = ""
        if "EOF" in ran.stderr:  # of a daemon that ended meanwhile; systemd says what ended it
            show = "journalctl _PID=1 -u docker.service -b -o cat --no-pager -n 8"
            log = candidate.run(show).stdout
        nested.fail_if_hindered(problem, works, f"{ran.stderr}\n{log}")
        if "code=killed, status=9/KILL" in log:
            unknown(f"{problem}: dockerd was killed meanwhile, as the kernel does without memory")
        pytest.fail(problem)
    assert nonce in ran.stdout, "a container ran, but its output did not come back"
    candidate.run(": >/run/certify/ran")  # for systemd.restart


@check(
    "dockerd.installed",
    title="dockerd shipped",
    needs=("image.shell",),
    remedy="Install dockerd and its client in the image (Debian, Ubuntu: docker.io iptables), so "
    "that no start has to wait for them.",
)
def test_installed(candidate: Candidate) -> None:
    """The image ships dockerd and the docker command.

    Why: what is not shipped is installed at every launch, and each launch waits for it.

    How: looks for both programs before anything was installed.
    """
    if candidate.shipped_without("dockerd"):
        candidate.fail_if_not_executable("dockerd", "docker", reported_by="dockerd.running")
        pytest.fail("the image as shipped has no dockerd, or no docker")


@check(
    "dockerd.running",
    title="dockerd answers",
    needs=("systemd.pid1",),
    provides="dockerd",
    remedy="Enable the unit (systemctl enable docker); `journalctl -u docker` in the container "
    "says why it ends.",
)
def test_running(candidate: Candidate, nested: Nested, note: Note) -> None:
    """dockerd answers after boot.

    Why: people build and run containers in their workspace, and side services run in it.

    How: asks the daemon for its version until it answers or has failed for good. A daemon that
    answers at its own socket only shows that the docker command of the image looks elsewhere. The
    mode of the socket has to let in others than root: platforms add the person to its group.
    """
    if version := nested.version():
        nested.fail_if_for_root_alone()
        note(f"Docker {version}")
        return

    def settled() -> bool:
        if nested.lacks_containerd():
            return True
        if nested.is_up() or nested.daemon_is_up() or nested.daemon_elsewhere()[0]:
            return True
        state = candidate.run("systemctl is-active docker.service", timeout=15).stdout.strip()
        # It may have been started without its unit.
        return state in ("failed", "inactive") and not candidate.has_process("dockerd")

    candidate.wait_for(settled, seconds=2 * candidate.budgets.dockerd, pause=0.1)
    lacks_containerd = nested.lacks_containerd()
    # Before dockerd is asked for the last time: a boot that ends meanwhile has started it.
    booted = candidate.run("systemctl is-system-running", timeout=15).stdout.strip()
    if lacks_containerd or not nested.is_up():
        nested.fail_if_missing()
        candidate.fail_if_closed(reported_by="workspace.user")
        if not lacks_containerd:
            nested.fail_if_elsewhere()
        if masked := candidate.masked_docker():
            proven(f"dockerd does not answer: {masked[0]}", remedy=masked[1])
        if Units(candidate).property("LoadState", "docker.service") == "not-found":
            proven(
                "dockerd does not answer: the image has its program, and no docker.service that "
                "starts it",
                remedy="Install the distribution's package of dockerd (Debian, Ubuntu: docker.io), "
                "or add docker.service and docker.socket of the same release, and enable them.",
            )
        if idle := Units(candidate).idle_target():
            candidate.defer_to("systemd.state", f"needs systemd.state: {idle}")
        if lacks_containerd:
            log = "journalctl -u containerd.service -b -o cat --no-pager -n 30"
            said = candidate.run(f"systemctl status containerd.service --lines=0; {log}").stdout
            problem = "dockerd does not answer: its containerd.service does not run"
            nested.fail_if_hindered(problem, nested.is_up, said)
            pytest.fail(f"{problem}\n{said}")
        if booted not in ("running", "degraded"):
            candidate.defer_to("systemd.state", f"needs systemd.state: systemd says {booted}")
        logs = [
            candidate.run(f"journalctl {units} -b -o cat --no-pager -n {lines}").stdout
            for units, lines in (("-u docker.service -u docker.socket", 40), ("-u containerd", 15))
        ]
        look = "systemctl status docker.service --no-pager --lines=0"
        status = candidate.run(look)
        if "bad-setting" in status.stdout:
            logs += [candidate.run("systemd-analyze verify docker.service 2>&1 | tail -n 5").stdout]
        nested.fail_if_hindered("dockerd does not answer", nested.is_up, "\n".join(logs))
        ends = re.findall(r"^failed to start daemon: (.{1,300})", logs[0], re.M)
        if ends and diagnose("\n".join(logs), where="journal") is None:
            pytest.fail(
                f"dockerd does not start, and says why: {ends[-1]}\n{status.stdout}{logs[0]}"
            )
        pytest.fail(f"dockerd does not answer\n{status.stdout}{''.join(logs)}")
    nested.fail_if_for_root_alone()
    note(f"Docker {nested.version()}")


@check(
    "dockerd.unit",
    title="dockerd is a unit",
    needs=("dockerd.running",),
    remedy="Let the distribution's docker.service start dockerd, and enable it: "
    "systemctl enable docker.",
)
def test_unit(candidate: Candidate, host: Host) -> None:
    """dockerd is supervised by systemd, and starts at every boot.

    Why: a dockerd that a script started does not come back when it dies.

    How: docker.service is active, and it or its socket is enabled, or wanted by another unit of
    the boot.
    """
    service = host.service("docker.service")
    assert service.is_running, "dockerd runs, but not as docker.service"
    assert (
        service.is_enabled
        or host.service("docker.socket").is_enabled
        or Units(candidate).start_with_another("docker.service", "docker.socket")
    ), "docker.service runs, but is not enabled to start at boot"


@check(
    "dockerd.container",
    title="containers run",
    needs=("dockerd.running",),
    remedy="Install dockerd with the runc and containerd of the same distribution, and try "
    "`docker run` in the container: its message names the missing part.",
)
def test_container(candidate: Candidate, nested: Nested) -> None:
    """A container runs in the image's dockerd.

    Why: a daemon that answers may still be unable to run anything.

    How: loads certify's own static program, made for this run, and reads the word it prints. If
    that fails, dockerd is restarted without the image's own settings of docker.service and in
    daemon.json: the fewest without which it works are named.
    """
    runs_a_container(candidate, nested, candidate.nonce)


@check(
    "dockerd.network",
    title="published ports",
    needs=("dockerd.container",),
    remedy="Install iptables in a flavour that the host's kernel has (iptables-legacy or "
    "iptables-nft), and leave dockerd's bridge on.",
)
def test_network(candidate: Candidate, nested: Nested) -> None:
    """A nested container's published port can be reached.

    Why: people open what they develop in a browser, through a published port.

    How: runs certify's own server with a port published, and fetches its word from loopback.
    """
    if problem := nested.port_problem():
        nested.fail_if_hindered(problem, lambda: not nested.port_problem())
        pytest.fail(problem)


@check(
    "dockerd.outbound",
    title="containers reach out",
    needs=("dockerd.container", "dockerd.network"),
    remedy="Let dockerd write its rules (no iptables or ip-masq in daemon.json), and see that no "
    "unit of the image (a firewall, sysctl) removes them or stops net.ipv4.ip_forward.",
)
def test_outbound(candidate: Candidate, nested: Nested) -> None:
    """A nested container reaches the network of the candidate.

    Why: builds and side services fetch what they need; without a way out, they hang.

    How: certify's own program tries a port of the candidate's gateway, first from the candidate
    and then from a nested container: the reply, mostly a refusal, has to come to both. Does not
    apply where the gateway replies to nobody. No other host is contacted. If no reply comes, or
    the candidate itself refused something, it is tried without the rules of the image's own
    firewall: the fewest that drop or refuse are named.
    """
    gateway = candidate.gateway or not_applicable("the candidate has no gateway")
    reached = nested.reaches(gateway)
    if reached is False:
        reached = nested.reaches(gateway)  # a lost packet proves nothing
    if reached is None:
        not_applicable("the gateway of the candidate's network replies to nobody")
    if not reached:
        problem = "no reply comes to a nested container from outside the candidate"
        nested.fail_if_filtered(problem, lambda: nested.reaches(gateway) is True)
        nested.fail_if_hindered(problem, lambda: nested.reaches(gateway) is True)
        rules = "iptables -S FORWARD; iptables -t nat -S POSTROUTING"
        candidate.run(f"cat /proc/sys/net/ipv4/ip_forward; {rules}")
        pytest.fail(problem)
    if nested.refused_here:
        problem = "what a nested container asks for is refused before it leaves the candidate"
        nested.fail_if_filtered(
            problem, lambda: nested.reaches(gateway) is True and not nested.refused_here
        )


@check(
    "dockerd.storage",
    title="storage driver",
    needs=("dockerd.running",),
    remedy="Leave dockerd's storage driver at its default, and /var/lib/docker to the volume that "
    "the platform mounts there.",
)
def test_storage(nested: Nested, note: Note) -> None:
    """dockerd stores layers by sharing them, not by copying.

    Why: the vfs driver copies every layer whole: slow, and a disk full in a day.

    How: the storage driver that the daemon reports.
    """
    if (found := nested.first_driver or nested.storage_driver()) not in GOOD_STORAGE:
        problem = f"the storage driver is {found or 'unknown'}"
        nested.fail_if_hindered(problem, lambda: nested.storage_driver() in GOOD_STORAGE)
        pytest.fail(problem)
    note(found)


@check(
    "dockerd.compose",
    title="compose",
    needs=("dockerd.container",),
    remedy="Install Docker Compose in the image (docker-compose-plugin, docker-compose-v2 or "
    "docker-compose).",
)
def test_compose(candidate: Candidate, nested: Nested, note: Note) -> None:
    """Docker Compose starts a service.

    Why: platforms start side services, such as a database, with `docker compose up`.

    How: runs a file of one service, certify's own program, on a network that Compose makes for it
    as for every project, and reads the word it prints.
    """
    command = "docker compose"
    if candidate.run("docker compose version").rc != 0:
        command = "docker-compose"
        if not candidate.has(command):
            candidate.fail_if_not_executable(command)
            pytest.fail("neither `docker compose` nor `docker-compose` is in the image")
    assert nested.is_loaded, "an image cannot be loaded into dockerd"
    folder = f"/run/certify/compose-{candidate.nonce}"
    service = f"services:\\n  probe:\\n    image: {nested.PROBE}\\n    command: [/say]\\n"
    candidate.run(
        f"mkdir -p {folder} && printf 'version: \"3\"\\n{service}' >{folder}/docker-compose.yml"
    )
    try:

        def works(env: str) -> bool:
            up = candidate.run(f"cd {folder} && {env} {command} up")
            return up.rc == 0 and candidate.nonce in up.stdout

        problem = f"{command} could not run a service"
        if not works(""):
            runs = candidate.run(f"{command} version").rc == 0
            assert runs, f"{command} is in the image, but does not run"
            candidate.fail_if_by_variable(problem, works)
            nested.fail_if_hindered(problem, lambda: nested.is_loaded and works(""))
            pytest.fail(problem)
    finally:
        candidate.run(f"cd {folder} && {command} down -v", timeout=60)
    note(command)


@check(
    "dockerd.restart",
    title="dockerd restarts",
    needs=("dockerd.unit", "dockerd.container"),
    last=1,
    remedy="`systemctl restart docker` in the container shows what hinders it: a pid file left "
    "behind, or a daemon that does not end.",
)
def test_restart(candidate: Candidate, nested: Nested) -> None:
    """dockerd can be restarted, and runs containers again.

    Why: a change of its configuration, or an upgrade, restarts it.

    How: restarts the unit, waits until the daemon answers, and runs a container once more.
    """
    restarted = candidate.run("systemctl restart docker.service", timeout=60)
    assert restarted.rc == 0, "docker.service could not be restarted"
    assert candidate.wait_for(nested.is_up, seconds=30, pause=0.1), (
        "dockerd does not answer after a restart"
    )
    runs_a_container(candidate, nested, f"again-{candidate.nonce}")
