"""A connection to a container engine: its host, its images, its registries."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import docker

from certify.engine import apparmor
from certify.engine.connection import open_client, remote_address
from certify.engine.dialect import dialect_of
from certify.engine.disk_space import free_bytes
from certify.engine.errors import translate_errors
from certify.engine.images import ImageFinder
from certify.engine.isolation import Isolation, has_apparmor, resolve_isolation, unknown
from certify.engine.ssh import FOLDER, SCHEME, forwarded
from certify.model.host import Host
from certify.model.platform import ARCHITECTURES
from certify.model.reference import DOCKER_HUB, Reference
from certify.model.result import Image
from certify.model.terms import LaunchKind
from certify.registry.client import Registry
from certify.registry.credentials import configuration, login
from certify.registry.hub import Hub
from certify.registry.insecure import is_insecure
from certify.util.signals import defer_signals

_STRONGEST = Isolation()
PING_SECONDS = 20.0
"""An engine that does not answer a ping within this time hangs."""


class Engine:
    """A container engine that has answered once."""

    def __init__(
        self, client: docker.DockerClient, info: dict[str, Any], address: str = ""
    ) -> None:
        """Keep what :meth:`connect` found; ``address`` is empty for this host's own engine."""
        self.client = client
        self.address = address
        self.info = info
        self.dialect = dialect_of(info)
        self._beside: list[Future[None]] = []
        self._background: list[threading.Thread] = []
        self._opened = contextlib.ExitStack()

    @classmethod
    def connect(cls, address: str = "", *, timeout: int = 120) -> Engine:
        """Connect to the engine at an address, or the one that the ``docker`` command would use.

        It has ``timeout`` seconds for each answer. Raises
        :class:`~certify.model.errors.EngineUnavailable`, and
        :class:`~certify.model.errors.UsageError` if Docker's configuration file cannot be read.
        """
        configuration()
        address = address or remote_address()
        with contextlib.ExitStack() as opened:
            if address.startswith(SCHEME):
                address = opened.enter_context(forwarded(address))
            with translate_errors():
                client = open_client(timeout, address)
                opened.callback(client.close)
                engine = cls(client, client.info(), address)
            engine._opened = opened.pop_all()
            return engine

    def another(self) -> Engine:
        """Return another connection to the same engine."""
        with translate_errors():
            client = open_client(int(self.client.api.timeout), self.address)
            return Engine(client, self.info, self.address)

    def close(self) -> None:
        """Close the connection, once what runs beside has ended; signals wait, too."""
        try:
            with defer_signals():
                self._settle_beside()
        finally:
            self.client.close()
            self._opened.close()

    def beside(self, work: Callable[[], None]) -> None:
        """Do some work in a thread; whatever is timed on the engine waits for it first."""
        executor = ThreadPoolExecutor(1, "certify-beside")
        self._beside.append(executor.submit(work))
        executor.shutdown(wait=False)

    def in_background(self, work: Callable[[], object]) -> None:
        """Do some work in a thread whose errors concern nobody.

        Whatever is timed on the engine waits for it, too, but nothing that fails or is interrupted.
        """

        def quietly() -> None:
            with contextlib.suppress(Exception):
                work()

        thread = threading.Thread(target=quietly, name="certify-background", daemon=True)
        self._background.append(thread)
        thread.start()

    def settle(self) -> None:
        """Wait for all work that runs beside or in the background; raise the errors of the former.

        Several threads may wait at a time.
        """
        self._settle_beside()
        self._settle_background()

    def _settle_background(self) -> None:
        for each in tuple(self._background):
            each.join()

    def _settle_beside(self) -> None:
        for each in tuple(self._beside):
            try:
                each.result()
            finally:
                if each.done():
                    with contextlib.suppress(ValueError):  # another thread waited for it, too
                        self._beside.remove(each)

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, kind: object, *_exc: object) -> None:
        with contextlib.closing(self):
            if kind is None:
                self.settle()

    def registry(self, host: str, *, timeout: float = 20.0) -> Registry:
        """Return a client of a registry, with Docker's login and TLS settings for it."""
        kind = Hub if host == DOCKER_HUB else Registry
        return kind(host, login, insecure=is_insecure(host, self.info), timeout=timeout)

    def ping(self, *, seconds: float = PING_SECONDS) -> None:
        """Check that the engine answers within so many seconds.

        Raises :class:`~certify.model.errors.EngineUnavailable` if it does not.
        """
        with translate_errors():
            api = self.client.api
            response = api.get(f"{api.base_url}/_ping", timeout=min(seconds, api.timeout))
            response.raise_for_status()

    @property
    def local(self) -> bool:
        """True if the engine runs on this machine, so that both see the same paths."""
        forwarded_here = FOLDER in (self.address or os.environ.get("DOCKER_HOST", ""))
        return str(self.client.api.base_url) == "http+docker://localhost" and not forwarded_here

    @property
    def apparmor(self) -> bool:
        """True if the engine confines containers with AppArmor."""
        return has_apparmor(self.info)

    @property
    def containerd_store(self) -> bool:
        """True if the engine keeps images in containerd's store, not in one of its own."""
        status = self.info.get("DriverStatus") or ()
        return ["driver-type", "io.containerd.snapshotter.v1"] in [list(each) for each in status]

    @property
    def cpus(self) -> int:
        """The number of processors of the engine's host."""
        return int(self.info.get("NCPU") or 1)

    @property
    def platform(self) -> str:
        """The engine's own platform, ``OS/ARCH``."""
        machine = str(self.info.get("Architecture", ""))
        return f"{self.info.get('OSType', 'linux')}/{ARCHITECTURES.get(machine, machine)}"

    @property
    def byte_order(self) -> str:
        """The order of its bytes, as for ``struct``."""
        return ">" if self.architecture == "s390x" else "<"

    @property
    def architecture(self) -> str:
        """The engine's own architecture, by the name that OCI images use."""
        return self.platform.partition("/")[2]

    def host(self) -> Host:
        """Return the facts about the engine's host that a certificate records."""
        info = self.info
        return Host(
            engine=self.dialect.name,
            engine_version=str(info.get("ServerVersion", "")),
            kernel=str(info.get("KernelVersion", "")),
            cgroup_version=str(info.get("CgroupVersion", "1")),
            storage_driver=str(info.get("Driver", "")),
            architecture=str(info.get("Architecture", "")),
            cpus=self.cpus,
            memory_bytes=int(info.get("MemTotal") or 0),
        )

    def image_configuration(self, image: str) -> dict[str, Any]:
        """Return an image's own ``Config`` by Docker's API. Raises what Docker's library raises."""
        return self.client.images.get(image).attrs.get("Config") or {}

    def resolve_isolation(
        self, asked: Isolation = _STRONGEST, kind: LaunchKind = "init"
    ) -> Isolation:
        """Return the isolation that a launch gets; see :mod:`certify.engine.isolation`.

        certify's AppArmor profile is loaded where it is to be used, and can be. Raises
        :class:`LaunchRefused` if the engine lacks what was asked for or is required.
        """
        return resolve_isolation(self.info, kind, asked, unconfined=self._why_unconfined)

    def _why_unconfined(self) -> str:
        return apparmor.why_unused() if self.local else unknown()

    def resolve(
        self,
        reference: Reference,
        *,
        platform: str | None,
        pull: str,
        stopped: Callable[[], bool] = lambda: False,
    ) -> Image:
        """Return the facts about the image behind a reference, after a pull if needed.

        ``pull`` is ``missing``, ``always`` or ``never``. Raises
        :class:`~certify.model.errors.ImageUnavailable`,
        :class:`~certify.model.errors.EngineUnavailable`, and
        :class:`~certify.model.errors.Interrupted` if ``stopped`` returns True during the pull,
        which then ends.
        """
        return self.images.find(reference, platform, pull, stopped)

    @property
    def images(self) -> ImageFinder:
        """The engine's images: those that it has, and those that it is to pull."""
        return ImageFinder(
            self.client,
            platform=self.platform,
            containerd=self.containerd_store,
            registry=partial(self.registry, timeout=5.0),
            ping=self.ping,
            free=self._free_bytes,
            settle=self._settle_background,
        )

    def _free_bytes(self) -> int | None:
        self._settle_background()  # what was left by a run that was killed may be large
        return free_bytes(self.info, local=self.local)
