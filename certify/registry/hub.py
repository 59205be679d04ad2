"""Docker Hub: it lists a namespace at its own API, and says whose repositories it trusts."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import requests

from certify.model.errors import ImageUnavailable
from certify.model.reference import DOCKER_HUB, Reference
from certify.model.terms import Trust
from certify.registry.client import Registry
from certify.registry.transport import pages, session

API_VARIABLE = "CERTIFY_HUB_API"
"""Names another address of Docker Hub's API, such as a proxy's."""
PAGE = 100
"""The most repositories that it tells of at once."""
MOST_PAGES = 1_000
_TIMEOUT = 20.0
_PATIENCE = 3.0
"""Seconds for which a trust tier may not come any further; without one it is unknown."""
_BADGES = {
    "verified_publisher": Trust.VERIFIED,
    "open_source": Trust.SPONSORED,
    "": Trust.COMMUNITY,
    None: Trust.COMMUNITY,
}


def api() -> str:
    """Where Docker Hub's own API is."""
    return os.environ.get(API_VARIABLE, "https://hub.docker.com/v2").rstrip("/")


def trust(reference: Reference) -> Trust:
    """How far Docker Hub vouches for the publisher of an image that comes from it.

    Publishers' badges come from a field (``badge`` of an organization) that its documentation
    does not mention: whatever is not understood is *unknown*, and nothing ever fails for it.
    A process asks once for each namespace.
    """
    if reference.registry != DOCKER_HUB:
        return Trust.UNKNOWN
    namespace = reference.repository.partition("/")[0]
    return Trust.OFFICIAL if namespace == "library" else _badge(api(), namespace)


@functools.cache
def _badge(address: str, namespace: str) -> Trust:
    try:
        with session(urlsplit(address).netloc, _PATIENCE, again=False) as asking:
            answer = asking.get(f"{address}/orgs/{namespace}/")
        if answer.status_code == requests.codes.not_found:
            return Trust.COMMUNITY  # a person: only organizations bear badges
        answer.raise_for_status()
        return _BADGES.get(answer.json()["badge"], Trust.UNKNOWN)
    except (requests.RequestException, ValueError, KeyError, TypeError):
        return Trust.UNKNOWN


class Hub:
    """Docker Hub, which has no catalogue: repositories by its API, tags by its registry."""

    def __init__(self, registry: Registry, address: str | None = None) -> None:
        self._registry = registry
        self._api = address or api()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._registry.__exit__(kind, error, trace)

    def repositories(self, namespace: str) -> Iterator[str]:
        """All repositories of a namespace that anybody may see, page by page.

        Raises :class:`ImageUnavailable`; also for no namespace, since nobody sweeps all of it.
        """
        if not namespace:
            raise ImageUnavailable(
                "Docker Hub is not listed as a whole",
                remedy="Name a namespace: library/*, or your team's.",
            )
        url = f"{self._api}/namespaces/{namespace}/repositories"
        host = urlsplit(self._api).netloc
        with (
            self._registry.answering(f"list the repositories of {namespace}"),
            session(host, _TIMEOUT) as asking,
        ):
            for number in pages(MOST_PAGES):
                # Where it says that the next page is does not matter, so it leads nowhere else.
                answer = asking.get(url, params={"page_size": PAGE, "page": number})
                answer.raise_for_status()
                page = answer.json()
                yield from [f"{namespace}/{each['name']}" for each in page["results"]]
                if not page.get("next"):
                    return

    def tags(self, repository: str) -> Iterator[str]:
        """The tags of a repository, by the registry's own protocol."""
        yield from self._registry.tags(repository)
