"""`certify verify` and `certify keys` as programs call them: exit codes, one line, no secrets."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from certify.approved import Approved, ApprovedList, Revocation
from certify.cli.main import main
from certify.images.platform import of_this_host
from certify.model import Grade
from certify.safetext import safe_json
from certify.signing.attachments import attach_all
from certify.signing.attestations import Signer, attachments
from certify.signing.keys import new_pair, read_private
from certify.signing.memory import state_file
from tests.conftest import Certify, command
from tests.registries import Registry, running
from tests.signing.conftest import a_result, digest

NAME = "registry.invalid/team/app"
PIN = f"{NAME}@{digest(1)}"
NOW = datetime.now(UTC)
HERE = of_this_host()


def entry(**fields: object) -> Approved:
    known: dict[str, object] = {
        "pin": PIN, "reference": f"{NAME}:1", "registry": "registry.invalid",
        "repository": "team/app", "tag": "1", "digest": digest(1), "manifest_digest": digest(2),
        "platform": HERE, "profile": "devspace", "grade": Grade.NATIVE, "suite": digest(9),
        "certified_at": NOW, "expires_at": NOW + timedelta(days=30),
    }  # fmt: skip
    return Approved.model_validate(known | fields)


def listed(*images: Approved, **fields: object) -> ApprovedList:
    known: dict[str, object] = {
        "sequence": 7, "published_at": NOW, "expires_at": NOW + timedelta(days=7),
        "images": images or (entry(),),
    }  # fmt: skip
    return ApprovedList.model_validate(known | fields)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with two pairs of keys, and a memory of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for name in ("team", "other"):
        private, public = new_pair("ecdsa", None)
        (tmp_path / f"{name}.key").write_bytes(private)
        (tmp_path / f"{name}.pub").write_bytes(public)
    return tmp_path


def write(found: ApprovedList, sign: str | None = "team", name: str = "list.json") -> None:
    raw = safe_json(found.model_dump(mode="json", by_alias=True)).encode()
    Path(name).write_bytes(raw)
    if sign:
        key = read_private(Path(f"{sign}.key"), lambda: b"")
        signature, bundle = Signer(key, lambda _: None).of_list(raw, found, name)
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
    told = json.loads(verify(*words, "--json").stdout)
    assert (told["schema"], told["approved"]) == ("certify/verification/v1", False)
    assert told["reason"] == why
    assert text in told["text"]


def test_unsigned_tampered_and_replayed_lists_are_refused() -> None:
    write(listed(), sign=None)
    ended = verify(PIN, "--key", "team.pub")
    assert (ended.exit_code, "is not signed, and a key was asked for" in ended.stdout) == (1, True)
    assert verify(PIN).exit_code == 0, "nobody asked for a signature"

    write(listed(sequence=8))
    assert verify(PIN, "--key", "team.pub").exit_code == 0
    text = Path("list.json").read_text()
    Path("list.json").write_text(text.replace(digest(1), digest(6)))
    ended = verify(f"{NAME}@{digest(6)}", "--key", "team.pub")
    assert (ended.exit_code, "it was changed or exchanged" in ended.stdout) == (1, True)

    write(listed(sequence=7))
    ended = verify(PIN, "--key", "team.pub")
    assert (ended.exit_code, "is older than one seen before (number 8)" in ended.stdout) == (
        1,
        True,
    )
    assert json.loads(verify(PIN, "--key", "team.pub", "--json").stdout)["reason"] == "replayed"
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
    told = json.loads(verify(*words, "--json").stdout)
    assert (told["approved"], told["reason"]) == (None, "unknown")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["Debian"], "is not an image reference"),
        (["sha256:" + "0" * 64], "an image ID says nothing about where"),
        ([PIN, "--key", "none.pub"], "No such file"),
        ([PIN, "--key", "team.key"], "is a private key"),
        ([PIN, "--key", "list.json"], "is no public key"),
        ([PIN, "--platform", "amd64"], "expected is for example linux/arm64"),
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


def test_attached_needs_a_key() -> None:
    ended = CliRunner().invoke(main, ["verify", "--attached", PIN])
    assert (ended.exit_code, "--attached needs --key" in ended.stderr) == (2, True)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with running(tmp_path_factory.mktemp("registry")) as found:
        yield found


def test_a_tag_is_resolved_and_a_moved_one_refused(registry: Registry) -> None:
    first = registry.seed("team/app", "1", "first")
    name = f"{registry.host}/team/app"
    here = entry(pin=f"{name}@{first}", registry=registry.host, digest=first, manifest_digest=first)
    write(listed(here))
    assert verify(f"{name}:1").exit_code == 0
    second = registry.seed("team/app", "1", "second")
    ended = verify(f"{name}:1")
    assert (ended.exit_code, f"{name}@{second}: this digest" in ended.stdout) == (1, True)
    assert verify(f"{name}:1@{first}").exit_code == 0


def test_what_is_attached_is_enough(registry: Registry) -> None:
    mine = registry.seed("team/app", "attached", "attached")
    named = {"registry": registry.host, "digest": mine, "manifest_digest": mine, "platform": HERE}
    result = a_result(image=named)
    key = read_private(Path("team.key"), lambda: b"")
    files = Signer(key, lambda _: None).of_results([result])
    from certify.images.referrers import Referrers
    from certify.images.registry import Registry as Client

    with Client(registry.host, lambda _: None) as client:
        attach_all(attachments([result], files), lambda _, name: Referrers(client, name))

    def attached(*words: str) -> tuple[int, str]:
        ended = CliRunner().invoke(main, ["verify", "--attached", *words])
        return ended.exit_code, ended.stdout

    image = f"{registry.host}/team/app:attached"
    code, said = attached(image, "--key", "team.pub", "--profile", "plain")
    assert (code, f"{mine}: native for plain on {HERE}" in said) == (0, True)
    assert attached(image, "--key", "team.pub")[0] == 1
    code, said = attached(image, "--key", "other.pub", "--profile", "plain")
    assert (code, "signed with another key" in said) == (1, True)
    registry.seed("team/app", "attached", "pushed again")
    code, said = attached(image, "--key", "team.pub", "--profile", "plain")
    assert (code, "nothing is attached" in said) == (1, True)


def test_with_a_digest_and_a_file_no_network_is_used() -> None:
    write(listed())
    alone = command("verify", PIN, "--approved", "list.json", "--key", "team.pub")
    if shutil.which("unshare"):
        alone = ["unshare", "--net", *alone]
    traced = subprocess.run(alone, capture_output=True, text=True, check=False)
    assert traced.returncode == 0, traced.stderr


# Keys


def test_a_pair_is_made_and_signs(certify: Certify) -> None:
    made = certify("keys", "new", "--out", "mine", CERTIFY_PASSPHRASE="hush-hush")
    assert made.code == 0, made.err
    keyid = made.out.split()[-1]
    assert certify("keys", "show", "mine.pub").out.startswith(keyid)
    shown = certify("keys", "show", "mine.key", CERTIFY_PASSPHRASE="hush-hush")
    assert shown.out == certify("keys", "show", "mine.pub").out
    assert b"ENCRYPTED" in Path("mine.key").read_bytes()
    assert "hush" not in made.out + made.err + shown.out + shown.err
    again = certify("keys", "new", "--out", "mine", "--no-passphrase")
    assert (again.code, "no key is ever overwritten" in again.err) == (2, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["new", "--out", "x"], "there is no terminal to ask at"),
        (["new", "--out", "x", "--passphrase-file", "none"], "No such file"),
        (["new", "--out", "x", "--passphrase-file", "empty"], "its first line is empty"),
        (["new", "--out", "x", "--passphrase-file", "w", "--no-passphrase"], "exclude each other"),
        (["new", "--out", "x", "--type", "rsa"], "--type"),
        (["new", "--out", "empty/x", "--no-passphrase"], "cannot be written: File exists"),
        (["show", "none"], "No such file"),
        (["show", "empty"], "is no public key"),
    ],
)
def test_a_key_that_cannot_be_made_or_shown(certify: Certify, words: list[str], said: str) -> None:
    Path("empty").write_text("\n")
    ended = certify("keys", *words)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err
    assert "Traceback" not in ended.err
    assert not Path("x.key").exists()


Typed = Callable[[list[str], list[str]], tuple[int, str]]


def typed(words: list[str], lines: list[str]) -> tuple[int, str]:
    """Run a command at a terminal, type lines, and tell what the terminal showed."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, command(*words))
    shown = b""
    waiting = list(lines)
    while True:
        try:
            shown += os.read(terminal, 4096)
        except OSError:
            break
        if waiting and shown.rstrip().endswith(b":"):
            os.write(terminal, waiting.pop(0).encode() + b"\n")
            shown += b"<typed>"
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode()


def test_at_a_terminal_the_passphrase_is_asked_for_twice_and_not_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CERTIFY_PASSPHRASE", raising=False)
    code, shown = typed(["keys", "new", "--out", "mine"], ["hush-hush", "hush-hush"])
    assert (code, shown.count("<typed>")) == (0, 2), shown
    assert "hush" not in shown
    code, shown = typed(["keys", "show", "mine.key"], ["wrong"])
    assert (code, "does not open with this passphrase" in shown) == (2, True)
    code, shown = typed(["keys", "show", "mine.key"], ["hush-hush"])
    assert (code, "BEGIN PUBLIC KEY" in shown) == (0, True)
