"""The images of an engine: found by name, ID or digest for a platform, or else pulled."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import docker
import requests

from certify.engine.connection import READ_TIMEOUTS
from certify.engine.disk_space import PullWatch
from certify.engine.errors import (
    APIError,
    ImageNotFound,
    explanation,
    pull_failure,
    query_failure,
    stream_error,
    translate_errors,
)
from certify.model.errors import ImageUnavailable, Interrupted, NoSuchImage, UsageError
from certify.model.platform import normalize_platform
from certify.model.reference import Reference
from certify.model.result import Image
from certify.model.terms import Fault
from certify.registry.client import Registry
from certify.registry.credentials import for_engine, login
from certify.registry.tokens import Login

_Attributes = dict[str, Any]
"""The engine's answer about one image."""
MARK = "certify-pulled"
"""The repository of the names that :mod:`certify.engine.image_marks` gives to images."""
_INSPECTS_BY_PLATFORM = (1, 49)
"""The first version of the API that shows an image for a platform that is named."""

_SMALLER = {"amd64": "386", "arm64": "arm"}


@dataclass(frozen=True)
class ImageFinder:
    """Finds images on an engine, and has it pull them."""

    client: docker.DockerClient
    platform: str
    """The engine's own platform."""
    containerd: bool
    """True if images lie in containerd's store: one ID there stands for all platforms of an image,
    and each image has a digest, also one that no registry ever had."""
    registry: Callable[[str], Registry]
    ping: Callable[[], None]
    free: Callable[[], int | None] = lambda: None
    """Returns the free bytes of the engine's disk, or None if it is not on this machine."""
    settle: Callable[[], None] = lambda: None
    """Waits until nothing is removed in the background."""

    def find(
        self, reference: Reference, platform: str | None, pull: str, stopped: Callable[[], bool]
    ) -> Image:
        """Return the facts about an image; :meth:`certify.engine.client.Engine.resolve` says more.

        Without a platform, a name that leads to an image for another architecture than the
        engine's does not count as found: a certification for that platform may have left it.
        """
        name = reference.familiar
        if reference.archive:
            raise UsageError(
                f"{name} is a file, which `certify run` alone takes.",
                remedy="Load the image into the engine (`docker load`), and use its name there.",
            )
        if reference.image_id:
            pull = "never"  # an ID names what is here; no registry knows it
        with translate_errors():
            found = None if pull == "always" else self._inspect(name, platform)
            if found and marks(found):  # one of a process that was killed is being removed
                self.settle()
                found = self._inspect(name, platform)
            if found and (self._fits(found, platform) or (reference.image_id and not platform)):
                digest = self._registry_digest(reference, found, ask=pull != "never")
                return facts_of(reference, found, digest)
            other = (
                f" The engine has one for {_platform_of(found)}, which --platform selects."
                if found
                else ""
            )
            if pull == "never":
                wanted = f" for {platform or self.platform}" if platform or found else ""
                raise ImageUnavailable(
                    f"{name} is not on the engine{wanted}, and may not be pulled.{other}",
                    remedy="Build or pull it first; --pull missing fetches what has a name.",
                    fault=Fault.TOOL,
                )
            try:
                return self._pulled(reference, platform, stopped)
            except ImageUnavailable as trouble:
                trouble.remedy += other
                raise

    def here(self, reference: Reference) -> Image | None:
        """Return what the engine has under a reference, for whichever platform, or None."""
        with translate_errors():
            found = self._inspect(reference.familiar)
            if found is None:
                return None
            return facts_of(reference, found, self._registry_digest(reference, found, ask=True))

    def _inspect(self, name: str, platform: str | None = None) -> _Attributes | None:
        api = self.client.api
        try:
            found = self.client.images.get(name).attrs
            if not (platform and self._inspects_by_platform):
                return found
            parts = zip(("os", "architecture", "variant"), platform.split("/"), strict=False)
            url = f"{api.base_url}/v{api.api_version}/images/{quote(name, safe='/:')}/json"
            answer = api.get(url, params={"platform": json.dumps(dict(parts))}, timeout=api.timeout)
            answer.raise_for_status()
            # The ID of one platform's manifest starts no container; that of the whole does.
            return {**answer.json(), "Id": found["Id"]}
        except ImageNotFound:
            return None
        except requests.HTTPError as error:
            if answer.status_code == HTTPStatus.NOT_FOUND:
                return None
            raise query_failure(f"the details of {name}", answer.text) from error
        except APIError as error:
            raise query_failure(f"the details of {name}", error) from error

    @property
    def _inspects_by_platform(self) -> bool:
        version = tuple(int(part) for part in str(self.client.api.api_version).split("."))
        return self.containerd and version >= _INSPECTS_BY_PLATFORM

    def _fits(self, found: _Attributes, platform: str | None) -> bool:
        """Return True if an image is for a platform; without one, for the engine's architecture.

        The smaller architecture of the same processors counts as the engine's.
        """
        if platform:
            return _platform_of(found) == normalize_platform(platform)
        architecture = self.platform.split("/")[1]
        return found["Architecture"] in (architecture, _SMALLER.get(architecture))

    def _registry_digest(
        self, reference: Reference, found: _Attributes, *, ask: bool
    ) -> str | None:
        """Return the digest by which the reference's registry has an image, or None.

        In containerd's store, only the registry can tell; without leave to ``ask`` it, or an
        answer, the image counts as local.
        """
        digest = reference.digest or next(_repository_digests(reference, found), None)
        if digest is None or not self.containerd:
            return digest
        if not ask:
            return None
        try:
            with self.registry(reference.registry) as registry:
                registry.describe(reference.repository, digest)
        except NoSuchImage:
            return None
        except ImageUnavailable:
            if reference.digest:
                raise
            return None
        return digest

    def _pulled(
        self, reference: Reference, platform: str | None, stopped: Callable[[], bool]
    ) -> Image:
        """Pull an image, and return what the digest leads to that this very pull reported.

        Its tag may lead elsewhere by now: to what somebody else pulled meanwhile.
        """
        name, repository = reference.familiar, reference.name
        target = reference.digest or reference.tag
        digest = self._pull(reference, target, platform, stopped) or reference.digest
        exact = f"{repository}@{digest}" if digest else name
        found = self._inspect(exact, platform) or self._inspect(exact)
        if found and digest and not self._fits(found, platform):
            # The digest of an index leads to whichever platform the engine had first, or prefers;
            # that of one platform's manifest leads to nothing else.
            wanted = platform or self.platform
            with self.registry(reference.registry) as registry:
                manifests = registry.manifest_digests(reference.repository, digest, wanted)
            if len(manifests) == 1 and manifests != [digest]:
                (manifest,) = manifests
                self._pull(reference, manifest, platform, stopped)
                found = self._inspect(f"{repository}@{manifest}")
        if found is None:
            raise pull_failure(name, "the engine pulled the image, but does not have it")
        if platform and not self._fits(found, platform):
            raise ImageUnavailable(
                f"{name} was pulled for {platform}, and came for {_platform_of(found)}.",
                remedy="Ask for a platform that it is published for (--platform).",
                fault=Fault.REGISTRY,
            )
        return facts_of(
            reference, found, digest or self._registry_digest(reference, found, ask=True)
        )

    def _pull(
        self,
        reference: Reference,
        target: str | None,
        platform: str | None,
        stopped: Callable[[], bool],
    ) -> str | None:
        """Pull a tag or digest; return the digest that it led to, if the engine reports that."""
        name = reference.familiar
        digest = None
        credentials: Login | None = None
        login_problem = ""
        try:
            credentials = login(reference.registry)
        except ImageUnavailable as trouble:  # an anonymous pull may be enough
            login_problem = f"\n{trouble.message}"
        watch = PullWatch(name, self.free)
        watch.require_room(lambda: self._packed_bytes(reference, target, platform))
        try:
            for step in self.client.api.pull(
                reference.name, tag=target, platform=platform, stream=True, decode=True,
                auth_config=for_engine(credentials),
            ):  # fmt: skip
                if stopped():
                    raise Interrupted
                watch.require()
                if message := stream_error(step):
                    raise pull_failure(name, f"{message}{login_problem}")
                if str(step.get("status", "")).startswith("Digest: "):
                    digest = str(step["status"]).removeprefix("Digest: ").strip()
        except APIError as error:
            raise pull_failure(name, f"{explanation(error)}{login_problem}") from error
        except READ_TIMEOUTS as error:
            self.ping()  # the engine answers, so the registry is what it waits for
            raise ImageUnavailable(
                f"{name} could not be pulled: nothing came for {self.client.api.timeout} s",
                remedy=f"See whether {reference.registry} answers, and what `docker pull` says.",
            ) from error
        return digest

    def _packed_bytes(self, reference: Reference, target: str | None, platform: str | None) -> int:
        """Return the bytes of an image's compressed layers; 0 if its registry does not say."""
        with suppress(ImageUnavailable), self.registry(reference.registry) as registry:
            return registry.packed_bytes(
                reference.repository, target or "latest", platform or self.platform
            )
        return 0


