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
            group = value(**{each: parameters.pop(each) for each in own})
            return function(**parameters, **{name: group})

        decorated: Callable[..., Any] = command
        for option in reversed(options):
            decorated = option(decorated)
        return cast(F, decorated)

    return decorate


class Memory(click.ParamType[str]):
    """An amount of memory in Docker's notation."""

    name = "size"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """Check the form; the engine does the arithmetic."""
        text = str(value).lower()
        if not re.fullmatch(r"[1-9][0-9]*[bkmg]?", text):
            self.fail(f"{value!r} is not a size; expected for example 512m or 4g", param, ctx)
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


class Platform(click.ParamType[str]):
    """A platform, OS/ARCH or OS/ARCH/VARIANT."""

    name = "os/arch"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """Check the form; only the registry knows the platforms of an image."""
        text = str(value)
        if not PLATFORM.fullmatch(text) or not text.startswith("linux/"):
            self.fail(f"{value!r} is not a platform; expected for example linux/arm64", param, ctx)
        return normalize_platform(text)


class PlatformOrAll(Platform):
    """A platform, or every one of an index."""

    name = "os/arch|all"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """Check the form."""
        return ALL if value == ALL else super().convert(value, param, ctx)


class EngineAddress(click.ParamType[tuple[str, str]]):
    """The address of a container engine, and the platform whose images are for it."""

    name = "arch=address"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Split a text such as ``arm64=tcp://HOST:PORT``; nothing is connected to yet."""
        platform, _, address = str(value).partition("=")
        platform = platform if platform.startswith("linux/") else f"linux/{platform}"
        shape = "expected ARCH=ADDRESS, such as arm64=ssh://user@host or arm/v7=tcp://host:2376"
        if not re.fullmatch(_ARCHITECTURE, platform) or not re.fullmatch(_ENGINE, address):
            self.fail(f"{value!r} names no engine; {shape}", param, ctx)
        # "arm" is for all its variants, so it stays as it is.
        return platform if platform.count("/") == 1 else normalize_platform(platform), address


class Variable(click.ParamType[tuple[str, str]]):
    """A variable of an environment: NAME=VALUE, or NAME for the value that it has here."""

    name = "name=value"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Split a text into name and value."""
        name, given, content = str(value).partition("=")
        if not name or "\0" in content:
            self.fail("expected NAME=VALUE", param, ctx)
        if not given and name not in os.environ:
            self.fail(f"{name} has no value in this environment; write {name}=VALUE", param, ctx)
        return name, content if given else os.environ[name]


class Address(click.ParamType[tuple[str, int]]):
    """HOST[:PORT]; the default port is 443."""

    name = "host[:port]"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        """Check the form; containers find out if the host answers."""
        label = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
        found = re.fullmatch(rf"({label}(?:\.{label})*)(?::([0-9]{{1,5}}))?", str(value))
        if not found or len(found[1]) > 230 or not 1 <= int(found[4] or 443) <= 65535:
            self.fail(f"{value!r} is not HOST[:PORT], such as registry.example:5000", param, ctx)
        return found[1], int(found[4] or 443)
