"""Starts a candidate's container, and always removes it again."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from concurrent.futures import wait
from dataclasses import dataclass, field, replace
from functools import partial
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from docker.utils.config import load_general_config
from docker.utils.proxy import ProxyConfig

from certify.engine import reaper
from certify.engine.attribution import is_image_fault
from certify.engine.client import Engine
from certify.engine.connection import engine_address
from certify.engine.container import STOP_LABEL, Container
from certify.engine.container_state import ContainerStopped
from certify.engine.errors import APIError, explanation, launch_refusal, translate_errors
from certify.engine.launch_plan import STOP_SIGNAL, STORAGE, LaunchPlan, host_config
from certify.engine.limits_holder import hold_limits
from certify.engine.notify_socket import notify_socket
from certify.engine.own_network import Surroundings, on_own_network
from certify.engine.session import SessionLost
from certify.engine.watchdog import watched
from certify.judge.control import Reach
from certify.judge.kernel_text import inner_networks
from certify.model.errors import LaunchRefused
from certify.util.threads import in_thread

_ROUTES_SECONDS = 10.0
_NO_COMMAND = "no command specified"


@dataclass(frozen=True)
class LaunchedContainer:
    """A container that was launched, and the reason if it does not run."""

    container: Container
    name: str
    """The container's name."""
    refusal: str = ""
    """The engine's message if the image's shell (under launch ``image``: its own command) could
    not be started; empty if it runs."""
    notify: socket.socket | None = None
    create_seconds: float = 0.0
    """Seconds that the engine took to create the container, and what it needs beside it."""
    start_seconds: float = 0.0
    """Seconds that the engine took to start it."""
    network: str | None = None
    """The network that it is on; None for the engine's default."""
    surroundings: Surroundings = field(default_factory=Surroundings)
    """The reach of the container."""

    def bar(self, address: IPv4Address) -> Reach | None:
        """Return why an address is out of the container's reach alone; None if it is not.

        Raises :class:`~certify.model.errors.EngineUnavailable`.
        """
        if self.surroundings.closes(address):
            return Reach.CLOSED
        with contextlib.suppress(ContainerStopped, SessionLost):  # it has networks no more
            asked = self.container.shell().run("cat /proc/net/route", timeout=_ROUTES_SECONDS)
            routes = asked.stdout.decode("ascii", "replace")
            inner = inner_networks(routes, self.container.engine.byte_order)
            return Reach.HIDDEN if any(address in each for each in inner) else None
        return None


@contextlib.contextmanager
def launch_container(
    engine: Engine,
    image: str,
    plan: LaunchPlan,
    *,
    platform: str | None = None,
    keep: bool = False,
    beside: bool = False,
) -> Iterator[LaunchedContainer]:
    """Start an image; always remove the container, its volumes and its socket at the end.

    With ``keep``, a container that was launched stays. With ``beside``, the removal after a block
    without an error goes on beside what follows; the container of the next launch starts after it.

    Raises :class:`LaunchRefused` if the host is the reason that the engine does not start it. If
    the image's shell, or its own command, cannot be started, that is no error: the container then
    exists without running, and its files can be read through the engine.
    """
    refusal, begun = "", time.monotonic()
    plan = replace(plan, dialect=engine.dialect)
    run = reaper.new_run_id()
    name = f"certify-{run}"
    with contextlib.ExitStack() as cleanup:
        notify, folder = None, None
        if engine.local and plan.kind == "init":
            folder, notify = cleanup.enter_context(notify_socket(run))
        cleanup.enter_context(watched(run, engine.address))
        removal = cleanup.enter_context(contextlib.ExitStack())
        made: list[str] = []
        removal.callback(reaper.remove_run, engine, run, made)
        lasts = reaper.LEASE * plan.pace + plan.timeout
        labels = reaper.labels(run, image, lease=None if keep else lasts)
        plan, surroundings, parent = _surround(engine, plan, labels, removal)
        creator = _Creator(engine, image, name, labels, platform, parent)
        with translate_errors():
            try:
                container_id = creator.create(plan, folder)
            except LaunchRefused as error:
                if plan.kind == "image" and _NO_COMMAND in error.evidence.lower():
                    refusal = "the image has neither an entrypoint nor a command"
                    container_id = creator.create(replace(plan, kind="idle"), None)
                elif folder and str(folder) in error.evidence:
                    # certify runs in a container with the engine's socket: the folder is not there.
                    notify = None
                    container_id = creator.create(plan, None)
                else:
                    raise
        created = time.monotonic()
        made.append(container_id)
        container = Container(engine, container_id, notify, plan.pace)
        cleanup.callback(container.close_shells)
        engine.settle()
        try:
            if not refusal:
                container.start()
        except APIError as error:
            refusal = explanation(error)
            with translate_errors("the command of the container"):
                program = str(engine.client.api.inspect_container(container_id)["Path"])
            if not is_image_fault(engine, refusal, program, as_shipped=plan.kind == "image"):
                raise launch_refusal(refusal) from error
        started = LaunchedContainer(
            container,
            name,
            refusal,
            notify,
            create_seconds=round(created - begun, 3),
            start_seconds=round(time.monotonic() - created, 3),
            network=plan.network,
            surroundings=surroundings,
        )
        if keep:
            removal.pop_all()
        yield started
        if beside:
            engine.beside(cleanup.pop_all().close)


