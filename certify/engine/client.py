"""The door to a container engine. Everything Docker says is translated here, once."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import docker
from docker.errors import APIError, ImageNotFound
from docker.models.images import Image as EngineImage

from certify.engine.connection import SILENCE, answering, connected
from certify.engine.launch_plan import SYSBOX_RUNTIME
from certify.judge.diagnosis import diagnose
from certify.model.errors import (
    EngineUnavailable,
    ImageUnavailable,
    Interrupted,
    LaunchRefused,
    UsageError,
)
from certify.model.platform import ARCHITECTURES, normal
from certify.model.reference import Reference
from certify.model.result import Host, Image
from certify.model.terms import Fault
from certify.registry.client import Registry
from certify.registry.credentials import configuration, for_engine, login
from certify.registry.insecure import is_insecure
from certify.registry.tokens import Login
from certify.util.text import one_line

ANSWER_SECONDS = 20.0
"""An engine that is asked for nothing but a sign of life, and gives none for so long, hangs."""


class Engine:
    """A container engine that answered."""

    def __init__(self, client: docker.DockerClient, info: dict[str, Any]) -> None:
        self.client = client
        self.info = info

    @classmethod
    def connect(cls, *, timeout: int = 120) -> Engine:
        """The engine that ``docker`` would use here; it is given ``timeout`` seconds to answer.

        Raises :class:`EngineUnavailable`; :class:`UsageError` for a configuration of Docker's
        that cannot be read.
        """
        configuration()
        with answering():
            client = connected(timeout)
            try:
                return cls(client, client.info())
            except BaseException:
                client.close()
                raise

    def close(self) -> None:
        """Give the connection back."""
        self.client.close()

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def registry(self, host: str, *, timeout: float = 20.0) -> Registry:
        """A registry, with the login and the trust that Docker has in it."""
        return Registry(host, login, insecure=is_insecure(host, self.info), timeout=timeout)

    def ping(self, *, seconds: float = ANSWER_SECONDS) -> None:
        """Raises :class:`EngineUnavailable` if the engine no longer answers, or not in time."""
        with answering():
            api = self.client.api
            asked = api.get(f"{api.base_url}/_ping", timeout=min(seconds, api.timeout))
            asked.raise_for_status()

    @property
    def local(self) -> bool:
        """Whether paths of this machine are paths of the engine's."""
        # Over SSH the library's address is http+docker://ssh.
        return str(self.client.api.base_url) == "http+docker://localhost"

    @property
    def apparmor(self) -> bool:
        """Whether the engine confines containers with AppArmor."""
        return any("apparmor" in option for option in self.info.get("SecurityOptions") or ())

    @property
    def cpus(self) -> int:
        """Processors of the engine's host."""
        return int(self.info.get("NCPU") or 1)

    @property
    def platform(self) -> str:
        """The engine's own platform, ``OS/ARCH``."""
        machine = str(self.info.get("Architecture", ""))
        return f"{self.info.get('OSType', 'linux')}/{ARCHITECTURES.get(machine, machine)}"

    def host(self) -> Host:
        """The facts of the engine's host that a certificate records."""
        info = self.info
        return Host(
            engine="docker",
            engine_version=str(info.get("ServerVersion", "")),
            kernel=str(info.get("KernelVersion", "")),
            cgroup_version=str(info.get("CgroupVersion", "1")),
            storage_driver=str(info.get("Driver", "")),
            architecture=str(info.get("Architecture", "")),
            cpus=self.cpus,
            memory_bytes=int(info.get("MemTotal") or 0),
        )

    def isolation(self, asked: str) -> str:
        """What ``auto`` means here. Raises :class:`LaunchRefused` for a runtime it lacks."""
        has_sysbox = SYSBOX_RUNTIME in (self.info.get("Runtimes") or {})
        if asked == "auto":
            return "sysbox" if has_sysbox else "caps"
        if asked == "sysbox" and not has_sysbox:
            raise LaunchRefused(
                f"The engine has no runtime {SYSBOX_RUNTIME}.",
                remedy="Install Sysbox on the engine's host, or leave --isolation at auto.",
            )
        return asked

    def resolve(
        self,
        reference: Reference,
        *,
        platform: str | None,
        pull: str,
        stopped: Callable[[], bool] = lambda: False,
    ) -> Image:
        """The image behind a reference, pulled as ``pull`` says: missing, always or never.

        Raises :class:`ImageUnavailable`, or :class:`EngineUnavailable`; :class:`Interrupted` if
        ``stopped`` is true while it is pulled, and the engine then gives that up.
        """
        name = reference.familiar
        if reference.image_id:
            pull = "never"  # an ID names what is here; no registry knows it
        with answering():
            found = None if pull == "always" else self._local(name)
            if found is not None and platform and _platform_of(found.attrs) != normal(platform):
                found = None
            pulled: str | None = None
            if found is None:
                if pull == "never":
                    raise ImageUnavailable(
                        f"{name} is not on the engine"
                        + (f" for {platform}" if platform else "")
                        + ", and was not to be pulled.",
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
            raise untold(f"what it knows of {name}", error) from error

    def _pull(
        self, reference: Reference, platform: str | None, stopped: Callable[[], bool]
    ) -> tuple[EngineImage, str | None]:
        """Pull it; the image, and the digest that its reference led to."""
        name = reference.familiar
        repository = reference.name
        tag = reference.digest or reference.tag
        digest = reference.digest
        known: Login | None = None
        unknown = ""
        try:
            known = login(reference.registry)
        except ImageUnavailable as trouble:  # nobody asks, then: that may be enough
            unknown = f"\n{trouble.message}"
        try:
            for step in self.client.api.pull(
                repository, tag=tag, platform=platform, stream=True, decode=True,
                auth_config=for_engine(known),
            ):  # fmt: skip
                if stopped():
                    raise Interrupted
                if "error" in step:  # said after the answer began, so the engine's 200 stands
                    raise unavailable(name, f"{step['error']}{unknown}")
                # The image itself forgets it if another platform was pulled from the same index.
                if str(step.get("status", "")).startswith("Digest: "):
                    digest = str(step["status"]).removeprefix("Digest: ").strip()
            found = self._local(name)
        except APIError as error:
            raise unavailable(name, f"{error.explanation or error}{unknown}") from error
        except SILENCE as error:
            self.ping()  # it does answer: so it waits itself
            raise ImageUnavailable(
                f"{name} could not be pulled: for {self.client.api.timeout} s nothing came",
                remedy=f"See whether {reference.registry} answers, and what `docker pull` says.",
            ) from error
        if found is None:
            raise unavailable(name, "the engine pulled it, and does not have it")
        return found, digest


@contextlib.contextmanager
def telling(what: str) -> Iterator[None]:
    """Turns an engine that does not answer, or not what it is asked, into
    :class:`EngineUnavailable`.
    """
    try:
        with answering():
            yield
    except APIError as error:
        raise untold(what, error) from error


def untold(what: str, error: APIError) -> EngineUnavailable:
    """What it means that an engine that stands does not tell something, from what it says."""
    said = one_line(str(error.explanation or error))
    return EngineUnavailable(
        f"The container engine does not tell {what}: {said}",
        remedy="See the engine's own log, and whether somebody else removed what it was asked for.",
    )


def unavailable(name: str, said: str) -> ImageUnavailable:
    """What a failed pull means, from what the engine said of it."""
    diagnosis = diagnose(said, where="pull")
    return ImageUnavailable(
        f"{name} could not be pulled: {diagnosis.cause if diagnosis else one_line(said)}",
        remedy=diagnosis.remedy if diagnosis else "`docker pull` the image by hand to see why.",
        fault=diagnosis.fault if diagnosis else Fault.REGISTRY,
        evidence=said,
    )


def _platform_of(attrs: dict[str, Any]) -> str:
    variant = attrs.get("Variant")
    return normal(f"{attrs['Os']}/{attrs['Architecture']}" + (f"/{variant}" if variant else ""))


def _facts(reference: Reference, attrs: dict[str, Any], digest: str | None) -> Image:
    digest = reference.digest or digest
    for entry in attrs.get("RepoDigests") or ():
        name, _, candidate = entry.partition("@")
        with contextlib.suppress(UsageError):
            if Reference.parse(name).name == reference.name:
                digest = digest or candidate
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
    return found.model_copy(update=reference.fields)


__all__ = ["APIError", "Engine", "ImageNotFound", "answering", "telling", "untold"]
