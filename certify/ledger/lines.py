"""The lines of an export: what may stand in them, and the way from their text and back.

The first line names the version, the last one says how many came before it; so a file that was cut
off is recognised. Every other line is a result, a revocation or a sweep::

    {"schema": "certify/ledger/v1"}
    {"kind": "result", "recording": "5f0c…", "result": {…}}
    {"kind": "revocation", "digest": "sha256:…", "revoked_at": "…", …}
    {"kind": "sweep", "source": "images.txt", "shard": "3/8", "entries": […], …}
    {"kind": "end", "lines": 3}

Whatever a ledger's readers rely on is checked here, before any of it is recorded.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from tempfile import TemporaryFile
from typing import IO, Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, field_validator
from pydantic_core import ErrorDetails

from certify.ledger.changes import SweepEntry
from certify.model.errors import BadExport
from certify.model.shard import Shard
from certify.model.value import Moment, OpenValue, Value
from certify.util.strict_json import read_json
from certify.util.text import counted, one_line, safe_json

SCHEMA = "certify/ledger/v1"
RESULT, REVOCATION, SWEEP_LINE, END = "result", "revocation", "sweep", "end"


class _Ended(OpenValue):
    finished_at: Moment


class ResultLine(Value, defer_build=True):
    """A result, whose other fields are read when it is recorded."""

    kind: Literal["result"]
    recording: str = Field(min_length=1)
    result: dict[str, Any]

    @field_validator("result")
    @classmethod
    def _has_a_moment(cls, result: dict[str, Any]) -> dict[str, Any]:
        try:
            _Ended.model_validate(result)
        except ValidationError as error:
            raise ValueError(_first_problem(error.errors()[0])) from error
        return result

    @property
    def finished_at(self) -> datetime:
        """The moment at which the certification ended."""
        return _Ended.model_validate(self.result).finished_at


class RevocationLine(Value, defer_build=True):
    """A revocation; ``lifted_at`` is None while it is in force."""

    kind: Literal["revocation"]
    digest: str
    reference: str
    reason: str
    revoked_at: Moment
    lifted_at: Moment | None
    lifted_because: str | None


class SweepLine(Value, defer_build=True):
    """A sweep that ended, of a whole list or of a shard."""

    model_config = ConfigDict(allow_inf_nan=False)

    kind: Literal["sweep"]
    source: str
    shard: str
    owner: str
    started_at: Moment
    finished_at: Moment
    entries: tuple[SweepEntry, ...]

    @field_validator("shard")
    @classmethod
    def _is_a_shard(cls, shard: str) -> str:
        if shard:
            Shard.parse(shard)
        return shard

    @field_validator("entries")
    @classmethod
    def _are_of_different_images(cls, entries: tuple[SweepEntry, ...]) -> tuple[SweepEntry, ...]:
        keys = set()
        for each in entries:
            if each.key in keys:
                raise ValueError(f"{each.reference} is in it twice")
            keys.add(each.key)
        return entries


Line = ResultLine | RevocationLine | SweepLine
_ADAPTER: TypeAdapter[Line] = TypeAdapter(
    Annotated[Line, Field(discriminator="kind")], config=ConfigDict(defer_build=True)
)


def parse(fields: Any) -> Line:
    """Return a line from its JSON. Raises ValueError, which names the first field that is wrong."""
    try:
        return _ADAPTER.validate_python(fields)
    except ValidationError as error:
        first = error.errors()[0]
        place = first["loc"][1:]  # after the kind
        raise ValueError(_first_problem({**first, "loc": place})) from error


def _first_problem(found: ErrorDetails) -> str:
    place, text = ".".join(map(str, found["loc"])), found["msg"].removeprefix("Value error, ")
    return f"{place}: {text}" if place else text


def read(texts: Iterable[bytes], source: str) -> Iterator[Line]:
    """Yield the lines of an export from its text. Raises :class:`BadExport`."""
    count, ended = 0, False
    for number, text in enumerate(texts):
        try:
            fields = _fields(text)
            if number == 0:
                if not isinstance(fields, dict) or fields.get("schema") != SCHEMA:
                    raise ValueError(f"no export of this version of certify, {SCHEMA}")
                continue
            if isinstance(fields, dict) and fields.get("kind") == END:
                ended = fields.get("lines") == count
                break
            line = parse(fields)
        except ValueError as error:
            raise BadExport(
                f"{source}:{number + 1}: {one_line(str(error), 200)}",
                remedy="Give a file that `certify ledger export` of this version wrote.",
            ) from error
        count += 1
        yield line
    if not ended:
        raise BadExport(
            f"{source} is cut off after {counted(count, 'line')}",
            remedy="Export or copy it again, then repeat this; nothing is recorded twice.",
        )


def _fields(text: bytes) -> Any:
    """Return the content of a line. Raises ValueError, also for text that no ledger can store."""
    fields = read_json(text.decode())
    if b"\\ud" in text.lower():  # half a character, which JSON can have and UTF-8 cannot
        json.dumps(fields, ensure_ascii=False).encode()
    return fields


@contextmanager
def checked(file: IO[bytes], source: str) -> Iterator[Iterator[Line]]:
    """Read an export to its end, then yield its lines; a pipe is copied to a file for that.

    So nothing is recorded of an export that has a wrong line. Raises :class:`BadExport`.
    """
    if file.seekable():
        begin = file.tell()
        deque(read(file, source), maxlen=0)
        file.seek(begin)
        yield read(file, source)
        return
    with TemporaryFile() as copy:
        deque(read(_copied(file, copy), source), maxlen=0)
        copy.seek(0)
        yield read(copy, source)


def _copied(file: IO[bytes], copy: IO[bytes]) -> Iterator[bytes]:
    for line in file:
        copy.write(line)
        yield line


def written(lines: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Yield the lines of an export as text."""
    yield safe_json({"schema": SCHEMA}) + "\n"
    count = 0
    for count, line in enumerate(lines, start=1):  # noqa: B007 - for the last line
        moments = {key: value for key, value in line.items() if isinstance(value, datetime)}
        texts = {key: value.isoformat() for key, value in moments.items()}
        yield safe_json({**line, **texts}) + "\n"
    yield safe_json({"kind": END, "lines": count}) + "\n"
