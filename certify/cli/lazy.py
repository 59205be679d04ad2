"""Commands that are imported when they are called: most start in half the time for it."""

from __future__ import annotations

from collections import UserDict
from collections.abc import Mapping
from importlib import import_module

import click


class Commands(UserDict[str, click.Command]):
    """Commands by name; made of ``{name: "module:attribute"}``."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = dict(places)
        super().__init__(dict.fromkeys(places, click.Command(None)))

    def __getitem__(self, name: str) -> click.Command:
        """The command, imported now if it was not before."""
        if name in self._places:
            module, _, attribute = self._places.pop(name).partition(":")
            self.data[name] = getattr(import_module(module), attribute)
        return self.data[name]
