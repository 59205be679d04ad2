"""The highest number of each list that was seen here, so that no older one is believed again.

A signed list that is not yet expired could else be put in place of its successor, to bring an
image back that was taken off. Kept in ``$XDG_STATE_HOME/certify/lists.json`` (by default below
``~/.local/state``), by the list's place and the key that it is signed with.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from certify.model.errors import ListUnavailable, NotBelieved
from certify.util.files import folder_lock, write_atomically


def remember(location: str, keyid: str, sequence: int) -> str | None:
    """Compare a list's number with the highest seen, and keep the higher.

    Raises :class:`NotBelieved` for an older list than one seen before, and
    :class:`ListUnavailable` if what was kept cannot be read. Returns why it could not be
    written, or null.
    """
    try:
        file = state_file()
    except RuntimeError:
        return "this user has no home folder, and XDG_STATE_HOME is not set"
    name = f"{location} {keyid}"
    known = _known(file).get(name, 0)
    if sequence < known:
        raise NotBelieved(
            f"this list (number {sequence}) is older than one seen before (number {known})",
            remedy="Get the current one. If whoever publishes it has begun anew,"
            f" take its line out of {file}.",
        )
    if sequence == known:
        return None
    try:
        with folder_lock(file.parent):
            kept = _known(file)
            kept[name] = max(sequence, kept.get(name, 0))
            write_atomically(file, json.dumps(kept, indent=1, sort_keys=True) + "\n")
    except OSError as error:
        return f"{file} cannot be written ({error.strerror})"
    return None


def state_file() -> Path:
    """Where it is kept, by the XDG Base Directory Specification."""
    base = os.environ.get("XDG_STATE_HOME", "")
    folder = Path(base) if base.startswith("/") else Path.home() / ".local" / "state"
    return folder / "certify" / "lists.json"


def _known(file: Path) -> dict[str, int]:
    try:
        kept = json.loads(file.read_bytes())
        if isinstance(kept, dict) and all(type(number) is int for number in kept.values()):
            return kept
        raise ValueError("not numbers by name")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as error:
        raise ListUnavailable(
            f"what was kept of lists seen before cannot be read: {file}: {error}",
            remedy="Mend or remove that file; without it older lists are not known again.",
        ) from error