def marks(image: Mapping[str, Any]) -> set[str]:
    """Return the marks of all processes among the names of an image."""
    return {name for name in image.get("RepoTags") or () if name.startswith(f"{MARK}:")}


def _platform_of(found: _Attributes) -> str:
    variant = found.get("Variant")
    return normalize_platform(
        f"{found['Os']}/{found['Architecture']}" + (f"/{variant}" if variant else "")
    )


def _repository_digests(reference: Reference, found: _Attributes) -> Iterator[str]:
    """Yield the digests that the engine lists for an image in the reference's repository."""
    for entry in found.get("RepoDigests") or ():
        name, _, digest = str(entry).partition("@")
        with suppress(UsageError):  # <none>, or a name that no registry allows
            if digest and Reference.parse(name).name == reference.name:
                yield digest


def facts_of(reference: Reference, found: _Attributes, digest: str | None) -> Image:
    """Return what a certificate records of an image that the engine has."""
    layers = tuple(found.get("RootFS", {}).get("Layers") or ())
    image = Image(
        reference=reference.familiar,
        digest=digest,
        image_id=found["Id"],
        platform=_platform_of(found),
        size_bytes=int(found.get("Size") or 0),
        layers=len(layers),
        layer_digests=layers,
        created=found.get("Created"),
    )
    return image.model_copy(update=reference.image_fields)


def unpacked_bytes(client: docker.DockerClient, container: str) -> int | None:
    """Return the size of the image of a container without what the container wrote, or None."""
    with translate_errors("the size of the image"):
        listed = client.api.containers(all=True, size=True, filters={"id": container})
    sizes = [each["SizeRootFs"] - each.get("SizeRw", 0) for each in listed if "SizeRootFs" in each]
    return int(sizes[0]) if sizes else None
