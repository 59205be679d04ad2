"""Logins to registries, as ``docker login`` left them; no engine is needed for that."""

from __future__ import annotations

import os
import shutil

from docker.auth import AuthConfig, load_config
from docker.credentials.constants import PROGRAM_PREFIX
from docker.errors import DockerException
from docker.utils.config import find_config_file

from certify.model.errors import ImageUnavailable, UsageError
from certify.model.reference import DOCKER_HUB
from certify.model.terms import Fault
from certify.registry.tokens import IDENTITY, Login
from certify.util.text import one_line


def configuration() -> AuthConfig:
    """What Docker's own configuration says of logins. Raises :class:`UsageError`."""
    try:
        return load_config()
    except _NONSENSE as error:
        raise UsageError(
            f"{_file()}: its logins cannot be read: {one_line(str(error))}",
            remedy="Each of its `auths` is an object whose `auth` is USER:PASSWORD in base64; "
            "`docker logout` and `docker login` write that anew.",
        ) from error


def login(registry: str) -> Login | None:
    """The login to a registry from Docker's own configuration, or null if there is none.

    Raises :class:`ImageUnavailable` if a credential helper does not give it, and
    :class:`UsageError` for a configuration that cannot be read.
    """
    host = None if registry == DOCKER_HUB else registry
    known = configuration()
    try:
        store = known.get_credential_store(host)
        if store and shutil.which(f"{PROGRAM_PREFIX}{store}") is None:
            raise DockerException("it is not installed")  # the library would only warn of it
        found = known.resolve_authconfig(host) or {}
    except _NONSENSE as error:
        program = f"{PROGRAM_PREFIX}{known.get_credential_store(host)}"
        raise ImageUnavailable(
            f"Docker's login to {registry} cannot be had from {one_line(program, 60)}: "
            f"{one_line(str(error.__cause__ or error))}",
            remedy=f"Mend or install that program, or take it out of {_file()}.",
            fault=Fault.TOOL,
        ) from error
    # A helper's answer is written with capitals.
    told = {name.lower(): value for name, value in found.items()}
    if told.get("identitytoken"):
        return IDENTITY, str(told["identitytoken"])
    if told.get("username") and told.get("password"):
        return str(told["username"]), str(told["password"])
    return None


def for_engine(found: Login | None) -> dict[str, str]:
    """A login as the engine takes it along with a pull; nothing for none."""
    if found is None:
        return {}
    user, secret = found
    if user == IDENTITY:
        return {"identitytoken": secret}
    return {"username": user, "password": secret}


def _file() -> str:
    return os.fsdecode(find_config_file() or "config.json")  # type: ignore[arg-type]


# The library takes files and answers of helpers for what they ought to be.
_NONSENSE = (DockerException, ValueError, TypeError, AttributeError, KeyError)
