"""The highest number of each list that was used here, so that no older one is accepted again.

Without this, a signed list that has not expired could be put in place of its successor, to bring
back an image that was taken off. The numbers are in ``$XDG_STATE_HOME/certify/lists.json`` (by
default below ``~/.local/state``), by the list's location and the id of the key that signed it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from certify.model.errors import ListUnavailable, NotBelieved
from certify.util.files import folder_lock, write_atomically


def record_sequence(location: str, keyid: str, sequence: int) -> str | None:
    """Record a list's number if it is the highest so far.

    Return the problem if it cannot be written, else None. Raises :class:`NotBelieved` if a higher
    number is recorded, and :class:`ListUnavailable` if the record cannot be read.
    """
    try:
        file = state_file()
    except RuntimeError:
        return "this user has no home folder, and XDG_STATE_HOME is not set"
    name = f"{location} {keyid}"
    highest = _read(file).get(name, 0)
    if sequence < highest:
        raise NotBelieved(
            f"this list (number {sequence}) is older than one used before (number {highest})",
            remedy="Get the current one. If its publisher started again from number 1,"
            f" remove the list's line from {file}.",
        )
    if sequence == highest:
        return None
    try:
        with folder_lock(file.parent):
            recorded = _read(file)
            recorded[name] = max(sequence, recorded.get(name, 0))
            write_atomically(file, json.dumps(recorded, indent=1, sort_keys=True) + "\n")
    except OSError as error:
        return f"{file} cannot be written ({error.strerror})"
    return None


def state_file() -> Path:
    """Return the path of the record, by the XDG Base Directory Specification."""
    base = os.environ.get("XDG_STATE_HOME", "")
    folder = Path(base) if base.startswith("/") else Path.home() / ".local" / "state"
    return folder / "certify" / "lists.json"


def _read(file: Path) -> dict[str, int]:
    try:
        recorded = json.loads(file.read_bytes())
        if isinstance(recorded, dict) and all(type(each) is int for each in recorded.values()):
            return recorded
        raise ValueError("it holds something else than numbers by name")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as error:
        raise ListUnavailable(
            f"the numbers of lists used before cannot be read: {file}: {error}",
            remedy="Repair or remove that file; without it older lists are not recognized.",
        ) from error
