"""Types of parameters, and groups of options that a command gets as one value."""

from __future__ import annotations

import functools
import inspect
import math
import os
import re
from collections.abc import Callable
from typing import Any, TypeVar, cast

import click

from certify.model.platform import ALL, PLATFORM, normalize_platform
from certify.util.text import without_passwords

_ARCHITECTURE = r"linux/[a-z0-9_]+(?:/v[0-9.]+)?"
_ENGINE = r"unix:///.+|ssh://[^/\s]+|tcp://[^/\s]+:[0-9]{1,5}"
F = TypeVar("F", bound=Callable[..., Any])


def grouped(
    name: str, value: Callable[..., object], *options: Callable[[Any], Any]
) -> Callable[[F], F]:
    """Return a decorator that adds options, in their order, and passes them on as one value.

    ``value`` is called with them, by the names of its parameters; the command gets the result
    under ``name``.
    """
    own = inspect.signature(value).parameters

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def command(**parameters: Any) -> object:
            group = value(**{each: parameters.pop(each) for each in own if each in parameters})
            return function(**parameters, **{name: group})

        decorated: Callable[..., Any] = command
        for option in reversed(options):
            decorated = option(decorated)
        return cast(F, decorated)

    return decorate


def size(value: object) -> str:
    """Return an amount of bytes in Docker's notation; the engine does the arithmetic."""
    text = str(value).lower()
    if not re.fullmatch(r"[1-9][0-9]*[bkmg]?", text):
        raise click.BadParameter(f"{value!r} is not a size; expected for example 512m or 4g")
    return text


class FiniteNumber(click.FloatRange):
    """A number that is neither nan nor infinity."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Check the form and the bounds."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number", param, ctx)
        return number


def host_or_range(value: object) -> str:
    """Return a host, or an address or range of IPv4; a name is resolved when it is needed."""
    from certify.engine.firewall import is_host, range_of  # noqa: PLC0415 - few commands need it

    text = str(value)
    if not range_of(text) and not is_host(text):
        raise click.BadParameter(
            f"{text!r} is no host, and no address or range of IPv4;"
            " expected for example mirror.example, 10.1.2.3 or 10.1.0.0/16"
        )
    return text


def platform(value: object) -> str:
    """Return a platform's normal form; only the registry knows the platforms of an image."""
    text = str(value)
    if not PLATFORM.fullmatch(text) or not text.startswith("linux/"):
        raise click.BadParameter(f"{value!r} is not a platform; expected for example linux/arm64")
    return normalize_platform(text)


def platform_or_all(value: object) -> str:
    """Return a platform's normal form, or the word for every one of an index."""
    return ALL if value == ALL else platform(value)


def engine_address(value: object) -> tuple[str, str]:
    """Split a text such as ``arm64=tcp://HOST:PORT``; nothing is connected to yet.

    The result is the platform whose images are for the engine, and its address.
    """
    name, _, place = str(value).partition("=")
    name = name if name.startswith("linux/") else f"linux/{name}"
    shape = "expected ARCH=ADDRESS, such as arm64=ssh://user@host or arm/v7=tcp://host:2376"
    if not re.fullmatch(_ARCHITECTURE, name) or not re.fullmatch(_ENGINE, place):
        shown = without_passwords(str(value))
        raise click.BadParameter(f"{shown!r} names no engine; {shape}")
    # "arm" is for all its variants, so it stays as it is.
    return name if name.count("/") == 1 else normalize_platform(name), place


def variable(value: object) -> tuple[str, str]:
    """Return name and value of NAME=VALUE, or of NAME the value that it has here."""
    name, given, content = str(value).partition("=")
    if not name or "\0" in content:
        raise click.BadParameter("expected NAME=VALUE")
    if not given and name not in os.environ:
        raise click.BadParameter(f"{name} has no value in this environment; write {name}=VALUE")
    return name, content if given else os.environ[name]


def address(value: object) -> tuple[str, int]:
    """Return host and port of HOST[:PORT], by default 443; containers find out if it answers."""
    label = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
    found = re.fullmatch(rf"({label}(?:\.{label})*)(?::([0-9]{{1,5}}))?", str(value))
    if not found or len(found[1]) > 230 or not 1 <= int(found[4] or 443) <= 65535:
        raise click.BadParameter(f"{value!r} is not HOST[:PORT], such as registry.example:5000")
    return found[1], int(found[4] or 443)
