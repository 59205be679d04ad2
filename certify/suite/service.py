"""A service beside a project: the image under certification, in the dockerd of a base image.

Under launch ``nested`` the candidate's container is the base. The image is copied into the base's
own dockerd and started there by Docker Compose, as a platform does it. Nothing runs inside the
image but its own entrypoint: it may have no shell.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from testinfra.backend.base import CommandResult

from certify.suite import health
from certify.suite.candidate import Candidate
from certify.suite.claims import unknown
from certify.suite.last_words import last_words
from certify.suite.nested import Nested
from certify.suite.ports import open_ports, tcp_ports
from certify.suite.rights import RIGHTS, Right
from certify.util.strict_json import read_json
from certify.util.text import one_line

FOLDER = "/var/tmp/certify-service"  # noqa: S108 - of a container that is thrown away
NAME = "certify-service"
"""The name of the image, of its container and of the Compose project inside the base."""
STAYS_SECONDS = 3.0
"""An image without ports and health check that runs for this time counts as started."""
LOAD_SECONDS = 600.0
# Prints number and user of each process in the control group of a container, by its id. Links below
# /proc tell more, but only to who may trace processes of others.
_PROCESSES = """\
for p in $(grep -ls %s /proc/[0-9]*/cgroup); do
  p=${p%%/cgroup}
  while read -r key uid rest; do [ $key != Uid: ] || echo "${p#/proc/} $uid"; done <$p/status
