"""Sweeps over a real registry: what is run, what is skipped, and what survives a kill."""

from __future__ import annotations

import contextlib
import io
import os
import re
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from certify.engine import reaper
from certify.engine.client import Engine
from certify.engine.errors import ImageNotFound
from certify.engine.images import MARK
from certify.ledger.store import Ledger
from certify.registry import client as registry_module
from certify.registry.client import Registry as Client
from certify.sweep.expand import Selection, expand
from certify.sweep.listing import parse_listing
from tests.conftest import SAMPLES, Certify, Ended, command
from tests.support.private_engine import fill, small_disk
from tests.support.profiles import quick
from tests.support.registries import Registry, running
from tests.support.webhook import receiving

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("nothing_left")]

# Repository and tag of each variant, the sample it is made from, and the quick verdict on it.
VARIANTS = {
    **{f"bases/debian:{number}": ("debian", "certified") for number in range(3)},
    **{f"bases/busybox:{number}": ("busybox", "rejected") for number in range(5)},
    **{f"bases/empty:{number}": ("scratch", "rejected") for number in range(4)},
}


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory, engine: Engine) -> Iterator[Registry]:
    """A registry that holds every variant, each another image than all others."""
    with running(tmp_path_factory.mktemp("registry")) as found:
        for name, (sample, _) in VARIANTS.items():
            push_variant(engine, found, sample, name)
        yield found
        for image_id in MADE:
            with contextlib.suppress(ImageNotFound):
                engine.client.images.remove(image_id, force=True)


MADE: set[str] = set()
"""Ids of all variants: others may be certifying on the same engine."""


def push_variant(engine: Engine, registry: Registry, sample: str, name: str) -> None:
    """Push a sample under a name of the registry; a label makes it another image."""
    dockerfile = f"FROM {SAMPLES}/{sample}\nLABEL variant={uuid.uuid4().hex}\n"
    built, _ = engine.client.images.build(fileobj=io.BytesIO(dockerfile.encode()), rm=True)
    MADE.add(str(built.id))
    registry.push(str(built.id), name)


def created_since(engine: Engine, moment: float) -> int:
    """How many candidates of this module's images the engine has created since then."""
    events = engine.client.events(
        since=cast(int, f"{moment:.9f}"),  # a whole second would count the test before as well
        until=int(time.time()) + 1,
        filters={"type": "container", "event": "create", "label": reaper.RUN},
        decode=True,
    )
    made = [each["Actor"]["Attributes"]["certify.image"] for each in events]
    return sum(1 for image in made if image in MADE)


def sweep(certify: Certify, listing: Path, *options: str) -> Ended:
    return certify("sweep", str(listing), "--profile", quick(listing.parent), *options)


@pytest.fixture
def listing(tmp_path: Path, registry: Registry) -> Path:
    path = tmp_path / "list.txt"
    path.write_text(f"{registry.host}/bases/*:*\n", "utf-8")
    return path


def test_a_registry_is_swept_once_and_then_only_what_moved(
    certify: Certify, listing: Path, registry: Registry, engine: Engine
) -> None:
    first = sweep(certify, listing, "--format", "json")
    assert first.code == 1, first.err
    verdicts = {
        result.image.reference.removeprefix(f"{registry.host}/"): result.verdict.status.value
        for result in first.results
    }
    assert verdicts == {name: status for name, (_, status) in VARIANTS.items()}

    begun = time.time()
    second = sweep(certify, listing)
    assert "12 fresh; 0 to certify" in second.err
    assert "Nothing changed" in second.out
    assert created_since(engine, begun) == 0, "nothing changed, and a container was started"

    push_variant(engine, registry, "busybox", "bases/debian:0")
    third = sweep(certify, listing)
    assert "1 moved, 11 fresh; 1 to certify" in third.err
    assert third.err.count("[1/1]") == 1
    assert f"newly broken    {registry.host}/bases/debian:0" in third.out
    assert "newly broken" in certify("diff").out
    rows = certify("history", f"{registry.host}/bases/debian:0").out
    assert rows.index("REJECTED") < rows.index("CERTIFIED native")
    push_variant(engine, registry, "debian", "bases/debian:0")


