"""A connection to a container engine: its host, its images, its registries."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import docker
from docker.models.images import Image as EngineImage

from certify.engine.connection import READ_TIMEOUTS, open_client
from certify.engine.dialect import dialect_of
from certify.engine.errors import (
    APIError,
    ImageNotFound,
    explanation,
    pull_failure,
    query_failure,
    translate_errors,
)
from certify.engine.isolation import Isolation, resolve_isolation
from certify.model.errors import ImageUnavailable, Interrupted, UsageError
from certify.model.platform import ARCHITECTURES, normalize_platform
from certify.model.reference import DOCKER_HUB, Reference
from certify.model.result import Host, Image, LaunchKind
from certify.model.terms import Fault
from certify.registry.client import Registry
from certify.registry.credentials import configuration, for_engine, login
from certify.registry.hub import Hub
from certify.registry.insecure import is_insecure
from certify.registry.tokens import Login

_STRONGEST = Isolation()
PING_SECONDS = 20.0
"""An engine that does not answer a ping within this time hangs."""


class Engine:
    """A container engine that has answered once."""

    def __init__(self, client: docker.DockerClient, info: dict[str, Any]) -> None:
        self.client = client
        self.info = info
        self.dialect = dialect_of(info)

    @classmethod
    def connect(cls, *, timeout: int = 120) -> Engine:
        """Connect to the engine that the ``docker`` command would use here.

        It has ``timeout`` seconds for each answer. Raises
        :class:`~certify.model.errors.EngineUnavailable`, and :class:`UsageError` if Docker's
        configuration file cannot be read.
        """
        configuration()
        with translate_errors():
            client = open_client(timeout)
            try:
                return cls(client, client.info())
            except BaseException:
                client.close()
                raise

    def close(self) -> None:
        """Close the connection."""
        self.client.close()

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

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
        # Over SSH the library's address is http+docker://ssh.
        return str(self.client.api.base_url) == "http+docker://localhost"

    @property
    def apparmor(self) -> bool:
        """True if the engine confines containers with AppArmor."""
        return any("apparmor" in option for option in self.info.get("SecurityOptions") or ())

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

    def resolve_isolation(
        self, asked: Isolation = _STRONGEST, kind: LaunchKind = "init"
    ) -> Isolation:
        """Return the isolation that a launch gets; see :mod:`certify.engine.isolation`.

        Raises :class:`LaunchRefused` if the engine lacks what was asked for or is required.
        """
        return resolve_isolation(self.info, kind, asked)

    def resolve(
        self,
        reference: Reference,
        *,
        platform: str | None,
        pull: str,
        stopped: Callable[[], bool] = lambda: False,
    ) -> Image:
        """Return the facts about the image behind a reference, after a pull if needed.

        ``pull`` is ``missing``, ``always`` or ``never``. Raises :class:`ImageUnavailable`,
        :class:`~certify.model.errors.EngineUnavailable`, and :class:`Interrupted` if ``stopped``
        returns True during the pull, which then ends.
        """
        name = reference.familiar
        if reference.image_id:
            pull = "never"  # an ID names what is here; no registry knows it
        with translate_errors():
            found = None if pull == "always" else self._local(name)
            if (
                found is not None
                and platform
                and _platform_of(found.attrs) != normalize_platform(platform)
            ):
                found = None
            pulled: str | None = None
            if found is None:
                if pull == "never":
                    raise ImageUnavailable(
                        f"{name} is not on the engine"
                        + (f" for {platform}" if platform else "")
                        + ", and may not be pulled.",
                        remedy="Build or pull it first; --pull missing fetches what has a name.",
                        fault=Fault.TOOL,
                    )
                found, pulled = self._pull(reference, platform, stopped)
        return _facts(reference, found.attrs, pulled)

    def _local(self, name: str) -> EngineImage | None:
        try:
            return self.client.images.get(name)
        except ImageNotFound:
            return None
        except APIError as error:
            raise query_failure(f"the details of {name}", error) from error

    def _pull(
        self, reference: Reference, platform: str | None, stopped: Callable[[], bool]
    ) -> tuple[EngineImage, str | None]:
        """Pull an image; return it, and the digest that its reference led to."""
        name = reference.familiar
        repository = reference.name
        tag = reference.digest or reference.tag
        digest = reference.digest
        credentials: Login | None = None
        login_problem = ""
        try:
            credentials = login(reference.registry)
        except ImageUnavailable as trouble:  # an anonymous pull may be enough
            login_problem = f"\n{trouble.message}"
        try:
            for step in self.client.api.pull(
                repository, tag=tag, platform=platform, stream=True, decode=True,
                auth_config=for_engine(credentials),
            ):  # fmt: skip
                if stopped():
                    raise Interrupted
                if "error" in step:  # reported within an answer that began with status 200
                    raise pull_failure(name, f"{step['error']}{login_problem}")
                # The image loses its digest if another platform is pulled from the same index.
                if str(step.get("status", "")).startswith("Digest: "):
                    digest = str(step["status"]).removeprefix("Digest: ").strip()
            found = self._local(name)
        except APIError as error:
            raise pull_failure(name, f"{explanation(error)}{login_problem}") from error
        except READ_TIMEOUTS as error:
            self.ping()  # the engine answers, so the registry is what it waits for
            raise ImageUnavailable(
                f"{name} could not be pulled: nothing came for {self.client.api.timeout} s",
                remedy=f"See whether {reference.registry} answers, and what `docker pull` says.",
            ) from error
        if found is None:
            raise pull_failure(name, "the engine pulled the image, but does not have it")
        return found, digest


def _platform_of(attrs: dict[str, Any]) -> str:
    variant = attrs.get("Variant")
    return normalize_platform(
        f"{attrs['Os']}/{attrs['Architecture']}" + (f"/{variant}" if variant else "")
    )


def _facts(reference: Reference, attrs: dict[str, Any], digest: str | None) -> Image:
    digest = reference.digest or digest
    for entry in attrs.get("RepoDigests") or ():
        name, _, repo_digest = entry.partition("@")
        with contextlib.suppress(UsageError):
            if Reference.parse(name).name == reference.name:
                digest = digest or repo_digest
    found = Image(
        reference=reference.familiar,
        digest=digest,
        image_id=attrs["Id"],
        platform=_platform_of(attrs),
        size_bytes=int(attrs.get("Size") or 0),
        layers=len(attrs.get("RootFS", {}).get("Layers") or ()),
        layer_digests=tuple(attrs.get("RootFS", {}).get("Layers") or ()),
        created=attrs.get("Created"),
    )
    return found.model_copy(update=reference.image_fields)