done 2>/dev/null"""


class Service:
    """The image as a service in the base's dockerd."""

    def __init__(self, candidate: Candidate) -> None:
        self._candidate = candidate
        self._nested = Nested(candidate)
        self._compose = ""
        self.right: Right | None = None
        """The right that it was given, as it does not run without; None if it needs none."""
        self.ready_seconds: float | None = None
        """Seconds from the start of its container until it was ready; None if it never was."""

    # Preparation

    def load(self) -> None:
        """Copy the image into the base's dockerd. Ends the check as unknown where that fails."""
        run, container = self._candidate.run, self._candidate.container
        self._require_docker()
        api = container.engine.client.api
        run("rm -rf %s && mkdir -p %s", FOLDER, f"{FOLDER}/image")
        image = self._candidate.image.image_id or self._candidate.image.reference
        api.put_archive(container.id, f"{FOLDER}/image", api.get_image(image))
        loaded = run(
            f"tar -C {FOLDER}/image -c . | docker load -q && rm -rf {FOLDER}/image",
            timeout=LOAD_SECONDS,
        )
        name = loaded.stdout.strip().rpartition(" ")[2]
        if loaded.rc != 0 or self._nested.docker("tag %s %s", name, NAME).rc != 0:
            unknown(f"the image could not be loaded in the base: {loaded.stderr.strip()[-300:]}")

    def _require_docker(self) -> None:
        """End the check as unknown if the base does not run dockerd with Docker Compose."""
        seconds = self._candidate.budgets.dockerd
        if not self._candidate.wait_for(self._nested.is_up, seconds=2 * seconds, pause=0.1):
            unknown("dockerd does not answer in the base image, so the service was not started")
        named = ("docker compose", "docker-compose")
        works = [each for each in named if self._candidate.run(f"{each} version").rc == 0]
        if not works:
            unknown("the base image has no docker compose, so the service was not started")
        self._compose = works[0]

    def describe(self) -> dict[str, Any]:
        """Return the Compose file: every volume of the image has a name, so that it stays."""
        volumes = {f"data{n}": path for n, path in enumerate(self._configured("Volumes"))}
        service = {
            "image": NAME, "container_name": NAME, "environment": dict(self._candidate.job.env),
            "volumes": [f"{name}:{path}" for name, path in volumes.items()],
            **(self.right.lines if self.right else {}), **health.asked_often(self._configuration()),
        }  # fmt: skip
        return {"services": {NAME: service}, "volumes": {name: {} for name in volumes}}

    # Life

    def launch(self) -> str:
        """Start it, if it ends with each of :data:`RIGHTS` in turn; return the problem, if any."""
        problem = self.start()
        if not problem or self.is_running:
            return problem
        # What a start that failed has left behind could make the next one run, or fail.
        for self.right in RIGHTS:
            self.remove(volumes=True)
            if not self.start():
                return ""
        self.right = None
        self.remove(volumes=True)
        return self.start() or problem

    def start(self) -> str:
        """Start it, and wait until it is ready; return the problem, or an empty text."""
        self.ready_seconds = None
        document = json.dumps(self.describe()).replace("$", "$$")  # no variables of Compose
        up = self._candidate.run(
            f"printf %%s %s >{FOLDER}/compose.json && {self.compose} up -d", document,
            timeout=120, shown="docker compose up -d",
        )  # fmt: skip
        if up.rc != 0:
            said = up.stderr.strip().splitlines()
            return f"it cannot be started: {said[-1] if said else f'exit code {up.rc}'}"
        problem = ""

        def settled() -> bool:
            nonlocal problem
            problem = self._problem()
            return bool(problem) or self.ready_seconds is not None

        self._candidate.wait_for(settled, seconds=2 * self._candidate.budgets.ready, pause=0.1)
        if self.ready_seconds is None:
            problem = problem or self._unready()
            self.log()
        return problem

    def _unready(self) -> str:
        """Return why it is not ready although it runs."""
        found = (self.inspect().get("State") or {}).get("Health") or {}
        last = (found.get("Log") or [{}])[-1]
        said = f"exit code {last.get('ExitCode')}, {one_line(str(last.get('Output')))}"
        if found:
            return f"its own health check says {found.get('Status')}: {said}"
        return "it runs, and none of its ports accepts a connection"

    def health_defect(self) -> health.Defect | None:
        """Return what its health check calls and the image does not have; None if nothing."""
        state = (self.inspect().get("State") or {}).get("Health") or {}
        said = str((state.get("Log") or [{}])[-1].get("Output"))
        variables = self._configuration().get("Env") or ()
        return health.defect(said, variables, self._first_line)

    def _first_line(self, path: str) -> str | None:
        """Return the first line of a file in its container; None if it is not there."""
        copy = f"{FOLDER}/copy"
        read = self._candidate.run(
            f"rm -rf {copy}; docker cp -L {NAME}:%s {copy} && head -n 1 {copy} | head -c 99", path,
            shown=f"(reads the first line of {path})",
        )  # fmt: skip
        return read.stdout.removesuffix("\n") if read.rc == 0 else None

    def _problem(self) -> str:
        """Return why it will not be ready, or an empty text; set its time once it is."""
        found = self.inspect()
        state = found.get("State") or {}
        if not state.get("Running"):
            return f"it ended with {self._end(state)}"
        status = (state.get("Health") or {}).get("Status")
        age = self._now() - _moment(state["StartedAt"])
        # Until then, another program that it calls may answer: `curl … || wget …`.
        is_late = age > self._candidate.budgets.ready * self._candidate.container.pace
        if is_late and status == "unhealthy" and self.health_defect():
            return self._unready()
        if status:
            ready = status == "healthy"
        elif self.ports:
            ready = any(self.open_ports())
        else:
            ready = age >= STAYS_SECONDS * self._candidate.container.pace
        if ready:
            self.ready_seconds = round(age, 2)
        return ""

    def _end(self, state: Mapping[str, Any]) -> str:
        """Return with which exit code it ended, and what it printed in the end."""
        return f"exit code {state.get('ExitCode')}: {last_words(self.log())}"

    def end(self) -> str:
        """Return how it ended although nobody stopped it; empty if it runs."""
        state = self.inspect().get("State") or {}
        return self._end(state) if state.get("Running") is False else ""

    def _now(self) -> float:
        """Return the seconds since 1970 by the clock of the base."""
        return float(self._candidate.run("date +%s.%N").stdout)

    def stop(self) -> tuple[float, int]:
        """Stop it as ``docker stop`` does; return the seconds and its exit code."""
        limit = int(3 * self._candidate.budgets.shutdown * self._candidate.container.pace)
        begun = self._now()
        stopped = self.docker(f"stop --time {limit} {NAME}", timeout=limit + 30)
        state = self.inspect().get("State") or {}
        if stopped.rc != 0 or state.get("Running") is not False:
            unknown(f"the base's dockerd could not stop it: {stopped.stderr.strip()[-300:]}")
        return max(0.0, _moment(state["FinishedAt"]) - begun), int(state["ExitCode"])

    def remove(self, *, volumes: bool = False) -> CommandResult:
        """Remove its container and its network, and its volumes only with ``volumes``."""
        options = "--timeout 5" + " --volumes" * volumes
        return self._candidate.run(f"{self.compose} down {options}", timeout=60)

    def ready_times(self) -> list[float]:
        """Return the seconds until it was ready, in as many starts as are wanted.

        Each begins without the data of the others, and fails the check if it is never ready.
        """
        times = [self.ready_seconds or 0.0]
        while len(times) < self._candidate.job.runs:
            self.remove(volumes=True)
            problem = self.start()
            assert not problem, f"start {len(times) + 1}: {problem}"
            times.append(self.ready_seconds or 0.0)
        return times

    # Facts

    def log(self) -> str:
        """Return its last lines as ``docker logs`` has them."""
        said = self.docker("logs --tail 40 %s", NAME)
        return f"{said.stdout}{said.stderr}".strip()

    @property
    def compose(self) -> str:
        """The command that manages it."""
        return f"{self._compose} --project-name {NAME} --file {FOLDER}/compose.json"

    @property
    def docker(self) -> Any:
        """Run a docker command in the base, as :meth:`Nested.docker` does."""
        return self._nested.docker

    def inspect(self) -> dict[str, Any]:
        """Return what ``docker inspect`` in the base says of its container; empty if none is."""
        answer = self.docker("inspect --type container %s", NAME)
        if answer.rc != 0:
            return {}
        self._candidate.transcript.pop()  # hundreds of lines, which prove nothing
        found: list[dict[str, Any]] = read_json(answer.stdout)
        return found[0]

    def _configuration(self) -> dict[str, Any]:
        """Return the image's own configuration, not that of the base."""
        image = self._candidate.image.image_id or self._candidate.image.reference
        return self._candidate.container.engine.image_configuration(image)

    def _configured(self, key: str) -> list[str]:
        """Return the sorted keys of a table of the image's own configuration."""
        return sorted(self._configuration().get(key) or ())

    @property
    def ports(self) -> list[int]:
        """The TCP ports that the image exposes."""
        return tcp_ports(self._configured("ExposedPorts"))

    @property
    def volumes(self) -> dict[str, str]:
        """The folders of the image's volumes in its container, and where the base has them."""
        mounts = self.inspect().get("Mounts") or ()
        return {each["Destination"]: each["Source"] for each in mounts if each["Type"] == "volume"}

    def open_ports(self) -> Iterator[int]:
        """Yield the ports that the image exposes and that accept a connection from the base."""
        return open_ports(self._candidate, self.inspect(), self.ports)

    @property
    def is_running(self) -> bool:
        """True if its container runs."""
        return bool((self.inspect().get("State") or {}).get("Running"))

    def changed_files(self) -> list[str]:
        """Return the files that it has added or changed, outside of its volumes."""
        lines = self.docker("diff %s", NAME).stdout.splitlines()
        paths = [line[2:] for line in lines if line[:2] in ("A ", "C ")]
        folders = {path.rpartition("/")[0] for path in paths}
        return [path for path in paths if path not in folders]

    def processes(self) -> list[tuple[int, int]]:
        """Return the process numbers, in the base, and the users of all its processes."""
        container = self.inspect().get("Id", "-")
        listed = self._candidate.run(_PROCESSES, container, shown="(its processes)")
        pairs = (line.split() for line in listed.stdout.splitlines())
        return [(int(pid), int(uid)) for pid, uid in pairs]


def _moment(text: str) -> float:
    """Return a moment as Docker writes it, with nanoseconds, in seconds since 1970."""
    return datetime.fromisoformat(f"{text[:26].rstrip('Z')}+00:00").timestamp()
