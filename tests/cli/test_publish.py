"""`certify publish` and `certify revoke` as people and programs call them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from certify.approved.policy import MaxStartup, Policy, parse_policy
from certify.cli.main import main
from certify.ledger.store import Ledger
from certify.model.result import Reason, Verdict
from certify.model.terms import Status
from tests.factories import a_certificate, digest
from tests.support.keys import write_keys

PIN = f"registry.invalid/team/app@{digest(1)}"


@pytest.fixture(autouse=True)
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    """A ledger with one certificate and one rejection, in the folder where commands run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reports").mkdir()
    with Ledger.open("sqlite:///reports/certify.db") as found:
        found.record(a_certificate())
        why = Reason(check="x", text="no \x1b[31mshell\n", remedy="")
        found.record(
            a_certificate(
                image={"reference": "registry.invalid/team/bad:1", "digest": digest(3),
                       "manifest_digest": digest(3), "repository": "team/bad"},
                status=Status.REJECTED,
            ).model_copy(update={"verdict": Verdict(status=Status.REJECTED, reasons=(why,))})
        )  # fmt: skip
        yield found


def run(*words: str, passphrase: str | None = None) -> Result:
    return CliRunner().invoke(main, list(words), env={"CERTIFY_PASSPHRASE": passphrase})


def test_it_says_what_changed_and_why_the_rest_is_left_out() -> None:
    ended = run("publish")
    assert ended.exit_code == 0, ended.output
    number = json.loads(Path("reports/approved-images.json").read_text())["sequence"]
    assert ended.stdout.splitlines()[0] == f"List {number}: 1 approved, 0 revoked, 1 left out"
    assert "  added registry.invalid/team/app:1 (linux/amd64, plain)" in ended.stdout
    left = "  registry.invalid/team/bad:1 (linux/amd64, plain): rejected: no shell"
    assert left in ended.stdout, "and without the colour that the image printed"
    assert "policy: none: every certificate counts" in ended.stdout
    assert "nothing changed" in run("publish").stdout


def test_programs_read_the_same() -> None:
    told = json.loads(run("publish", "--format", "json").stdout)
    assert told["schema"] == "certify/publication/v1"
    assert (told["approved"], told["revoked"], len(told["added"])) == (1, 0, 1)
    (left,) = told["left_out"]
    assert (left["reference"], left["profile"]) == ("registry.invalid/team/bad:1", "plain")
    assert left["reason"].startswith("rejected: no ")


def test_the_policy_is_asked(ledger: Ledger) -> None:
    Path("approve.toml").write_text('profiles = ["devspace"]\n')
    ended = run("publish")
    assert "0 approved" in ended.stdout
    assert "policy: approve.toml" in ended.stdout
    assert "it was certified under plain, the policy requires devspace" in ended.stdout
    Path("other.toml").write_text('profiles = ["plain"]\nvalid_days = 1\n')
    assert "1 approved" in run("publish", "--policy", "other.toml").stdout


BAD_POLICIES: dict[str, tuple[str | bytes | None, str]] = {
    "unknown key": ("profile = ['x']\n", "other.toml:1: profile: is not known here; did you mean"),
    "not TOML": ("profiles =\n", "other.toml: this is not TOML"),
    "wrong kind": ("\nmin_runs = 'x'\n", "other.toml:2: min_runs: must be a whole number"),
    "not text": (b"\xff\xfe", "this is not text in UTF-8"),
    "missing": (None, "--policy other.toml: No such file"),
}


@pytest.mark.parametrize("name", BAD_POLICIES)
def test_a_bad_policy_is_exit_2_and_nothing_is_published(name: str) -> None:
    text, said = BAD_POLICIES[name]
    if text is not None:
        Path("other.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    ended = run("publish", "--policy", "other.toml")
    assert (ended.exit_code, said in ended.stderr) == (2, True), ended.stderr
    assert not Path("reports/approved-images.json").exists()


def test_the_document_tells_every_key_and_its_example_holds() -> None:
    page = (Path(__file__).parents[2] / "docs" / "publish.md").read_text("utf-8")
    for key in [*Policy.model_fields, *MaxStartup.model_fields]:
        assert re.search(rf"[`.]{key}\b", page), key
    (example,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    policy = parse_policy(example, "the example")
    assert (policy.platforms, policy.max_startup.boot) == (("linux/amd64",), 5.0)


def test_a_list_that_would_shrink_is_exit_3(ledger: Ledger) -> None:
    assert run("publish").exit_code == 0
    ledger.record(a_certificate(status=Status.REJECTED))
    ended = run("publish")
    assert ended.exit_code == 3
    assert "would lose 1 of its 1 images, more than 20 %; it stays as it was" in ended.stderr
    assert "--allow-shrink" in ended.stderr
    assert run("publish", "--allow-shrink").exit_code == 0
    assert json.loads(Path("reports/approved-images.json").read_text())["images"] == []


def test_a_dry_run_tells_the_same_and_writes_nothing() -> None:
    write_keys()
    dry = run("publish", "--dry-run", "--sign", "team.key", "--attach")
    assert (dry.exit_code, "nothing was written (--dry-run)" in dry.stderr) == (0, True)
    assert not Path("reports/approved-images.json").exists()
    real = run("publish", "--sign", "team.key")
    assert dry.stdout.splitlines()[2:] == real.stdout.splitlines()[2:]
    assert "added registry.invalid/team/app:1" in dry.stdout
    before = Path("reports/approved-images.json").read_bytes()
    assert "nothing changed" in run("publish", "--dry-run").stdout, "and needs no key"
    assert Path("reports/approved-images.json").read_bytes() == before


@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_a_ledger_that_is_not_there_is_not_made(more: list[str]) -> None:
    ended = run("publish", "--ledger", "mistyped.db", *more)
    assert (ended.exit_code, "Nothing is recorded yet" in ended.stderr) == (3, True), ended.stderr
    assert not list(Path().glob("mistyped*"))


def test_another_key_than_before_is_told() -> None:
    write_keys()
    assert "another key" not in run("publish", "--sign", "team.key").stdout
    assert "another key" not in run("publish", "--sign", "team.key").stdout
    write_keys()
    words = (["publish", "--sign", "team.key"], ["revoke", PIN, "--reason", "x"])
    assert "Note: the previous list was signed with another key" in run(*words[0]).stdout
    write_keys()
    assert "another key" in run(*words[1], "--sign", "team.key").stdout


def test_files_that_cannot_be_written_are_named() -> None:
    Path("reports/approved").write_text("in the way\n")
    ended = run("publish")
    assert (ended.exit_code, ended.exception.__class__) == (3, SystemExit)
    assert ended.stderr.startswith("certify: reports/approved: ")