def _surround(
    engine: Engine, plan: LaunchPlan, labels: dict[str, str], removal: contextlib.ExitStack
) -> tuple[LaunchPlan, Surroundings, str]:
    """Make the network of a launch and, beside it, the holder of its limits.

    Return the plan with that network, what it leads to, and the holder's cgroup.
    """
    run = labels[reaper.RUN]
    network = in_thread(partial(on_own_network, engine, plan, run, labels), "certify-network")
    removal.callback(wait, [network])
    parent = hold_limits(engine, plan, run)
    return *network.result(), parent


@dataclass(frozen=True)
class _Creator:
    """Creates the container, and the volumes, of one launch."""

    engine: Engine
    image: str
    name: str
    labels: dict[str, str]
    platform: str | None
    cgroup_parent: str

    def create(self, plan: LaunchPlan, notify: Path | None) -> str:
        """Create the container and return its id. Raises :class:`LaunchRefused`."""
        api = self.engine.client.api
        try:
            volumes = [reaper.another_name(self.labels[reaper.RUN]) for _ in STORAGE]
            for volume in volumes if plan.kind == "init" else ():
                api.create_volume(volume, labels=self.labels)
            config = api.create_host_config(
                **host_config(plan, cpus=self.engine.cpus, volumes=volumes, notify=notify),
                cgroup_parent=self.cgroup_parent or None,
            )
            extra: dict[str, Any] = {}
            shipped = self.engine.image_configuration(self.image)
            # Other tools may act on the image's own labels.
            labels = dict.fromkeys(shipped.get("Labels") or (), "") | self.labels
            if plan.argv:
                extra = {"entrypoint": [plan.argv[0]], "command": list(plan.argv[1:])}
            if plan.kind == "init":
                extra["stop_signal"] = STOP_SIGNAL
            if self.engine.dialect.hides_stops:
                own = shipped.get("StopSignal") or "SIGTERM"
                labels[STOP_LABEL] = extra.get("stop_signal", own)
                extra["stop_signal"] = "SIGKILL"
            if plan.kind != "image":
                extra |= {"stdin_open": True, "user": "0:0", "healthcheck": {"test": ["NONE"]}}
            created = api.create_container(
                self.image,
                name=self.name,
                labels=labels,
                environment=_proxies(self.engine.address),
                use_config_proxy=False,
                host_config=config,
                platform=self.platform,
                **extra,
            )
        except APIError as error:
            raise launch_refusal(error) from error
        return str(created["Id"])


def _proxies(address: str) -> dict[str, str]:
    """Return the proxies of Docker's configuration for containers, but none with a password."""
    known: dict[str, Any] = load_general_config().get("proxies") or {}
    found: Any = ProxyConfig.from_dict(
        known.get(address or str(engine_address()), known.get("default", {}))
    )
    return {name: value for name, value in found.get_environment().items() if "@" not in value}
