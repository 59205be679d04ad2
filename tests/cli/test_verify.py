"""``certify verify`` as programs call it: exit codes, one line, no secrets."""

from __future__ import annotations

import contextlib
import gzip
import importlib
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from certify.cli.main import main
from certify.model.approved import Approved, ApprovedList, Revocation
from certify.model.platform import host_platform
from certify.signing.attestations import Signer
from certify.signing.keys import read_private
from certify.signing.replay_protection import state_file
from certify.util.text import safe_json
from tests.conftest import command
from tests.factories import NOW, a_list, an_entry, digest, digest_of

pytestmark = pytest.mark.usefixtures("two_pairs")

NAME = "registry.invalid/team/app"
PIN = f"{NAME}@{digest(1)}"
HERE = host_platform()


def entry(**fields: object) -> Approved:
    return an_entry(**({"platform": HERE, "profile": "devspace"} | fields))


def listed(*images: Approved, **fields: Any) -> ApprovedList:
    return a_list(*(images or (entry(),)), **fields)


def write(found: ApprovedList, sign: str | None = "team", name: str = "list.json") -> None:
    raw = safe_json(found.model_dump(mode="json", by_alias=True)).encode()
    Path(name).write_bytes(raw)
    if sign:
        key = read_private(Path(f"{sign}.key"), lambda: b"")
        signature, bundle = Signer(key, lambda _: None).sign_list(digest_of(raw), found, name)
        Path(signature).write_bytes(bundle)


def verify(*words: str) -> Result:
    return CliRunner().invoke(main, ["verify", "--approved", "list.json", *words])


def test_approved() -> None:
    write(listed())
    for image in (PIN, f"{NAME}@{digest(2)}"):
        ended = verify(image, "--key", "team.pub")
        assert ended.exit_code == 0
        assert ended.stdout.startswith(f"approved: {image}: native for devspace on {HERE}, until ")
        assert (len(ended.stdout.splitlines()), ended.stderr) == (1, "")
    as_json = verify(f"{NAME}:9@{digest(1)}", "--format", "json")
    assert verify(f"{NAME}:9@{digest(1)}", "--json").stdout == as_json.stdout, "its former name"
    told = json.loads(as_json.stdout)
    assert (told["approved"], told["digest"], told["pin"]) == (True, digest(1), PIN)
    same = {"linux/amd64": "linux/amd64/v1", "linux/arm64": "linux/arm64/v8"}.get(HERE, HERE)
    assert verify(PIN, "--platform", same).exit_code == 0


def test_the_list_is_in_the_folder_of_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("reports", "out", "else"):
        Path(name).mkdir()
    write(listed(), sign=None, name="out/approved-images.json")
    named = CliRunner().invoke(main, ["verify", "--reports", "out", PIN])
    assert named.exit_code == 0, named.stderr
    assert CliRunner().invoke(main, ["verify", PIN]).exit_code == 3
    monkeypatch.setenv("CERTIFY_REPORTS", "out")
    assert CliRunner().invoke(main, ["verify", PIN]).exit_code == 0
    assert CliRunner().invoke(main, ["verify", "--reports", "else", PIN]).exit_code == 3


