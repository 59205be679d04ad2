"""Under launch `nested`: a service beside a project, in the dockerd of a base image."""

import re
from statistics import median

from certify.suite import Candidate, Note, Service, check, in_ranges, proven, unknown

STAYS_SECONDS = 3
"""Time for which it has to stay after the other checks."""
IS_LOG = re.compile(r"/var/log/.|.*\.log$")
BY_ITSELF = "ended with exit code 0:"
FOREGROUND = (
    "It ended as if its work was done: let the server stay in the foreground (nginx -g 'daemon "
    "off;', apachectl -D FOREGROUND, redis-server --daemonize no), or give the image a CMD that "
    "starts it: a shell without a terminal ends at once."
)


@check(
    "service.starts",
    title="starts",
    remedy="`docker logs` says why it ends. An image that must be told something is given it with "
    "--env NAME=VALUE, or in the [service] table of a profile.",
)
def test_starts(service: Service, note: Note) -> None:
    """The image starts as a service beside a project, and stays up.

    Why: the platform starts it with the workspace, and nobody watches it.

    How: loads it into the dockerd of a certified base image, and has Docker Compose start it with
    the environment that certify was given. Its health check, asked each second, decides when it is
    ready, and cannot kill it; without one, its first port that accepts a connection; without
    either, that it runs for 3 s.
    """
    service.load()
    problem = service.launch()
    if problem and (defect := service.health_defect()):
        proven(f"{problem}: {defect.cause}", remedy=defect.remedy)
    if BY_ITSELF in problem:
        proven(problem, remedy=FOREGROUND)
    assert not problem, problem
    note(f"ready after {service.ready_seconds} s")


@check(
    "service.ready",
    title="time until ready",
    needs=("service.starts",),
    remedy="Do at build time what the entrypoint does at each start.",
)
def test_ready(candidate: Candidate, service: Service, note: Note) -> None:
    """The service is ready within its budget.

    Why: a person waits for it each time.

    How: from the start of its container until it was ready; with `--runs N`, the median of N starts
    without any data.
    """
    times = service.ready_times()
    seconds, budget = median(times), candidate.budgets.ready
    candidate.record("ready_seconds", seconds)
    candidate.record("ready_samples", times)
    several = f" (median of {len(times)}, {min(times):.2f}-{max(times):.2f})" * (len(times) > 1)
    said = f"it was ready after {seconds:.1f} s{several}, more than {budget:g} s"
    assert seconds <= budget, said
    note(f"{seconds:.2f} s{several}")


@check(
    "service.rights",
    title="needs no rights",
    needs=("service.starts",),
    remedy="Change what needs the right, or tell the platform that this service needs it.",
)
def test_rights(service: Service) -> None:
    """The service needs no rights beyond Docker's defaults.

    Why: a service that is privileged, or on the host's network, can do anything to the workspace.

    How: it was started without any. Where it did not run, with CAP_NET_ADMIN, the host's network,
    CAP_SYS_ADMIN and privileged, in turn.
    """
    right = service.right
    assert right is None, f"it runs with {right.name} only" if right else ""


@check(
    "service.ports",
    title="ports",
    needs=("service.starts",),
    remedy="EXPOSE the port that the service listens on, and let it listen on all addresses, not "
    "on 127.0.0.1.",
)
def test_ports(candidate: Candidate, service: Service, note: Note) -> None:
    """A port that the image exposes accepts connections from the workspace.

    Why: this is how a project uses it.

    How: connects to each exposed TCP port from the base; of more than twenty, to those on which
    something listens.
    """
    if not service.ports:
        note("it exposes none")
        return
    opened: list[int] = []

    def connects() -> bool:
        opened[:] = service.open_ports()
        return bool(opened)

    candidate.wait_for(connects, seconds=10, pause=0.2)
    if not opened and service.end():
        candidate.defer_to("service.stops", "needs service.stops: it has ended by itself")
    named = ", ".join(in_ranges(service.ports))
    assert opened, f"no connection from the workspace to any exposed port ({named})"
    closed = in_ranges(port for port in service.ports if port not in opened)
    idle = f"; nothing listens on {' '.join(closed)}" * bool(closed)
    note(" ".join(in_ranges(opened)) + idle)


