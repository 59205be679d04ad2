"""Results that are not in the ledger yet, as files, so that none is lost whatever happens to it.

Each is written before it is recorded, and removed after. What is left of a command that ended
before its database answered is taken in by the next one with the same folder and ledger.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from certify.ledger.store import Ledger
from certify.model.errors import LedgerUnavailable, NotRecordable
from certify.model.result import Result
from certify.util.files import write_atomically
from certify.util.strict_json import read_json
from certify.util.text import counted, one_line, safe_json

FOLDER = "unrecorded"


@dataclass(frozen=True, slots=True)
class Outbox:
    """The files for one ledger in a folder."""

    folder: Path
    ledger: str
    """The ledger's name, without a password."""

    def keep(self, recording: str, result: Result) -> None:
        """Write a file for a result that is to be recorded by this name. Raises OSError."""
        document = result.model_dump(mode="json", by_alias=True)
        content = safe_json({"ledger": self.ledger, "result": document}) + "\n"
        write_atomically(self._file(recording), content)

    def drop(self, recording: str) -> None:
        """Remove the file of a result that is recorded. Raises OSError."""
        self._file(recording).unlink(missing_ok=True)

    def has(self, recording: str) -> bool:
        """Return True if there is a file for a recording."""
        return self._file(recording).exists()

    def remove_if_empty(self) -> None:
        """Remove the folder if no file is left in it."""
        with suppress(OSError):
            self.folder.rmdir()

    def left(self) -> tuple[list[tuple[str, Result]], list[Path]]:
        """Return what is left here for this ledger, with its recordings, and unreadable files.

        The oldest result is the first. Files of other ledgers are left out. Raises OSError.
        """
        found, unreadable = [], []
        for path in sorted(self.folder.glob("*.json")):
            try:
                content = read_json(path.read_text("utf-8"))
                if content["ledger"] == self.ledger:
                    found.append((path.stem, Result.model_validate(content["result"])))
            except FileNotFoundError:
                continue  # another process has just recorded it
            except (ValueError, KeyError, TypeError, ValidationError):
                unreadable.append(path)
        return sorted(found, key=lambda each: (each[1].finished_at, each[0])), unreadable

    def _file(self, recording: str) -> Path:
        return self.folder / f"{recording}.json"


def take_in(outbox: Outbox, ledger: Ledger) -> Iterator[str]:
    """Record what earlier commands could not, and yield lines that report it.

    A ledger that fails again ends it: the next command tries again.
    """
    count = 0
    try:
        found, unreadable = outbox.left()
        for path in unreadable:
            yield f"{path} holds no result that can be read: repair or remove it"
        for recording, result in found:
            try:
                ledger.record(result, recording)
                count += 1
            except NotRecordable as error:
                yield f"not recorded: {error.message}"
            outbox.drop(recording)
    except (LedgerUnavailable, OSError) as error:
        yield f"results in {outbox.folder} are not recorded yet: {one_line(str(error))}"
    if count:
        outbox.remove_if_empty()
        results = counted(count, "result")
        yield f"{results} of an earlier command, kept in {outbox.folder}, are recorded now"