REFUSALS: dict[str, tuple[ApprovedList, list[str], str, str]] = {
    "moved": (listed(), [f"{NAME}@{digest(5)}"], "moved", "this digest is not on the list"),
    "other repository": (listed(), [f"a.invalid/x@{digest(1)}"], "unlisted", "nothing of a.in"),
    "other profile": (listed(), [PIN, "--profile", "plain"], "profile", "not for plain"),
    "other platform": (
        listed(), [PIN, "--platform", "linux/s390x"], "platform", "not for linux/s390x",
    ),
    "expired": (listed(entry(expires_at=NOW)), [PIN], "expired", "its certificate expired"),
    "list expired": (listed(expires_at=NOW), [PIN], "list-expired", "the list itself expired"),
    "revoked": (
        listed(revoked=[Revocation(digest=digest(1), reference=PIN, reason="x", revoked_at=NOW)]),
        [PIN], "revoked", "revoked: x",
    ),
    "other key": (listed(), [PIN, "--key", "other.pub"], "signature", "with another key"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
def test_each_refusal_is_exit_1_with_its_reason(name: str) -> None:
    found, words, why, text = REFUSALS[name]
    write(found)
    ended = verify(*words)
    assert (ended.exit_code, ended.stderr) == (1, "")
    assert ended.stdout.startswith("not approved: ")
    assert text in ended.stdout
    assert len(ended.stdout.splitlines()) == 1
    told = json.loads(verify(*words, "--format", "json").stdout)
    assert (told["schema"], told["approved"]) == ("certify/verification/v1", False)
    assert told["reason"] == why
    assert text in told["text"]


def test_unsigned_tampered_and_replayed_lists_are_refused() -> None:
    write(listed(), sign=None)
    ended = verify(PIN, "--key", "team.pub")
    assert (ended.exit_code, "is not signed, but a key was given" in ended.stdout) == (1, True)
    assert verify(PIN).exit_code == 0, "nobody asked for a signature"

    write(listed(sequence=8))
    assert verify(PIN, "--key", "team.pub").exit_code == 0
    text = Path("list.json").read_text()
    Path("list.json").write_text(text.replace(digest(1), digest(6)))
    ended = verify(f"{NAME}@{digest(6)}", "--key", "team.pub")
    assert (ended.exit_code, "it was changed or exchanged" in ended.stdout) == (1, True)

    write(listed(sequence=7))
    ended = verify(PIN, "--key", "team.pub")
    assert (ended.exit_code, "is older than one used before (number 8)" in ended.stdout) == (
        1,
        True,
    )
    assert (
        json.loads(verify(PIN, "--key", "team.pub", "--format", "json").stdout)["reason"]
        == "replayed"
    )
    state_file().unlink()
    assert verify(PIN, "--key", "team.pub").exit_code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([PIN, "--approved", "none.json"], "there is no list at"),
        ([PIN, "--approved", "garbage.json"], "cannot be read: it is no certify/approved/v1"),
        ([PIN, "--approved", "http://127.0.0.1:1/list.json"], "cannot be read"),
        (["127.0.0.1:1/team/app:1"], "127.0.0.1:1 does not find"),
    ],
)
def test_what_cannot_be_told_is_exit_3(words: list[str], said: str) -> None:
    write(listed())
    Path("garbage.json").write_text("{}")
    ended = verify(*words)
    assert (ended.exit_code, ended.stdout) == (3, "")
    assert said in ended.stderr
    told = json.loads(verify(*words, "--format", "json").stdout)
    assert (told["approved"], told["reason"]) == (None, "unknown")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["Debian"], "is not an image reference"),
        (["sha256:" + "0" * 64], "an image ID says nothing about where"),
        ([PIN, "--key", "none.pub"], "No such file"),
        ([PIN, "--key", "team.key"], "is a private key"),
        ([PIN, "--key", "list.json"], "is no public key"),
        ([PIN, "--platform", "amd64"], "Write for example linux/arm64"),
        ([PIN, "--attached"], "exclude each other"),
        ([PIN, "--approved", "http://a.invalid/l.json"], "anybody on the way could change"),
        (["--no-such", PIN], "--no-such"),
    ],
)
def test_wrong_usage_is_exit_2(words: list[str], said: str) -> None:
    write(listed())
    ended = verify(*words)
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert said in ended.stderr


@pytest.mark.parametrize(
    "place",
    ["https://me:secret@registry.invalid/x.json", "https://me:secret@registry.invalid:99999/x",
     "http://me:secret@registry.invalid/x", "https://me:secret@[::1/x"],
)  # fmt: skip
def test_the_password_in_a_url_is_not_told(place: str) -> None:
    ended = CliRunner().invoke(main, ["verify", "--format", "json", "--approved", place, PIN])
    assert (ended.exit_code, ended.exception.__class__) in ((2, SystemExit), (3, SystemExit))
    assert "secret" not in ended.output
    assert "registry.invalid" in ended.output or "[::1" in ended.output


@pytest.mark.parametrize("seconds", ["NaN", "Infinity", "1e999"])
def test_a_list_with_a_number_that_json_has_not_is_unusable(seconds: str) -> None:
    write(listed(entry(boot_seconds=1.5)), sign=None)
    raw = Path("list.json").read_text("utf-8")
    assert '"boot_seconds": 1.5' in raw
    Path("list.json").write_text(raw.replace("1.5", seconds), "utf-8")
    ended = verify(PIN, "--format", "json")
    assert (ended.exit_code, json.loads(ended.stdout)["approved"]) == (3, None)
    assert f"list.json cannot be read: it is no certify/approved/v1 ({seconds}" in ended.output


@pytest.fixture
def dripping() -> Iterator[str]:
    """A server whose answer never gets to its end, though every byte comes soon."""
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            with contextlib.suppress(OSError):
                connection, _ = server.accept()
                with connection:
                    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Header: ")
                    while not stop.wait(0.05):
                        connection.sendall(b"x")

        thread = threading.Thread(target=drip)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        stop.set()
        server.shutdown(socket.SHUT_RDWR)  # on a busy machine nobody came in time
        thread.join()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.import_module("certify.cli.verify"), "LIMIT", 0.5)


@pytest.mark.usefixtures("impatient")
def test_nobody_keeps_the_gate_waiting(dripping: str) -> None:
    ended = CliRunner().invoke(main, ["verify", "--approved", f"http://{dripping}/x.json", PIN])
    assert (ended.exit_code, "no answer within 0.5 s" in ended.stderr) == (3, True)


@pytest.mark.usefixtures("impatient")
def test_a_pipe_that_nobody_writes_to_is_no_list() -> None:
    os.mkfifo("list.json")
    ended = verify(PIN, "--format", "json")
    assert (ended.exit_code, json.loads(ended.stdout)["approved"]) == (3, None)
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


