"""The text of an export: whatever a reader of the ledger cannot take is refused by file and line,
before anything is recorded."""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.ledger.changes import SweepEntry
from certify.ledger.lines import Line, checked, read, written
from certify.ledger.store import Ledger
from certify.model.errors import BadExport
from certify.model.shard import Shard
from certify.model.terms import Grade, Status
from tests.conftest import Certify
from tests.factories import a_certificate, digest

Place = tuple[str | int, ...]
ENTRIES = [
    SweepEntry("a:1", "linux/amd64", "plain", digest(1), Status.CERTIFIED, Grade.NATIVE, 0.5),
    SweepEntry("b:1", "", "plain", "", Status.INCONCLUSIVE, document='{"a": 1}'),
]
RESULT, REVOCATION, SWEEP = 1, 2, 3
"""The numbers of the lines, from 0; below them is the last one."""
END = '{"kind": "end", "lines": 1}'


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """An export with a result, a revocation and a sweep of a shard."""
    with Ledger.open(str(tmp_path_factory.mktemp("exported") / "x.db")) as ledger:
        ledger.record(a_certificate(), "once")
        ledger.revocations.add(digest(2), "b:1", "a miner")
        number = ledger.sweeps.begin("images.txt", "host/1/1", lambda _: True, "1/2")
        ledger.sweeps.finish(number, ENTRIES)
        return list(written(ledger.exchange.fields()))


def read_all(lines: Iterable[str]) -> list[Line]:
    return list(read([line.encode() for line in lines], "x.jsonl"))


def with_field(lines: list[str], number: int, place: Place, value: Any) -> list[str]:
    """The lines, with another value at a place in one of them."""
    fields = json.loads(lines[number])
    found = fields
    for step in place[:-1]:
        found = found[step]
    found[place[-1]] = value
    return [*lines[:number], json.dumps(fields) + "\n", *lines[number + 1 :]]


def test_an_export_is_read(exported: list[str]) -> None:
    assert [each.kind for each in read_all(exported)] == ["result", "revocation", "sweep"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda lines: lines[:-1], "x.jsonl is cut off after 3 lines"),
        (lambda lines: [lines[0], lines[-1]], "x.jsonl is cut off after 0 lines"),
        (lambda lines: [], "is cut off"),
        (lambda lines: lines[1:], "x.jsonl:1: no export of this version"),
        (lambda lines: ["{}"], "x.jsonl:1: no export"),
        (lambda lines: ["[]"], "x.jsonl:1: "),
        (lambda lines: [lines[0], "{", *lines[1:]], "x.jsonl:2: Expecting property name"),
        (lambda lines: [lines[0], "[]", *lines[1:]], "x.jsonl:2: Input should be a valid dict"),
        (lambda lines: [lines[0], '{"kind": "more"}', END], "x.jsonl:2: .*'more'"),
        (lambda lines: [lines[0], '{"kind": "sweep"}', END], "x.jsonl:2: source: Field required"),
        (lambda lines: [*lines[:2], '{"kind": "result"}', END], "x.jsonl:3: recording: Field req"),
        (lambda lines: [lines[0], "[" * 200_000, *lines[1:]], "x.jsonl:2: it is nested too deeply"),
    ],
)
def test_a_file_that_is_no_export_is_refused(
    exported: list[str], change: Callable[[list[str]], list[str]], told: str
) -> None:
    with pytest.raises(BadExport, match=told) as refused:
        read_all(change(exported))
    assert re.search("certify ledger export|copy it again", refused.value.remedy)


@pytest.mark.parametrize(
    ("number", "place", "value", "told"),
    [
        (RESULT, ("recording",), {}, "recording: Input should be a valid string"),
        (RESULT, ("recording",), "", "recording: String should have at least 1 character"),
        (RESULT, ("result",), [], "result: Input should be a valid dictionary"),
        (RESULT, ("result", "finished_at"), None, "result: finished_at: Input should be a valid"),
        (RESULT, ("result", "finished_at"), "2026-03-01T12:00:00", "result: .*have timezone"),
        (RESULT, ("result", "startup", "boot_seconds"), float("nan"), "NaN is no number"),
        (REVOCATION, ("digest",), None, "digest: Input should be a valid string"),
        (REVOCATION, ("reason",), {}, "reason: Input should be a valid string"),
        (REVOCATION, ("revoked_at",), None, "revoked_at: Input should be a valid datetime"),
        (REVOCATION, ("lifted_at",), "soon", "lifted_at: Input should be a valid datetime"),
        (REVOCATION, ("more",), 1, "more: Extra inputs are not permitted"),
        (SWEEP, ("shard",), "x", "shard: 'x' is not a shard"),
        (SWEEP, ("shard",), "*", "shard: '\\*' is not a shard"),
        (SWEEP, ("shard",), None, "shard: Input should be a valid string"),
        (SWEEP, ("source",), ["a"], "source: Input should be a valid string"),
        (SWEEP, ("started_at",), "0001-01-01T00:00:00+14:00", "started_at: no moment that UTC has"),
        (SWEEP, ("finished_at",), None, "finished_at: Input should be a valid datetime"),
        (SWEEP, ("entries",), {}, "entries: Input should be a valid tuple"),
        (SWEEP, ("entries", 1, "status"), "good", "entries.1.status: Input should be 'certified'"),
        (SWEEP, ("entries", 0, "grade"), "gold", "entries.0.grade: Input should be 'native'"),
        (SWEEP, ("entries", 0, "boot_seconds"), "fast", "entries.0.boot_seconds: "),
        (SWEEP, ("entries", 0, "cause"), "\ud800", "'utf-8' codec can't encode"),
        (SWEEP, ("entries", 0, "more"), 1, "entries.0.more: Unexpected keyword argument"),
        (SWEEP, ("entries",), [{}], "entries.0.reference: Field required"),
    ],
)
def test_a_field_that_no_reader_could_take_is_named(
    exported: list[str], number: int, place: Place, value: Any, told: str
) -> None:
    with pytest.raises(BadExport, match=f"x.jsonl:{number + 1}: {told}"):
        read_all(with_field(exported, number, place, value))


