"""A client of registries, by the protocol of the OCI Distribution Specification."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import re
from collections.abc import Container, Iterator, Mapping
from typing import Any, Self
from urllib.parse import urljoin, urlsplit

from certify.model.errors import ImageUnavailable
from certify.model.platform import normalize_platform
from certify.model.reference import DOCKER_HUB
from certify.registry.errors import unavailable
from certify.registry.manifests import (
    ANY,
    CONFIGURATIONS,
    DIGEST,
    DOCKER_INDEX,
    INDEX,
    Descriptor,
    check_digest,
    digests_of_platform,
    is_index,
    platform_of,
)  # fmt: skip
from certify.registry.tokens import Credentials, Login, LoginNeeded, authorization
from certify.registry.transport import Connection, pages
from certify.util.http import Answer, BadStatus
from certify.util.http_limits import is_loopback
from certify.util.text import one_line

HUB_HOST = "registry-1.docker.io"
"""The host that serves ``docker.io/…``."""
PAGE = 1000
"""The number of names that one page of a list is to hold."""
MOST_PAGES = 2_000
"""The most pages of a list; a registry that sends more goes round in circles."""
ATTESTATION_TAG = re.compile(r"sha(256|512)-[0-9a-f]{64,128}(\..+)?")
"""Tags under which attestations are attached where a registry has no referrers API; cosign adds
``.sig``, ``.att`` or ``.sbom``."""
_DIGEST_FIELD = "Docker-Content-Digest"


class Registry:
    """One registry, for one thread; a context manager that closes its connection.

    Every method raises :class:`ImageUnavailable`, with the fault at the registry or
    the network, if the registry gives no usable answer.
    """

    def __init__(
        self, host: str, credentials: Credentials, *, insecure: bool = False, timeout: float = 20.0
    ) -> None:
        """Wait ``timeout`` seconds for each answer; ``insecure`` needs no TLS and trusts anyone."""
        self.host = host
        self._credentials = credentials
        self._server = HUB_HOST if host == DOCKER_HUB else host
        self._insecure = insecure or is_loopback(host)
        self._timeout = timeout
        self._authorizations: dict[str, str] = {}
        """The header ``Authorization`` for each repository; an empty name is the catalogue's."""
        self.pulls_left: int | None = None
        """The pulls that the registry still allows (``ratelimit-remaining``), if it says so."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection, if there is one."""
        if connection := self.__dict__.get("_connection"):
            connection.close()

    def repositories(self, namespace: str = "") -> Iterator[str]:
        """Yield the names of all repositories; the protocol has no way to list a part."""
        with self.explain_errors("list its repositories"):
            yield from self._names("", "_catalog", "repositories")

    def tags(self, repository: str) -> Iterator[str]:
        """Yield the tags of a repository, without those of attached attestations."""
        with self.explain_errors(f"list the tags of {repository}"):
            for tag in self._names(repository, "tags/list", "tags"):
                if not ATTESTATION_TAG.fullmatch(tag):
                    yield tag

    def digest(self, repository: str, reference: str) -> str:
        """Return the digest that a tag leads to; as a rule this counts as no pull."""
        with self.explain_errors(f"find {repository}:{reference}"):
            answer = self._manifest(repository, reference, _DIGEST_FIELD)
            left = answer.headers.get("ratelimit-remaining", "").partition(";")[0]
            if left.isdecimal() and len(left) < 10:
                self.pulls_left = int(left)
            if answer.content:
                return f"sha256:{hashlib.sha256(answer.content).hexdigest()}"
            found = answer.headers[_DIGEST_FIELD]
            if not DIGEST.fullmatch(found):
                raise ValueError(f"it gives {one_line(found, 40)!r} as the digest")
            return found

    def describe(self, repository: str, digest: str) -> Descriptor:
        """Return the descriptor of a manifest or index."""
        with self.explain_errors(f"find {repository}@{digest}"):
            answer = self._manifest(repository, digest, "Content-Length", "Content-Type")
            if answer.content:
                check_digest(answer.content, digest)
            size = len(answer.content) or int(answer.headers["Content-Length"])
            return {"mediaType": answer.headers["Content-Type"], "digest": digest, "size": size}

    def manifest_digests(self, repository: str, digest: str, platform: str) -> list[str]:
        """Return the digests of one platform's manifests: the same if it is no index."""
        with self.explain_errors(f"read {repository}@{digest}"):
            path = f"manifests/{digest}"
            answer = self.request("GET", repository, path, headers={"Accept": ANY})
            check_digest(answer.content, digest)
            manifest = answer.json()
            if is_index(manifest):
                return digests_of_platform(manifest["manifests"], normalize_platform(platform))
            return [digest]

    def packed_bytes(self, repository: str, reference: str, platform: str) -> int:
        """Return the bytes of the compressed layers of one platform's image, 0 if it has none.

        ``reference`` is a tag or a digest. This counts as a pull where pulls are limited.
        """
        with self.explain_errors(f"read {repository}:{reference}"):
            path = f"manifests/{reference}"
            manifest = self.request("GET", repository, path, headers={"Accept": ANY}).json()
            if is_index(manifest):
                named = digests_of_platform(manifest["manifests"], normalize_platform(platform))
                if not named:
                    return 0
                manifest = self._document(repository, f"manifests/{named[0]}", named[0])
            return sum(max(0, int(each["size"])) for each in manifest["layers"])

    def platforms(self, repository: str, digest: str) -> list[str]:
        """Return the platforms of an index that are Linux, in its order, or that of a manifest.

        Attestations and other artifacts have none.
        """
        with self.explain_errors(f"read {repository}@{digest}"):
            found = self._document(repository, f"manifests/{digest}", digest)
            if not is_index(found):
                return [self._platform_of_manifest(repository, found)]
            platforms = []
            for entry in found["manifests"]:
                if entry.get("mediaType") in (INDEX, DOCKER_INDEX):
                    raise ValueError("its index holds another index")
                platform = platform_of(entry)
                if not platform and "vnd.docker.reference.type" not in entry.get("annotations", {}):
                    file = f"manifests/{entry['digest']}"
                    inner = self._document(repository, file, entry["digest"])
                    platform = self._platform_of_manifest(repository, inner)
                platforms.append(platform)
            return list(dict.fromkeys(each for each in platforms if each.startswith("linux/")))

    def _platform_of_manifest(self, repository: str, manifest: Descriptor) -> str:
        """Return the platform in an image's configuration; of an artifact an empty text."""
        config = manifest["config"]["digest"]
        if not manifest["config"]["mediaType"].endswith(CONFIGURATIONS):
            return ""
        return platform_of({"platform": self._document(repository, f"blobs/{config}", config)})

    def _document(self, repository: str, path: str, digest: str) -> Descriptor:
        answer = self.request("GET", repository, path, headers={"Accept": f"{ANY}, */*"})
        check_digest(answer.content, digest)
        document: Descriptor = answer.json()
        return document

    def request(
        self, method: str, repository: str, path: str, *,
        headers: Mapping[str, str] | None = None, allowed: Container[int] = (), **content: Any,
    ) -> Answer:  # fmt: skip
        """Send a request below ``/v2/REPOSITORY/``, with a login or a token if it needs one.

        ``path`` may also be a whole address of this registry. Statuses in ``allowed`` are no
        error. Errors are those that :meth:`explain_errors` explains; call it within.
        """
        base = f"{self._base}/{repository}/" if repository else f"{self._base}/"
        url = urljoin(base, path)
        if urlsplit(url)[:2] != urlsplit(base)[:2]:
            # Logins are for this registry alone.
            raise ValueError(f"it continues at another address, {one_line(url)}")
        for last in (False, True):
            known = self._authorizations.get(repository)
            sent = {**(headers or {}), **({"Authorization": known} if known else {})}
            answer = self._connection.request(method, url, headers=sent, **content)
            if answer.status != 401:
                return answer if answer.status in allowed else answer.checked()
            if not last:
                self._authorizations[repository] = self._authorization(repository, answer)
        raise LoginNeeded

    @contextlib.contextmanager
    def explain_errors(self, what: str) -> Iterator[None]:
        """Turn an error that kept the registry from ``what`` into :class:`ImageUnavailable`."""
        try:
            yield
        except LoginNeeded as error:
            if isinstance(self._login, ImageUnavailable):
                raise self._login from error
            cause = "it refuses the login that Docker has" if self._login else "it asks for a login"
            host = "" if self.host == DOCKER_HUB else f" {self.host}"
            raise ImageUnavailable(
                f"{self.host} does not {what}: {cause}", remedy=f"`docker login{host}` first."
            ) from error
        except _ERRORS as error:
            raise unavailable(f"{self.host} does not {what}", error) from error

    def _manifest(self, repository: str, reference: str, *fields: str) -> Answer:
        """Return the answer to HEAD if it has the header fields, else the manifest itself.

        HEAD counts against no limit of pulls. Some registries answer it with 404 or 405, or
        leave fields out.
        """
        path, headers = f"manifests/{reference}", {"Accept": ANY}
        answer = self.request("HEAD", repository, path, headers=headers, allowed=(404, 405))
        if answer.status in (404, 405) or not all(field in answer.headers for field in fields):
            answer = self.request("GET", repository, path, headers=headers)
            if answer.json().get("schemaVersion") != 2:
                raise ValueError("its answer is no manifest")
        return answer

    def _authorization(self, repository: str, refusal: Answer) -> str:
        """Return a header with which to repeat a refused request, perhaps without any login."""
        return authorization(
            self._connection,
            refusal.headers.get("WWW-Authenticate", ""),
            None if isinstance(self._login, ImageUnavailable) else self._login,
            scope=f"repository:{repository}:pull" if repository else "registry:catalog:*",
            plain_http=self._insecure,
        )

    def _names(self, repository: str, path: str, key: str) -> Iterator[str]:
        """Yield the names of a list, page by page."""
        answer = self.request("GET", repository, path, params={"n": PAGE})
        for _ in pages(MOST_PAGES):
            for name in answer.json()[key] or ():
                if not isinstance(name, str):
                    raise ValueError("its list holds something else than names")
                yield name
            following = answer.next_page
            if following is None:
                return
            answer = self.request("GET", repository, following)

    @functools.cached_property
    def _connection(self) -> Connection:
        return Connection(self._server, self._timeout, verify=not self._insecure)

    @functools.cached_property
    def _base(self) -> str:
        """The address of the API; only an insecure registry may do without TLS, as in Docker."""
        plain = self._insecure and not self._connection.speaks_tls(self._server)
        return f"{'http' if plain else 'https'}://{self._server}/v2"

    @functools.cached_property
    def _login(self) -> Login | ImageUnavailable | None:
        """Docker's login, or the reason why there is none; looked up once, for helpers are slow."""
        try:
            return self._credentials(self.host)
        except ImageUnavailable as trouble:
            return trouble


_ERRORS = (
    BadStatus, OSError,
    # from content that is not as expected
    ValueError, KeyError, TypeError, AttributeError, RecursionError,
)  # fmt: skip
