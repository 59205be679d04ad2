"""Words that are commands, or nearly so, where images are expected."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Iterable

import click

from certify.model.errors import UsageError


def images_among(command: click.Command, words: Iterable[str]) -> tuple[str, ...]:
    """Return what a command would take for its images; none if it does not understand the words."""
    with contextlib.suppress(click.UsageError):  # the command tells of that itself
        parser = command.make_parser(click.Context(command, resilient_parsing=True))
        found = parser.parse_args([*words])[0].get("images")
        return found if isinstance(found, tuple) else ()
    return ()


def require_image(word: str, commands: Collection[str]) -> None:
    """Raise :class:`UsageError` for a bare word that is a command, or nearly one.

    Pulling and starting an image that happens to have that name would be a surprise.
    """
    remedy = f"If it is an image, name its tag: certify {word}:latest"
    if word in commands:
        raise UsageError(
            f"{word} is a command, and comes first: certify {word}, then options and arguments.",
            remedy=remedy,
        )
    if not re.fullmatch(r"[a-z]+", word):
        return
    import difflib  # noqa: PLC0415 - for few command lines

    swapped = [each for each in commands if set(each) == set(word)]
    for near in difflib.get_close_matches(word, commands, 1, cutoff=0.75) or swapped:
        raise UsageError(f"{word} is not a command. Did you mean {near}?", remedy=remedy)
