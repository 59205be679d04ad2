"""The door to a container engine. Everything Docker says is translated here, once."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import docker
import requests
from docker.auth import load_config, resolve_authconfig
from docker.context import ContextAPI
from docker.errors import APIError, DockerException, ImageNotFound
from docker.models.images import Image as EngineImage

from certify.engine.launch import SYSBOX_RUNTIME
from certify.errors import EngineUnavailable, ImageUnavailable, LaunchRefused, UsageError
from certify.images.reference import DOCKER_HUB, Reference
from certify.images.registry import Registry
from certify.judge.diagnosis import diagnose
from certify.model import Fault, Host, Image
from certify.safetext import one_line

# Go's names of architectures, which OCI uses, for what `uname -m` says.
ARCHITECTURES = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "armv7l": "arm",
    "armv6l": "arm",
    "i386": "386",
    "i686": "386",
}


@contextlib.contextmanager
def answering() -> Iterator[None]:
    """Turns an engine that does not answer into :class:`EngineUnavailable`."""
    try:
        yield
    except APIError:
        raise
    except (requests.exceptions.RequestException, DockerException, OSError) as error:
        raise EngineUnavailable(
            f"The container engine does not answer: {_innermost(error)}",
            remedy="Start it (systemctl start docker), or point DOCKER_HOST at one that runs; "
            "`docker version` must answer for this user.",
        ) from error


def _innermost(error: BaseException) -> str:
    """The deepest cause of a chain of wrapped connection errors, in one line."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return str(error) or type(error).__name__


def _base_url() -> str | None:
    """Where the engine is, as Docker's own command line would find it; null: the default."""
    if os.environ.get("DOCKER_HOST"):
        return None  # docker-py reads it, with the TLS settings beside it
    with contextlib.suppress(Exception):  # a broken context file is the command line's problem
        context = ContextAPI.get_current_context()
        if context is not None and context.Host and context.Name != "default":
            return str(context.Host)
    rootless = Path(os.environ.get("XDG_RUNTIME_DIR", "/nonexistent")) / "docker.sock"
    if not Path("/var/run/docker.sock").exists() and rootless.exists():
        return f"unix://{rootless}"
    return None


class Engine:
    """A container engine that answered."""

    def __init__(self, client: docker.DockerClient, info: dict[str, Any]) -> None:
        self.client = client
        self.info = info

    @classmethod
    def connect(cls, *, timeout: int = 120) -> Engine:
        """The engine that ``docker`` would use here. Raises :class:`EngineUnavailable`."""
        with answering():
            base_url = _base_url()
            client = (
                docker.DockerClient(base_url=base_url, timeout=timeout)
                if base_url
                else docker.from_env(timeout=timeout)
            )
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

    def login(self, registry: str) -> tuple[str, str] | None:
        """User and password for a registry, from Docker's own configuration, or null."""
        with contextlib.suppress(DockerException, ValueError):
            host = None if registry == DOCKER_HUB else registry
            found = resolve_authconfig(load_config(), host) or {}
            # A helper's answer is written with capitals.
            user = found.get("username") or found.get("Username")
            password = found.get("password") or found.get("Password")
            if user and password:
                return user, password
        return None

    def registry(self, host: str, *, timeout: float = 20.0) -> Registry:
        """A registry, with the login and the trust that Docker has in it."""
        return Registry(host, self.login, insecure=self._insecure(host), timeout=timeout)

    def _insecure(self, host: str) -> bool:
        """Whether the engine was told that a registry may be reached without trusted TLS."""
        told = self.info.get("RegistryConfig") or {}
        known = (told.get("IndexConfigs") or {}).get(host)
        if known is not None:
            return not known.get("Secure", True)
        with contextlib.suppress(ValueError):
            address = ip_address(host.rsplit(":", 1)[0].strip("[]"))
            ranges = told.get("InsecureRegistryCIDRs") or ()
            return any(address in ip_network(each) for each in ranges)
        return False

    def ping(self) -> None:
        """Raises :class:`EngineUnavailable` if the engine no longer answers."""
        with answering():
            self.client.ping()

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
            engine=str(info.get("Name", "")) and "docker",
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

    def resolve(self, reference: Reference, *, platform: str | None, pull: str) -> Image:
        """The image behind a reference, pulled as ``pull`` says: missing, always or never.

        Raises :class:`ImageUnavailable`, or :class:`EngineUnavailable`.
        """
        name = reference.familiar
        if reference.image_id:
            pull = "never"  # an ID names what is here; no registry knows it
        with answering():
            found = None if pull == "always" else self._local(name)
            if found is not None and platform and _platform_of(found) != platform:
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
                found, pulled = self._pull(reference, platform)
        return _facts(reference, found.attrs, pulled)

    def _local(self, name: str) -> EngineImage | None:
        try:
            return self.client.images.get(name)
        except ImageNotFound:
            return None

    def _pull(self, reference: Reference, platform: str | None) -> tuple[EngineImage, str | None]:
        """Pull it; the image, and the digest that its reference led to."""
        name = reference.familiar
        repository = reference.name
        tag = reference.digest or reference.tag
        digest = reference.digest
        try:
            for step in self.client.api.pull(
                repository, tag=tag, platform=platform, stream=True, decode=True
            ):
                if "error" in step:  # said after the answer began, so the engine's 200 stands
                    raise unavailable(name, str(step["error"]))
                # The image itself forgets it if another platform was pulled from the same index.
                if str(step.get("status", "")).startswith("Digest: "):
                    digest = str(step["status"]).removeprefix("Digest: ").strip()
            found = self._local(name)
        except APIError as error:
            raise unavailable(name, str(error.explanation or error)) from error
        if found is None:
            raise unavailable(name, "the engine pulled it, and does not have it")
        return found, digest


def unavailable(name: str, said: str) -> ImageUnavailable:
    """What a failed pull means, from what the engine said of it."""
    diagnosis = diagnose(said, where="pull")
    return ImageUnavailable(
        f"{name} could not be pulled: {diagnosis.cause if diagnosis else one_line(said)}",
        remedy=diagnosis.remedy if diagnosis else "`docker pull` the image by hand to see why.",
        fault=diagnosis.fault if diagnosis else Fault.REGISTRY,
        evidence=said,
    )


def _platform_of(found: EngineImage) -> str:
    attrs = found.attrs
    variant = attrs.get("Variant")
    return f"{attrs['Os']}/{attrs['Architecture']}" + (f"/{variant}" if variant else "")


def _facts(reference: Reference, attrs: dict[str, Any], digest: str | None) -> Image:
    digest = reference.digest or digest
    for entry in attrs.get("RepoDigests") or ():
        name, _, candidate = entry.partition("@")
        with contextlib.suppress(UsageError):
            if Reference.parse(name).name == reference.name:
                digest = digest or candidate
    variant = attrs.get("Variant")
    found = Image(
        reference=reference.familiar,
        digest=digest,
        image_id=attrs["Id"],
        platform=f"{attrs['Os']}/{attrs['Architecture']}" + (f"/{variant}" if variant else ""),
        size_bytes=int(attrs.get("Size") or 0),
        layers=len(attrs.get("RootFS", {}).get("Layers") or ()),
        layer_digests=tuple(attrs.get("RootFS", {}).get("Layers") or ()),
        created=attrs.get("Created"),
    )
    return found.model_copy(update=reference.fields)


__all__ = ["APIError", "Engine", "answering"]
