"""Logins to registries, as ``docker login`` stores them; no engine is needed."""

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
    """Return the logins of Docker's own configuration. Raises :class:`UsageError`."""
    try:
        return load_config()
    except _ERRORS as error:
        raise UsageError(
            f"{_file()}: its logins cannot be read: {one_line(str(error))}",
            remedy="Each of its `auths` is an object whose `auth` is USER:PASSWORD in base64; "
            "`docker logout` and `docker login` write that anew.",
        ) from error


def login(registry: str) -> Login | None:
    """Return the login to a registry from Docker's own configuration, or None if there is none.

    Raises :class:`ImageUnavailable` if a credential helper fails, and :class:`UsageError` for a
    configuration that cannot be read.
    """
    host = None if registry == DOCKER_HUB else registry
    logins = configuration()
    try:
        store = logins.get_credential_store(host)
        if store and shutil.which(f"{PROGRAM_PREFIX}{store}") is None:
            raise DockerException("it is not installed")  # the library would only warn of it
        found = logins.resolve_authconfig(host) or {}
    except _ERRORS as error:
        program = f"{PROGRAM_PREFIX}{logins.get_credential_store(host)}"
        raise ImageUnavailable(
            f"Docker's login to {registry} cannot be had from {one_line(program, 60)}: "
            f"{one_line(str(error.__cause__ or error))}",
            remedy=f"Repair or install that program, or take it out of {_file()}.",
            fault=Fault.TOOL,
        ) from error
    # A helper's answer is written with capitals.
    fields = {name.lower(): value for name, value in found.items()}
    if fields.get("identitytoken"):
        return IDENTITY, str(fields["identitytoken"])
    if fields.get("username") and fields.get("password"):
        return str(fields["username"]), str(fields["password"])
    return None


def for_engine(found: Login | None) -> dict[str, str]:
    """Return a login in the form that the engine takes with a pull; empty without one."""
    if found is None:
        return {}
    user, secret = found
    if user == IDENTITY:
        return {"identitytoken": secret}
    return {"username": user, "password": secret}


def _file() -> str:
    return os.fsdecode(find_config_file() or "config.json")  # type: ignore[arg-type]


# The library expects files and answers of helpers to be well-formed.
_ERRORS = (DockerException, ValueError, TypeError, AttributeError, KeyError)