@check(
    "service.logs",
    title="logs",
    needs=("service.starts",),
    remedy="Let the service log to its standard output: link its files to /dev/stdout, or set its "
    "option for it.",
)
def test_logs(service: Service, note: Note) -> None:
    """What the service logs reaches `docker logs`.

    Why: nobody looks for files inside the container of a service, and they grow without a limit.

    How: reads `docker logs`; where that is empty, it may not have written a file that is called
    *.log or lies in /var/log.
    """
    if service.log():
        note("to the container's log")
        return
    files = [path for path in service.changed_files() if IS_LOG.match(path)]
    assert not files, f"`docker logs` is empty, and it writes to {files[0]}"
    note("it logs nothing")


@check(
    "service.user",
    title="runs as a user",
    needs=("service.starts",),
    remedy="Set USER in the image, or have its entrypoint change to a user of the service's own.",
)
def test_user(candidate: Candidate, service: Service, note: Note) -> None:
    """The service runs as another user than root.

    Why: who breaks into it is not root in its container then.

    How: looks at the users of its processes; one that only starts the others may be root's.
    """
    processes = service.processes()
    if not processes:
        if service.end():
            candidate.defer_to("service.stops", "needs service.stops: it has ended by itself")
        unknown("no process of the service was found in the base")
    users = sorted({uid for _, uid in processes} - {0})
    assert users, "all its processes are root's"
    note(f"uid {users[0]}")


@check(
    "service.stops",
    title="stops",
    needs=("service.starts",),
    remedy="Start the service with exec in its entrypoint, so that it gets the signal itself, and "
    "name the signal that it ends on (STOPSIGNAL).",
    last=4,
)
def test_stops(candidate: Candidate, service: Service, note: Note) -> None:
    """The service ends by itself when it is stopped, within its budget.

    Why: what is killed loses what it had not written, and everybody waits.

    How: looks whether it still runs 3 s after all other checks; then docker stop in the base, as
    the platform does it.
    """
    candidate.wait_for(lambda: bool(service.end()), seconds=STAYS_SECONDS, pause=0.5)
    if end := service.end():
        proven(
            f"it had ended by itself before, with {end}",
            remedy="`docker logs` says why it ends: what runs beside a project stays until it is "
            "stopped.",
        )
    seconds, code = service.stop()
    budget = candidate.budgets.shutdown
    candidate.record("shutdown_seconds", seconds)
    assert seconds <= budget, f"it took {seconds:.0f} s, more than {budget:g} s"
    assert code != 137, "it was killed at once: its stop signal lets it end nothing"
    note(f"{seconds:.1f} s, exit code {code}")


@check(
    "service.data",
    title="keeps its data",
    needs=("service.stops",),
    remedy="Declare VOLUME for the folder with the data, and let the entrypoint cope with one that "
    "is there already.",
    last=5,
)
def test_data(candidate: Candidate, service: Service, note: Note) -> None:
    """The service comes back after its container was removed, with the data in its volumes.

    Why: a workspace is stopped at night, and its containers are made anew in the morning.

    How: leaves a file in each volume, removes the container, has Docker Compose make a new one, and
    waits until it is ready again.
    """
    volumes = service.volumes
    files = [f"{place}/.{candidate.nonce}" for place in volumes.values()]
    if files:
        candidate.run(f"touch {' '.join(files)}")
    service.remove()
    problem = service.start()
    assert not problem, f"made anew, {problem}"
    gone = [path for path, file in zip(volumes, files, strict=True)
            if candidate.run("[ -e %s ]", file).rc != 0]  # fmt: skip
    assert not gone, f"what lay in {gone[0]} is gone"
    kept = f"{len(volumes)} volume{'s' * (len(volumes) != 1)}" if volumes else "no volume"
    note(f"ready again after {service.ready_seconds} s, with {kept}")