def test_an_image_is_in_a_sweep_once(exported: list[str]) -> None:
    entry = json.loads(exported[SWEEP])["entries"][0]
    lines = with_field(exported, SWEEP, ("entries",), [entry, {**entry, "status": "rejected"}])
    with pytest.raises(BadExport, match=r"x.jsonl:4: entries: a:1 is in it twice"):
        read_all(lines)


def test_bytes_that_are_no_text_have_their_line(exported: list[str]) -> None:
    lines = [line.encode() for line in exported]
    with pytest.raises(BadExport, match=r"x.jsonl:3: 'utf-8' codec can't decode byte 0xff"):
        list(read([*lines[:2], b'{"kind": "\xff"}\n', *lines[2:]], "x.jsonl"))


def test_a_pipe_is_read_to_its_end_before_anything_is_recorded(exported: list[str]) -> None:
    raw = "".join(exported).encode()
    for text, count in ((raw, 3), (raw[:-20], 0)):
        reading, writing = os.pipe()
        with os.fdopen(writing, "wb") as end:
            end.write(text)
        with os.fdopen(reading, "rb") as pipe:
            assert not pipe.seekable()
            if count:
                with checked(pipe, "-") as lines:
                    assert len(list(lines)) == count
            else:
                with pytest.raises(BadExport, match="-:5: "), checked(pipe, "-"):
                    pass


def test_nothing_is_recorded_of_files_of_which_one_is_wrong(
    certify: Certify, exported: list[str], tmp_path: Path
) -> None:
    (tmp_path / "good.jsonl").write_text("".join(exported), "utf-8")
    wrong = "".join(with_field(exported, SWEEP, ("shard",), "x"))
    (tmp_path / "wrong.jsonl").write_text(wrong, "utf-8")
    ended = certify("ledger", "import", "good.jsonl", "wrong.jsonl")
    assert (ended.code, ended.out) == (2, "")
    first, second = ended.err.splitlines()
    assert first == "certify: wrong.jsonl:4: shard: 'x' is not a shard; expected for example 3/8"
    assert "Give a file that `certify ledger export` of this version wrote." in second
    assert "Nothing is recorded yet" in certify("matrix").err
    assert certify("ledger", "import", "good.jsonl").code == 0
    assert certify("ledger", "merge").code == 3, "the other shard did not end"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text()
    | st.sampled_from(["x", "3/8", "0/0", "linux/amd64", "rejected", "2026-03-01T12:00:00Z"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=4,
)  # fmt: skip


@settings(derandomize=True)
@given(st.data())
def test_what_is_taken_in_can_be_read(exported: list[str], data: st.DataObject) -> None:
    number = data.draw(st.sampled_from([RESULT, REVOCATION, SWEEP]))
    place: Place = ()
    found = json.loads(exported[number])
    while not place or (isinstance(found, dict | list) and found and data.draw(st.booleans())):
        steps = sorted(found) if isinstance(found, dict) else range(len(found))
        step = data.draw(st.sampled_from(steps))
        place, found = (*place, step), found[step]
    lines = with_field(exported, number, place, data.draw(JSON))
    file = io.BytesIO("\n".join(line.rstrip("\n") for line in lines).encode())
    with Ledger.open("sqlite://") as ledger:
        try:
            with checked(file, "x.jsonl") as checked_lines:
                ledger.exchange.take_in([checked_lines])
        except BadExport:
            assert ledger.sweeps.waiting() == ledger.sweeps.finished(None) == []
            return
        for sweep in [*ledger.sweeps.waiting(), *ledger.sweeps.finished(None)]:
            assert not sweep.shard or Shard.parse(sweep.shard)
            ledger.sweeps.entries(sweep.id)
        ledger.revocations.in_force()
        ledger.matrix_results()
        read_all(written(ledger.exchange.fields()))