OTHER = f"registry.invalid/team/else@{digest(9)}"


def test_several_images_have_a_line_each_in_their_order() -> None:
    write(listed())
    ended = verify(OTHER, PIN, OTHER, f"{NAME}@{digest(2)}", "--key", "team.pub")
    assert (ended.exit_code, ended.stderr) == (1, "")
    lines = [line.partition(": ")[::2] for line in ended.stdout.splitlines()]
    assert [(word, rest.split(": ")[0]) for word, rest in lines] == [
        ("not approved", OTHER), ("approved", PIN), ("approved", f"{NAME}@{digest(2)}"),
    ]  # fmt: skip
    assert verify(PIN, f"{NAME}@{digest(2)}").exit_code == 0
    assert verify(PIN, PIN).stdout == verify(PIN).stdout


def test_several_images_as_json_have_the_fields_of_one() -> None:
    write(listed())
    told = json.loads(verify(OTHER, PIN, "--format", "json", "--key", "team.pub").stdout)
    assert list(told) == ["schema", "images"]
    assert told["schema"] == "certify/verifications/v1"
    for image, found in zip((OTHER, PIN), told["images"], strict=True):
        alone = json.loads(verify(image, "--format", "json", "--key", "team.pub").stdout)
        assert alone.pop("schema") == "certify/verification/v1"
        assert list(found.items()) == list(alone.items())


def test_the_list_is_read_once_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    write(listed())
    calls: list[str] = []

    def count(module: str, name: str) -> None:
        call = getattr(importlib.import_module(module), name)

        def counted(*given: Any) -> Any:
            calls.append(name)
            return call(*given)

        monkeypatch.setattr(f"{module}.{name}", counted)

    count("certify.cli.verify", "read_list")
    count("certify.signing.replay_protection", "record_sequence")
    pins = [f"{NAME}@{digest(number)}" for number in range(20)]
    assert verify(*pins, "--key", "team.pub").exit_code == 1
    assert calls == ["read_list", "record_sequence"]


@pytest.mark.parametrize(
    ("words", "said"),
    [(["Debian"], "is not an image reference"), (["sha256:" + "0" * 64], "an image ID says")],
)
def test_one_wrong_image_of_several_is_wrong_usage(words: list[str], said: str) -> None:
    ended = verify(PIN, *words, "--approved", "none.json")  # there is none, and nobody looked
    assert (ended.exit_code, ended.stdout, said in ended.stderr) == (2, "", True)


def test_a_list_that_is_not_believed_or_not_there_counts_for_all() -> None:
    write(listed(), sign=None)
    ended = verify(PIN, OTHER, "--key", "team.pub")
    assert (ended.exit_code, ended.stdout.count("not approved: ")) == (1, 2)
    ended = verify(PIN, OTHER, "--approved", "none.json")
    assert (ended.exit_code, ended.stdout.count("unknown: ")) == (3, 2)
    assert ended.stderr.count("there is no list at") == 1
    told = json.loads(verify(PIN, OTHER, "--approved", "none.json", "--json").stdout)
    assert [each["approved"] for each in told["images"]] == [None, None]


def test_the_compressed_list_is_no_older_one_of_the_same() -> None:
    write(listed(sequence=8))
    assert verify(PIN, "--key", "team.pub").exit_code == 0
    write(listed(sequence=7))
    Path("list.json.gz").write_bytes(gzip.compress(Path("list.json").read_bytes()))
    ended = verify(PIN, "--key", "team.pub", "--approved", "list.json.gz")
    assert (ended.exit_code, "is older than one used before" in ended.stdout) == (1, True)
    write(listed(sequence=9))
    Path("list.json.gz").write_bytes(gzip.compress(Path("list.json").read_bytes()))
    assert verify(PIN, "--key", "team.pub", "--approved", "list.json.gz").exit_code == 0


def test_a_replayed_list_is_sent_whole_the_next_time(monkeypatch: pytest.MonkeyPatch) -> None:
    forgotten: list[str] = []
    monkeypatch.setattr("certify.cli.verify.forget", forgotten.append)
    for sequence, code in ((8, 0), (7, 1)):
        write(listed(sequence=sequence))
        assert not forgotten
        assert verify(PIN, "--key", "team.pub").exit_code == code
    assert forgotten == [str(Path("list.json").absolute())]


def test_attached_needs_a_key() -> None:
    ended = CliRunner().invoke(main, ["verify", "--attached", PIN])
    assert (ended.exit_code, "--attached needs --key" in ended.stderr) == (2, True)


def test_with_a_digest_and_a_file_no_network_is_used() -> None:
    write(listed())
    alone = command("verify", PIN, "--approved", "list.json", "--key", "team.pub")
    if shutil.which("unshare"):
        alone = ["unshare", "--net", *alone]
    traced = subprocess.run(alone, capture_output=True, text=True, check=False)
    assert traced.returncode == 0, traced.stderr
