"""Shards: parts of a list that several hosts sweep at once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Self


@dataclass(frozen=True, slots=True, order=True)
class Shard:
    """One of several parts of a list, which the digests of its images decide.

    All names of one image are in one shard, in whatever order a list has them.
    """

    number: int
    """The number of this part, from 1."""
    count: int
    """The number of all parts."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return a shard from a text such as ``3/8``. Raises ValueError."""
        found = re.fullmatch(r"([0-9]{1,5})/([0-9]{1,5})", text)
        number, count = (int(found[1]), int(found[2])) if found else (0, 0)
        if not 1 <= number <= count:
            raise ValueError(f"{text!r} is not a shard; expected for example 3/8")
        return cls(number, count)

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def holds(self, identity: str) -> bool:
        """Return True for an image of this shard; ``identity`` is its digest, or else its name."""
        return int(sha256(identity.encode()).hexdigest(), 16) % self.count == self.number - 1


def is_shard(text: str) -> bool:
    """Return True for a text such as ``3/8``."""
    try:
        Shard.parse(text)
    except ValueError:
        return False
    return True
