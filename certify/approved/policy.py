"""The policy of ``approve.toml``, which decides which certified images are approved. Pure.

::

    profiles = ["devspace"]          # default: every profile
    grades = ["native"]              # default: native and on-launch
    max_age_days = 14                # of a certificate; default: until it expires by itself
    min_runs = 3                     # starts that were timed; default: any number
    registries = ["registry.example", "ghcr.io/acme/*"]    # globs; default: every registry
    trust = ["official", "verified"] # tiers of Docker Hub; default: every tier, and none
    waivers = false                  # true accepts certificates that need waivers; default: true
    platforms = ["linux/amd64"]      # all platforms in use; see docs/publish.md
    hosts = ["cgroup v2, *"]         # kinds of host that must agree; default: the last verdict
    valid_days = 7                   # validity of the list as a whole; default: 7
    max_shrink_percent = 20          # of the images on the previous list; default: 20

    [max_startup]                    # seconds; default: what each profile allows
    boot = 5.0
    dockerd = 8.0
    provision = 60.0

Without a file the defaults hold: every certificate in force is approved.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints, field_validator

from certify.model.errors import BadPolicy
from certify.model.platform import PLATFORM
from certify.model.terms import Grade, Trust
from certify.model.value import Value
from certify.util.toml import Document

REMEDY = "`certify help publish.md` explains every key."


def _is_a_platform(text: str) -> str:
    if not PLATFORM.fullmatch(text):
        raise ValueError("must be a platform, such as 'linux/amd64'")
    return text


_Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
_Days = Annotated[float, Field(gt=0, le=3650, allow_inf_nan=False, strict=True)]
_Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True)]
_Platform = Annotated[str, AfterValidator(_is_a_platform)]


class MaxStartup(Value):
    """The longest startup times in seconds; None leaves the limit to the profile."""

    boot: _Seconds | None = None
    dockerd: _Seconds | None = None
    provision: _Seconds | None = None


class Policy(Value):
    """The conditions for the approval of an image; None stands for no condition."""

    profiles: tuple[_Name, ...] | None = None
    grades: tuple[Grade, ...] = tuple(Grade)
    max_age_days: _Days | None = None
    """The greatest age of a certificate in days."""
    max_startup: MaxStartup = MaxStartup()
    min_runs: Annotated[int, Field(ge=1, strict=True)] | None = None
    """The fewest timed starts, for profiles that boot an init system."""
    registries: tuple[_Name, ...] | None = None
    """Globs for a registry, or with a slash for registry and repository."""
    trust: tuple[Trust, ...] | None = None
    waivers: bool = Field(default=True, strict=True)
    """True to accept certificates that depend on waivers."""
    platforms: tuple[_Platform, ...] = ()
    """The platforms on which images are run; empty if they are not known."""
    hosts: tuple[_Name, ...] | None = None
    """Globs for kinds of host, each of which must have certified an image."""
    valid_days: _Days = 7.0
    """The validity of the list in days from its publication."""
    max_shrink_percent: float = Field(default=20.0, ge=0, le=100, allow_inf_nan=False, strict=True)
    """The greatest share of its images that a list may lose at once, in percent."""

    @field_validator("profiles", "grades", "registries", "trust", "hosts")
    @classmethod
    def _names_something(cls, value: tuple[object, ...] | None) -> tuple[object, ...] | None:
        if value == ():
            raise ValueError("is empty: leave it out to set no condition")
        return value

    def allows_repository(self, registry: str, repository: str) -> bool:
        """Return True if the policy allows images from a repository."""
        if self.registries is None:
            return True
        for glob in self.registries:
            of_registry, slash, of_repository = glob.partition("/")
            # One after the other: the star of a registry must not reach into a repository.
            if fnmatchcase(registry, of_registry) and (
                not slash or fnmatchcase(repository, of_repository)
            ):
                return True
        return False


def parse_policy(text: str, source: str) -> Policy:
    """Read a policy from TOML; ``source`` names the file in messages.

    Raises :class:`BadPolicy` with every problem: file, line, key and what was expected.
    """
    return Document(text, source, BadPolicy).validated(Policy, remedy=REMEDY)
