"""Which certified images are approved: the policy of ``approve.toml``. Pure.

::

    profiles = ["devspace"]          # default: every profile
    grades = ["native"]              # default: native and on-launch
    max_age_days = 14                # of a certificate; default: until it expires by itself
    min_runs = 3                     # starts that were timed; default: any number
    registries = ["registry.example", "ghcr.io/acme/*"]    # globs; default: every registry
    trust = ["official", "verified"] # tiers of Docker Hub; default: every tier, and none
    waivers = false                  # whether a certificate may lean on waivers; default: true
    platforms = ["linux/amd64"]      # all on which images are run; see docs/publish.md
    valid_days = 7                   # how long the list as a whole counts; default: 7
    max_shrink_percent = 20          # of what the list held before; default: 20

    [max_startup]                    # seconds; default: what each profile allows
    boot = 5.0
    dockerd = 8.0
    provision = 60.0

Without a file the defaults hold: every certificate in force is approved.
"""

from __future__ import annotations

import tomllib
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import Field, StringConstraints, ValidationError, field_validator
from pydantic_core import ErrorDetails

from certify.model.errors import BadPolicy
from certify.model.platform import PLATFORM
from certify.model.terms import Grade, Trust
from certify.model.value import Value
from certify.util.text import one_line
from certify.util.toml import line_of

_Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
_Days = Annotated[float, Field(gt=0, le=3650, allow_inf_nan=False, strict=True)]
_Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True)]
_Platform = Annotated[str, StringConstraints(pattern=rf"^{PLATFORM.pattern}$")]

_WORDS = {
    "string_type": "must be text in quotes",
    "string_too_short": "is empty",
    "string_pattern_mismatch": "must be a platform, such as 'linux/amd64'",
    "tuple_type": "must be a list in brackets",
    "float_type": "must be a number",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "model_type": "must be a table",
}


class MaxStartup(Value):
    """How soon an image must be up, in seconds; null asks for no more than its profile does."""

    boot: _Seconds | None = None
    dockerd: _Seconds | None = None
    provision: _Seconds | None = None


class Policy(Value):
    """What is asked of a certificate before its image is approved; null asks for nothing."""

    profiles: tuple[_Name, ...] | None = None
    grades: tuple[Grade, ...] = tuple(Grade)
    max_age_days: _Days | None = None
    """Since the certification."""
    max_startup: MaxStartup = MaxStartup()
    min_runs: Annotated[int, Field(ge=1, strict=True)] | None = None
    """Starts that were timed; asked only of profiles under which an init is booted."""
    registries: tuple[_Name, ...] | None = None
    """Globs: of a registry, or, with a slash in it, of registry and repository."""
    trust: tuple[Trust, ...] | None = None
    waivers: bool = Field(default=True, strict=True)
    """Whether a required check may be waived."""
    platforms: tuple[_Platform, ...] = ()
    """All on which images are run, if that is known."""
    valid_days: _Days = 7.0
    """From the publication on."""
    max_shrink_percent: float = Field(default=20.0, ge=0, le=100, allow_inf_nan=False, strict=True)
    """The share of its images that a list may lose at once."""

    @field_validator("profiles", "grades", "registries", "trust")
    @classmethod
    def _names_something(cls, value: tuple[object, ...] | None) -> tuple[object, ...] | None:
        if value == ():
            raise ValueError("is empty: leave it out, so that it asks for nothing")
        return value

    def serves(self, registry: str, repository: str) -> bool:
        """Whether the policy allows images from there."""
        if self.registries is None:
            return True
        name = f"{registry}/{repository}"
        return any(fnmatchcase(name if "/" in glob else registry, glob) for glob in self.registries)


def parse_policy(text: str, source: str) -> Policy:
    """Read a policy from TOML; ``source`` names the file in messages.

    Raises :class:`BadPolicy` with file, line and key, for everything that is wrong.
    """
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as problem:
        raise BadPolicy(f"{source}: this is not TOML: {problem}") from problem
    try:
        return Policy.model_validate(document)
    except ValidationError as problem:
        lines = (_problem(text, source, error) for error in problem.errors(include_url=False))
        raise BadPolicy(
            "\n".join(dict.fromkeys(lines)), remedy="docs/publish.md explains every key."
        ) from problem


def _problem(text: str, source: str, error: ErrorDetails) -> str:
    where = error["loc"]
    line = line_of(text, where)
    key = one_line(".".join(step for step in where if isinstance(step, str)))
    said = error["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    if error["type"] == "extra_forbidden":
        known = MaxStartup.model_fields if len(where) > 1 else Policy.model_fields
        close = get_close_matches(str(where[-1]), known, n=1)
        said = "is not known here" + (f"; did you mean {close[0]!r}?" if close else "")
    if error["type"] == "enum":
        said = f"{error['input']!r} is none of {error['ctx']['expected']}"
    return f"{source}:{line}: {key}: {_WORDS.get(error['type'], said)}"
