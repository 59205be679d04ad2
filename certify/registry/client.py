"""What a registry says of an image, by the distribution protocol (python-dxf speaks it)."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import re
from collections.abc import Callable, Container, Iterator
from types import TracebackType
from typing import Any, Self
from urllib.parse import urljoin, urlsplit

import requests
from dxf import DXF, DXFBase
from dxf.exceptions import DXFError, DXFUnauthorizedError

from certify.model.errors import ImageUnavailable
from certify.model.platform import normal
from certify.model.reference import DOCKER_HUB, Reference
from certify.registry.errors import unavailable
from certify.registry.tokens import Credentials, Login, authorization
from certify.registry.transport import is_loopback, pages, session, speaks_tls
from certify.util.text import one_line

HUB_HOST = "registry-1.docker.io"
"""Where ``docker.io/…`` is served from."""
PAGE = 1000
ATTESTATION_TAG = re.compile(r"sha(256|512)-[0-9a-f]{64,128}(\..+)?")
"""Tags under which attestations are attached where a registry has no referrers API; cosign adds
``.sig``, ``.att`` or ``.sbom``."""

_INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_DIGEST = re.compile(r"sha(256:[0-9a-f]{64}|384:[0-9a-f]{96}|512:[0-9a-f]{128})")
MOST_PAGES = 2_000
"""A registry that lists more pages than this goes round in circles."""


class _Client(DXFBase):
    """A dxf client that stays with its registry."""

    def _base_request(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        """A next page may be anywhere; our password is for this registry alone."""
        url = urljoin(self._base_url, path)
        if urlsplit(url)[:2] != urlsplit(self._base_url)[:2]:
            raise ValueError(f"it goes on at another address, {one_line(url)}")
        return super()._base_request(method, path, **kwargs)  # type: ignore[no-untyped-call, no-any-return]


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
        self._session: requests.Session | None = None
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
        if self._session is not None:
            self._session.close()

    def repositories(self, namespace: str = "") -> Iterator[str]:
        """The names of all repositories, page by page; the protocol cannot ask for a part."""
        with self.answering("list its repositories"):
            yield from _names(self._connected()._base_request, "_catalog", "repositories")

    def tags(self, repository: str) -> Iterator[str]:
        """The tags of a repository, without those of attached attestations."""
        with self.answering(f"list the tags of {repository}"):
            for tag in _names(self._repository(repository)._request, "tags/list", "tags"):
                if not ATTESTATION_TAG.fullmatch(tag):
                    yield tag

    def digest(self, repository: str, reference: str) -> str:
        """The digest that a tag (or digest) leads to, by HEAD: no pull is counted for it."""
        with self.answering(f"find {repository}:{reference}"):
            found, answer = self._repository(repository).head_manifest_and_response(reference)
            left = answer.headers.get("ratelimit-remaining", "").partition(";")[0]
            if left.isdecimal() and len(left) < 10:
                self.remaining = int(left)
        if not found:
            raise ImageUnavailable(
                f"{self.host} gives no digest for {repository}:{reference}",
                remedy="Its answer lacks Docker-Content-Digest; ask whoever runs the registry.",
            )
        if not _DIGEST.fullmatch(found):
            raise ImageUnavailable(
                f"{self.host} calls {one_line(found, 40)!r} the digest of {repository}:{reference}",
                remedy="Ask whoever runs the registry.",
            )
        return found

    def manifest_digest(self, repository: str, digest: str, platform: str) -> str | None:
        """The digest of one platform's manifest: the same if there is no index; null if none."""
        with self.answering(f"read {repository}@{digest}"):
            _, answer = self._repository(repository).get_manifest_and_response(digest)
            _check(answer.content, digest)
            manifest = json.loads(answer.content)
            if manifest.get("mediaType") not in _INDEXES and "manifests" not in manifest:
                return digest
            return _of_platform(manifest["manifests"], normal(platform))

    def ask(
        self,
        repository: str,
        method: str,
        path: str,
        *,
        missing: Container[int] = (),
        **request: Any,
    ) -> requests.Response | None:
        """One request below ``/v2/REPOSITORY/``; null for a status that means it is not there."""
        with self.answering(f"answer to {method.upper()} {one_line(path)} of {repository}"):
            try:
                answer = self._repository(repository)._request(method, path, **request)  # type: ignore[no-untyped-call]
            except requests.HTTPError as error:
                if error.response is not None and error.response.status_code in missing:
                    return None
                raise
        assert isinstance(answer, requests.Response)
        return answer

    def _connected(self) -> _Client:
        """The client; where Docker would, without TLS, or with anybody's certificate."""
        if self._client is None:
            host = HUB_HOST if self.host == DOCKER_HUB else self.host
            lax = self._insecure or is_loopback(host)
            asking = self._session = session(host, self._timeout)
            plain = lax and not speaks_tls(asking, host)
            self._client = _Client(
                host, self._authenticate, insecure=plain, tlsverify=not lax, timeout=self._timeout
            )
            self._client._sessions.insert(0, asking)
        return self._client

    def _repository(self, name: str) -> DXF:
        """A repository, with the token that it was given before."""
        if name not in self._repositories:
            self._repositories[name] = _Repository.from_base(self._connected(), name)
        return self._repositories[name]

    @functools.cached_property
    def _login(self) -> Login | ImageUnavailable | None:
        """Docker's login to it, or why none can be had; looked up once, for helpers are slow."""
        try:
            return self._credentials(self.host)
        except ImageUnavailable as trouble:
            return trouble

    def _authenticate(self, client: Any, refusal: requests.Response) -> None:
        """Find out how to ask again. Without a login nobody asks: that may be enough."""
        login = None if isinstance(self._login, ImageUnavailable) else self._login
        scope = f"repository:{client._repo}:pull" if client._repo else "registry:catalog:*"
        lax = not client._tlsverify
        header = authorization(
            client._sessions[0], refusal, login, scope=scope, lax=lax, verify=not lax
        )
        client._headers = {"Authorization": header}

    @contextlib.contextmanager
    def answering(self, what: str) -> Iterator[None]:
        """Turns what keeps the registry from ``what`` into :class:`ImageUnavailable`."""
        try:
            yield
        except DXFUnauthorizedError as error:
            if isinstance(self._login, ImageUnavailable):
                raise self._login from error
            cause = "it refuses the login that Docker has" if self._login else "it asks for a login"
            host = "" if self.host == DOCKER_HUB else f" {self.host}"
            raise ImageUnavailable(
                f"{self.host} does not {what}: {cause}", remedy=f"`docker login{host}` first."
            ) from error
        except _TROUBLE as error:
            raise unavailable(f"{self.host} does not {what}", error) from error


