"""Docker Hub's own API: the repositories of a namespace, and the badges of publishers."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from urllib.parse import urlsplit

from certify.model.errors import ImageUnavailable
from certify.model.reference import DOCKER_HUB, Reference
from certify.model.terms import Trust
from certify.registry.client import Registry
from certify.registry.transport import Connection, pages
from certify.util.http import BadStatus

API_VARIABLE = "CERTIFY_HUB_API"
"""The environment variable with another address of Docker Hub's API, such as a proxy's."""
PAGE = 100
"""The most repositories that the API lists on one page."""
MOST_PAGES = 1_000
_TIMEOUT = 20.0
_BADGE_TIMEOUT = 3.0
"""Seconds to wait for a badge; a publisher without one is certified all the same."""
_BADGES = {
    "verified_publisher": Trust.VERIFIED,
    "open_source": Trust.SPONSORED,
    "": Trust.COMMUNITY,
    None: Trust.COMMUNITY,
}


def api() -> str:
    """Return the address of Docker Hub's API."""
    return os.environ.get(API_VARIABLE, "https://hub.docker.com/v2").rstrip("/")


def publisher_trust(reference: Reference) -> Trust:
    """Return how far Docker Hub vouches for the publisher of an image.

    Badges come from a field (``badge`` of an organization) that Docker's documentation does not
    mention: anything unexpected is :attr:`Trust.UNKNOWN`, and so is an image from elsewhere.
    Each namespace is looked up once in a process.
    """
    if reference.registry != DOCKER_HUB:
        return Trust.UNKNOWN
    namespace = reference.repository.partition("/")[0]
    return Trust.OFFICIAL if namespace == "library" else _badge(api(), namespace)


@functools.cache
def _badge(address: str, namespace: str) -> Trust:
    try:
        host = urlsplit(address).netloc
        with Connection(host, _BADGE_TIMEOUT, retry=False) as connection:
            answer = connection.request("GET", f"{address}/orgs/{namespace}/")
        if answer.status == 404:
            return Trust.COMMUNITY  # a person: only organizations bear badges
        return _BADGES.get(answer.checked().json()["badge"], Trust.UNKNOWN)
    except (BadStatus, OSError, ValueError, KeyError, TypeError):
        return Trust.UNKNOWN


class Hub(Registry):
    """Docker Hub, which has no catalogue: its own API lists repositories, one namespace a time."""

    def repositories(self, namespace: str = "") -> Iterator[str]:
        """Yield the public repositories of a namespace.

        Raises :class:`ImageUnavailable`, also for an empty namespace: nobody sweeps all of the Hub.
        """
        if not namespace:
            raise ImageUnavailable(
                "Docker Hub is not listed as a whole",
                remedy="Name a namespace: library/*, or your team's.",
            )
        address = api()
        url = f"{address}/namespaces/{namespace}/repositories"
        with (
            self.explain_errors(f"list the repositories of {namespace}"),
            Connection(urlsplit(address).netloc, _TIMEOUT) as connection,
        ):
            for number in pages(MOST_PAGES):
                # The page's own link to the next one is not followed: it may lead elsewhere.
                query = {"page_size": PAGE, "page": number}
                page = connection.request("GET", url, params=query).checked().json()
                yield from [f"{namespace}/{each['name']}" for each in page["results"]]
                if not page.get("next"):
                    return