def test_what_was_pulled_for_the_sweep_is_gone_again(
    certify: Certify, listing: Path, registry: Registry, engine: Engine
) -> None:
    ended = sweep(certify, listing, "--include", "*/empty:*")
    assert ended.code == 1, ended.err
    held = engine.client.api.images(all=True)
    assert not [tag for image in held for tag in image["RepoTags"] or ()
                if tag.startswith(registry.host)]  # fmt: skip
    digests = [each for image in held for each in image["RepoDigests"] or ()]
    assert not [digest for digest in digests if digest.startswith(registry.host)]


@pytest.mark.alone
def test_a_sweep_that_is_killed_goes_on_where_it_was(
    certify: Certify, listing: Path, tmp_path: Path, engine: Engine
) -> None:
    process = subprocess.Popen(
        command("sweep", str(listing), "--profile", quick(tmp_path), "--jobs", "1"),
        cwd=tmp_path,
        env=os.environ | {"CI": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stderr is not None
    told = []
    for line in process.stderr:  # until a few are known, and the next is under way
        told.append(line)
        if b"[3/12]" in line:
            break
    assert b"[3/12]" in told[-1], told
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stderr.close()

    ended = sweep(certify, listing)
    found = re.search(r"(\d+) fresh; (\d+) to certify", ended.err)
    assert found is not None, ended.err
    fresh, due = map(int, found.groups())
    assert 3 <= fresh < len(VARIANTS), "what was told is known, recorded or not yet"
    assert fresh + due == len(VARIANTS)
    with Ledger.open(f"sqlite:///{tmp_path / 'reports' / 'certify.db'}") as ledger:
        standing = ledger.results_in_force()
        assert len(standing) == len(VARIANTS)
        assert all(len(ledger.history(each.reference)) == 1 for each in standing)
    assert not engine.client.images.list(name=MARK), "what was pulled is left behind"


def test_a_sweep_at_work_is_said_and_not_doubled(
    certify: Certify, listing: Path, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'reports' / 'certify.db'}"
    with Ledger.open(url) as ledger:
        ledger.sweeps.begin(str(listing), reaper.owner(), reaper.is_orphan)
        ended = sweep(certify, listing)
        assert ended.code == 2
        assert f"{listing} has been running" in ended.err.replace("\n", " ")
        assert ledger.results_in_force() == []


def test_interrupted_in_order(certify: Certify, listing: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(
        command("sweep", str(listing), "--profile", quick(tmp_path)),
        cwd=tmp_path,
        env=os.environ | {"CI": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if b"[1/12]" in line:
            break
    process.send_signal(signal.SIGINT)
    rest = process.stderr.read()
    assert process.wait() == 130, rest
    process.stderr.close()
    assert sweep(certify, listing, "--dry-run").code == 0, "the ledger is not left locked"


def test_the_plan_alone_runs_nothing(certify: Certify, listing: Path, engine: Engine) -> None:
    begun = time.time()
    ended = sweep(certify, listing, "--dry-run")
    assert ended.code == 0
    assert "12 images: 12 new; 12 to certify" in ended.out
    images = sweep(certify, listing, "--dry-run", "--format", "json").json()["images"]
    assert [(each["state"], each["due"]) for each in images] == [("new", True)] * 12
    assert created_since(engine, begun) == 0


def test_an_image_that_is_gone_is_inconclusive_and_the_others_are_judged(
    certify: Certify, tmp_path: Path, registry: Registry
) -> None:
    path = tmp_path / "list.txt"
    path.write_text(f"{registry.host}/bases/gone:1\n{registry.host}/bases/empty:0\n", "utf-8")
    ended = sweep(certify, path, "--format", "json", "--fail-on", "never")
    assert ended.code == 0
    verdicts = {r.image.reference.rpartition("/")[2]: r.verdict.status for r in ended.results}
    assert verdicts == {"gone:1": "inconclusive", "empty:0": "rejected"}


def test_news_is_told_once_and_then_a_quiet_sweep_is_silent(
    certify: Certify, tmp_path: Path, registry: Registry
) -> None:
    path = tmp_path / "list.txt"
    path.write_text(f"{registry.host}/bases/gone:1\n{registry.host}/bases/empty:0\n", "utf-8")
    with receiving() as (port, got):
        hooks = [f"json://127.0.0.1:{port}/hook", f"json://127.0.0.1:{port}/broken"]
        quiet = ["--quiet", "--site-url", "https://site.example"]
        quiet += [word for hook in hooks for word in ("--notify", hook)]
        first = sweep(certify, path, *quiet)
        second = sweep(certify, path, *quiet)
    assert (first.code, second.code) == (1, 1)
    message, _ = got
    assert message["title"] == "certify: 1 newly rejected, 1 newly inconclusive"
    assert f"newly rejected: {registry.host}/bases/empty:0 [quick]\n  cause: " in message["message"]
    assert "\n  remedy: " in message["message"]
    assert "\n  https://site.example/images/" in message["message"]
    assert "2 images" in first.out
    assert first.out.endswith("\nReport: https://site.example\n")
    assert first.err.startswith("certify: not notified: json://127.0.0.1:")
    assert first.err.count("\n") == 1
    assert (second.out, second.err) == ("", "")


def test_two_names_of_one_image_are_certified_once(
    certify: Certify, tmp_path: Path, registry: Registry, engine: Engine
) -> None:
    registry.copy("bases/empty", "0", "bases/other", "same")
    path = tmp_path / "list.txt"
    path.write_text(f"{registry.host}/bases/empty:0\n{registry.host}/bases/other:same\n", "utf-8")
    begun = time.time()
    ended = sweep(certify, path, "--format", "json")
    assert "1 new, 1 same; 1 to certify" in ended.err
    assert created_since(engine, begun) == 1
    assert {result.verdict.status.value for result in ended.results} == {"rejected"}
    assert len(ended.results) == 2
    # The test's own name must not be there for other tests.
    assert "same" in ended.err


def test_more_than_a_hundred_repositories_are_listed_page_by_page(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry_module, "PAGE", 7)
    for number in range(101):
        registry.copy("bases/empty", "1", f"many/app-{number:03}", "1")
    entries = parse_listing(f"{registry.host}/many/*:*\n", "list")
    wanted, unlisted = expand(entries, lambda host: Client(host, lambda _: None), Selection())
    assert (len(wanted), unlisted) == (101, [])


def test_attached_attestations_are_no_images(registry: Registry) -> None:
    registry.copy("bases/empty", "1", "attested/app", "1")
    for more in ("", ".sig", ".att"):
        registry.copy("bases/empty", "1", "attested/app", f"sha256-{'0' * 64}{more}")
    with Client(registry.host, lambda _: None) as client:
        assert list(client.tags("attested/app")) == ["1"]


def test_a_list_that_cannot_be_read_is_wrong_usage(certify: Certify, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("debian:12\nNot An Image\n", "utf-8")
    for name, words in (("list.txt", "list.txt:2"), ("none.txt", "none.txt")):
        ended = certify("sweep", name)
        assert ended.code == 2
        assert words in ended.err
        assert "Traceback" not in ended.err


def test_reports_that_cannot_be_written_cost_no_answer(certify: Certify, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text(f"{SAMPLES}/scratch\n", "utf-8")
    (tmp_path / "reports" / "junit.xml" / "in the way").mkdir(parents=True)
    ended = sweep(certify, tmp_path / "list.txt", "--pull", "never", "--fail-on", "never")
    assert ended.code == 3
    assert "the reports cannot be written" in ended.err
    assert "1 rejected" in ended.out
    with Ledger.open(f"sqlite:///{tmp_path / 'reports' / 'certify.db'}") as ledger:
        assert len(ledger.results_in_force()) == 1


def test_a_revoked_image_is_rejected_whoever_asks(
    certify: Certify, tmp_path: Path, registry: Registry
) -> None:
    """Ledger, report, JUnit and exit code say the same; what was found is recorded as it was."""
    name = f"{registry.host}/bases/debian:1"
    (tmp_path / "list.txt").write_text(f"{name}\n", "utf-8")
    first = sweep(certify, tmp_path / "list.txt", "--format", "json")
    assert first.code == 0, first.err
    image = first.result.image
    pin = f"{image.registry}/{image.repository}@{image.digest}"
    assert certify("revoke", pin, "--reason", "back door").code == 0
    for words in (
        ["sweep", "list.txt", "--force"], ["sweep", "list.txt"],
        ["sweep", "list.txt", "--force", "--fail-on", "newly-rejected"], ["run", name],
    ):  # fmt: skip
        ended = certify(*words, "--profile", "quick.toml", "--format", "json")
        # To the third sweep the revocation is no news any more.
        assert ended.code == (0 if "newly-rejected" in words else 1), ended.err
        assert ended.result.verdict.reasons[0].text == "revoked: back door"
        assert ": CERTIFIED" not in ended.err
        junit = (tmp_path / "reports/junit.xml").read_text("utf-8")
        assert "REJECTED: revoked: back door" in junit
    with Ledger.open(f"sqlite:///{tmp_path / 'reports' / 'certify.db'}") as ledger:
        assert {each.status for each in ledger.results_in_force()} == {"certified"}


def test_a_disk_that_fills_up_in_mid_sweep_costs_no_answer(
    certify: Certify, tmp_path: Path
) -> None:
    names = [f"{SAMPLES}/busybox:latest", f"{SAMPLES}/scratch:latest"]
    (tmp_path / "list.txt").write_text("\n".join(names), "utf-8")
    with small_disk(tmp_path, 8) as disk:
        process = subprocess.Popen(
            command(
                "sweep", "list.txt", "--profile", "plain", "--pull", "never", "--format", "json",
                "--fail-on", "never", "--ledger", f"sqlite:///{disk}/certify.db",
            ),
            cwd=tmp_path,
            env=os.environ | {"CI": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )  # fmt: skip
        assert process.stderr is not None
        for line in process.stderr:
            if b"2 to certify" in line:
                break
        fill(disk)
        out, err = process.communicate(timeout=120)
        (disk / "filling").unlink()
    ended = Ended(process.returncode, out.decode(), err.decode())
    assert ended.code == 3, ended.err
    assert "not recorded: " in ended.err and "disk is full" in ended.err, ended.err
    assert "Traceback" not in ended.err
    verdicts = {r.image.reference: r.verdict.status.value for r in ended.results}
    assert verdicts == dict.fromkeys(names, "rejected")


def test_a_list_that_leads_to_nothing_says_so(certify: Certify, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("# later\n", "utf-8")
    ended = certify("sweep", "list.txt")
    assert ended.code == 3
    assert "list.txt names no image that exists" in ended.err


def test_two_shards_as_processes_of_their_own_make_one_sweep(
    certify: Certify, tmp_path: Path, registry: Registry, engine: Engine
) -> None:
    registry.copy("bases/empty", "0", "pair/other", "same")
    path = tmp_path / "list.txt"
    path.write_text(f"{registry.host}/bases/empty:*\n{registry.host}/pair/other:same\n", "utf-8")
    begun = time.time()
    shards = [
        subprocess.Popen(
            command("sweep", str(path), "--profile", quick(tmp_path), "--shard", f"{number}/2",
                    "--reports", f"shard-{number}", "--fail-on", "never"),
            cwd=tmp_path, env=os.environ | {"CI": "1"},
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )
        for number in (1, 2)
    ]  # fmt: skip
    for process in shards:
        _, told = process.communicate(timeout=300)
        assert process.returncode == 0, told
    assert created_since(engine, begun) == 4, "five names of four images"
    ledgers = [f"shard-{number}/certify.db" for number in (1, 2)]
    ended = certify("ledger", "merge", *ledgers, "--format", "json")
    assert ended.code == 1, ended.err
    assert "5 results and 2 sweeps new" in ended.err
    assert [each.image.reference.partition("/")[2] for each in ended.results] == [
        *(f"bases/empty:{number}" for number in range(4)), "pair/other:same",
    ]  # fmt: skip
    whole = sweep(certify, path)
    assert "5 fresh; 0 to certify" in whole.err
    assert "Nothing changed since the sweep before." in whole.out