_TROUBLE = (
    DXFError, requests.RequestException,
    # from what it sent
    ValueError, KeyError, TypeError, AttributeError, RecursionError,
)  # fmt: skip


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


def _names(ask: Callable[..., requests.Response], path: str, key: str) -> Iterator[str]:
    """What a registry lists, page by page; each tells where the next one is."""
    answer = ask("get", path, params={"n": PAGE})
    for _ in pages(MOST_PAGES):
        for name in answer.json()[key] or ():
            if not isinstance(name, str):
                raise ValueError("its list holds something else than names")
            yield name
        following = answer.links.get("next")
        if following is None:
            return
        answer = ask("get", urljoin(answer.url, following["url"]))


def _check(content: bytes, digest: str) -> None:
    algorithm, _, digits = digest.partition(":")
    if hashlib.new(algorithm, content).hexdigest() != digits:
        raise ValueError("what it sends is something else than the digest says")


def _of_platform(entries: list[dict[str, Any]], platform: str) -> str | None:
    """The one manifest for a platform; null if there is none, or none is the one."""
    for wanted in (platform, "/".join(platform.split("/")[:2])):
        found = {entry["digest"] for entry in entries if _platform_of(entry) == wanted}
        if found:
            only = found.pop()
            return only if not found and _DIGEST.fullmatch(only) else None
    return None


def _platform_of(entry: dict[str, Any]) -> str:
    named = entry.get("platform") or {}
    parts = (named.get("os"), named.get("architecture"), named.get("variant"))
    return normal("/".join(str(part) for part in parts if part))
