"""What a registry says of an image, by the distribution protocol (python-dxf speaks it)."""

from __future__ import annotations

import base64
import contextlib
import json
import re
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Self
from urllib.parse import urljoin, urlsplit

import requests
from dxf import DXF, DXFBase
from dxf.exceptions import DXFAuthInsecureError, DXFError, DXFUnauthorizedError

from certify.errors import ImageUnavailable
from certify.images.reference import DOCKER_HUB, Reference
from certify.images.transport import Adapter, is_loopback, speaks_tls
from certify.judge.diagnosis import diagnose
from certify.safetext import one_line

Credentials = Callable[[str], tuple[str, str] | None]
"""Gives user and password for a registry's host, or null."""

HUB_HOST = "registry-1.docker.io"
"""Where ``docker.io/…`` is served from."""
PAGE = 1000
ATTESTATION_TAG = re.compile(r"sha(256|512)-[0-9a-f]{64,128}")
"""Tags under which attestations are attached where a registry has no referrers API."""

_INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
MOST_PAGES = 10_000
"""A registry that lists more pages than this goes round in circles."""


class _Client(DXFBase):
    """A dxf client that also sends a password without TLS to where Docker would."""

    def __enter__(self) -> Self:
        super().__enter__()
        adapter = Adapter(self._host)
        for scheme in ("http://", "https://"):
            self._sessions[0].mount(scheme, adapter)
        return self

    def _base_request(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        """A next page may be anywhere; our password is for this registry alone."""
        url = urljoin(self._base_url, path)
        if urlsplit(url)[:2] != urlsplit(self._base_url)[:2]:
            raise ValueError(f"it goes on at another address, {one_line(url)}")
        return super()._base_request(method, path, **kwargs)  # type: ignore[no-untyped-call, no-any-return]

    def authenticate(
        self,
        username: str | None = None,
        password: str | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> str | None:
        try:
            token: str | None = super().authenticate(username, password, *args, **kwargs)
            return token
        except DXFAuthInsecureError:
            if not (username and password):
                raise DXFUnauthorizedError from None
            pair = base64.b64encode(f"{username}:{password}".encode()).decode()
            self._headers = {"Authorization": f"Basic {pair}"}
            return None


class Registry:
    """One registry, in one thread; a context manager that holds its connection.

    Every method raises :class:`ImageUnavailable`, with the fault at the registry or
    the network, for anything that keeps it from an answer.
    """

    def __init__(
        self,
        host: str,
        credentials: Credentials,
        *,
        insecure: bool = False,
        timeout: float = 20.0,
    ) -> None:
        self.host = host
        self._credentials = credentials
        self._insecure = insecure
        self._timeout = timeout
        self._client: _Client | None = None
        self._repositories: dict[str, DXF] = {}
        self.remaining: int | None = None
        """Pulls that the registry still allows (``ratelimit-remaining``), if it says."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._client is not None:
            self._client.__exit__(kind, error, trace)  # type: ignore[no-untyped-call]

    def repositories(self, namespace: str = "") -> Iterator[str]:
        """The names of all repositories, page by page; the protocol cannot ask for a part."""
        with self._answering("list its repositories"):
            yield from _bounded(self._connected().list_repos(batch_size=PAGE, iterate=True))

    def tags(self, repository: str) -> Iterator[str]:
        """The tags of a repository, without those of attached attestations."""
        with self._answering(f"list the tags of {repository}"):
            listed = self._repository(repository).list_aliases(batch_size=PAGE, iterate=True)
            for tag in _bounded(listed):
                if not ATTESTATION_TAG.fullmatch(tag):
                    yield tag

    def digest(self, repository: str, reference: str) -> str:
        """The digest that a tag (or digest) leads to, by HEAD: no pull is counted for it."""
        with self._answering(f"find {repository}:{reference}"):
            found, answer = self._repository(repository).head_manifest_and_response(reference)
            left = answer.headers.get("ratelimit-remaining", "").partition(";")[0]
            self.remaining = int(left) if left.isdigit() else self.remaining
        if not found:
            raise ImageUnavailable(
                f"{self.host} gives no digest for {repository}:{reference}",
                remedy="Its answer lacks Docker-Content-Digest; ask whoever runs the registry.",
            )
        return str(found)

    def manifest_digest(self, repository: str, digest: str, platform: str) -> str | None:
        """The digest of one platform's manifest: the same if there is no index; null if none."""
        with self._answering(f"read {repository}@{digest}"):
            text, _ = self._repository(repository).get_manifest_and_response(digest)
        manifest = json.loads(text)
        if manifest.get("mediaType") not in _INDEXES and "manifests" not in manifest:
            return digest
        found = {_platform_of(each): str(each["digest"]) for each in manifest["manifests"]}
        return found.get(platform) or found.get("/".join(platform.split("/")[:2]))

    def _connected(self) -> _Client:
        """The client; where Docker would, without TLS, or with anybody's certificate."""
        if self._client is None:
            host = HUB_HOST if self.host == DOCKER_HUB else self.host
            lax = self._insecure or is_loopback(host)
            plain = lax and not speaks_tls(host, self._timeout)
            client = _Client(
                host, self._authenticate, insecure=plain, tlsverify=not lax, timeout=self._timeout
            )
            self._client = client.__enter__()
        return self._client

    def _repository(self, name: str) -> DXF:
        """A repository, with the token that it was given before."""
        if name not in self._repositories:
            self._repositories[name] = _Repository.from_base(self._connected(), name)
        return self._repositories[name]

    def _authenticate(self, client: Any, response: requests.Response) -> None:
        user, password = self._credentials(self.host) or (None, None)
        client.authenticate(user, password, response=response)

    @contextlib.contextmanager
    def _answering(self, what: str) -> Iterator[None]:
        try:
            yield
        except (DXFError, requests.RequestException, ValueError, KeyError, TypeError) as error:
            raise unavailable(f"{self.host} does not {what}", error) from error


def unavailable(what: str, error: Exception) -> ImageUnavailable:
    """What kept a registry from its answer, in plain words."""
    said = str(error) or type(error).__name__
    response = getattr(error, "response", None)
    status = 401 if isinstance(error, DXFUnauthorizedError) else getattr(response, "status_code", 0)
    if status in _STATUSES:
        cause, remedy = _STATUSES[status]
        return ImageUnavailable(f"{what}: {cause}", remedy=remedy, evidence=said)
    if status >= 500:
        cause = f"it answers with its own error {status}"
        return ImageUnavailable(f"{what}: {cause}", remedy="Try again later.", evidence=said)
    diagnosis = diagnose(said)
    if diagnosis is None:
        remedy = "See that the registry runs, and that its name is right."
        return ImageUnavailable(f"{what}: {one_line(said)}", remedy=remedy, evidence=said)
    return ImageUnavailable(
        f"{what}: {diagnosis.cause}",
        remedy=diagnosis.remedy,
        fault=diagnosis.fault,
        evidence=said,
    )


_STATUSES = {
    401: ("it asks for a login", "`docker login` to it first."),
    403: ("this login may not", "Log in as somebody who may pull from it."),
    404: ("it has no such thing", "Check the spelling of repository and tag."),
    429: ("its limit of requests is reached", "Log in to it, or wait as long as it asks."),
}


class _Repository(_Client, DXF):
    """A repository of a registry, over the same connection."""


def manifest_digest(
    registry: Registry, reference: Reference, digest: str, platform: str
) -> str | None:
    """The digest of the manifest for one platform behind a digest of a repository.

    The same digest if that is a manifest itself; null if the registry does not say.
    """
    with (
        contextlib.suppress(ImageUnavailable, ValueError, KeyError, TypeError, AttributeError),
        registry,
    ):
        return registry.manifest_digest(reference.repository, digest, platform)
    return None


def _bounded(names: Iterable[str]) -> Iterator[str]:
    for number, name in enumerate(names):
        if number >= PAGE * MOST_PAGES:
            raise ValueError("its list does not end")
        if not isinstance(name, str):
            raise ValueError("its list holds something else than names")
        yield name


def _platform_of(entry: dict[str, Any]) -> str:
    named = entry.get("platform") or {}
    parts = (named.get("os"), named.get("architecture"), named.get("variant"))
    return "/".join(str(part) for part in parts if part)
