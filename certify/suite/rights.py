"""The rights beyond Docker's defaults that a service may need, from the least on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Right(NamedTuple):
    """A right beyond Docker's defaults, and the lines of a Compose file that give it."""

    name: str
    lines: Mapping[str, Any]


RIGHTS = (
    Right("CAP_NET_ADMIN", {"cap_add": ["NET_ADMIN"]}),
    Right("the host's network", {"network_mode": "host"}),
    Right("CAP_SYS_ADMIN", {"cap_add": ["SYS_ADMIN"]}),
    Right("privileged", {"privileged": True}),
)
"""The rights that are tried, in turn, with an image that does not run without them."""
