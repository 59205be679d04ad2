"""Publishing from a ledger: whole or not at all, and what is revoked stays so."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from certify.approved import storage
from certify.approved.policy import Policy
from certify.approved.previous import CHANGELOG, FEED, LIST, SIGNATURE, Signing
from certify.approved.publication import publish, revoke
from certify.approved.render import read_list
from certify.ledger.store import Ledger
from certify.model.approved import ApprovedList, Revocation
from certify.model.errors import BadPublication, UsageError, WouldShrink
from certify.model.file_names import certificate_stem
from certify.model.result import Result
from certify.model.terms import Status
from certify.publish.writer import update_reports
from certify.signing.attestations import Signer
from certify.signing.envelope import Bundle
from certify.signing.keys import PrivateKey, new_pair, read_private
from certify.signing.statements import parse_statement
from certify.util.files import write_atomically
from tests.factories import HOST, NOW, a_certificate, digest
from tests.support.forks import FORKS
from tests.support.waiting import eventually

TEXT = "approved-images.txt"


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    return tmp_path / "reports"


@pytest.fixture
def ledger(reports: Path) -> Iterator[Ledger]:
    with Ledger.open(f"sqlite:///{reports / 'certify.db'}") as found:
        yield found


@pytest.fixture
def key(tmp_path: Path) -> PrivateKey:
    path = tmp_path / "team.key"
    path.write_bytes(new_pair("ecdsa", None)[0])
    return read_private(path, lambda: b"")


def named(name: str, number: int, **fields: Any) -> Result:
    """A result of ``registry.invalid/team/NAME:1``."""
    image = {
        "reference": f"registry.invalid/team/{name}:1",
        "repository": f"team/{name}",
        "digest": digest(number),
        "manifest_digest": digest(number),
    }
    return a_certificate(image=image, **fields)


def rejected(name: str, number: int) -> Result:
    return named(name, number, status=Status.REJECTED, finished_at=NOW + timedelta(seconds=1))


def current(reports: Path) -> ApprovedList:
    return read_list((reports / LIST).read_text("utf-8"))


def names(reports: Path) -> list[str]:
    return [each.repository.removeprefix("team/") for each in current(reports).images]


def revocation(number: int, reason: str = "backdoor") -> Revocation:
    reference = f"registry.invalid/team/x@{digest(number)}"
    now = datetime.now(UTC)
    return Revocation(digest=digest(number), reference=reference, reason=reason, revoked_at=now)


def test_a_publication_has_all_its_files(reports: Path, ledger: Ledger, key: PrivateKey) -> None:
    ledger.record(named("a", 1))
    ledger.record(rejected("b", 2))
    done = publish(reports, ledger, Policy(), Signing(key))
    assert [each.key.reference for each in done.excluded] == ["registry.invalid/team/b:1"]
    assert names(reports) == ["a"]
    pin, _, _ = (reports / TEXT).read_text("utf-8").partition(" # ")
    assert pin == f"registry.invalid/team/a@{digest(1)}"
    policies = {str(each.relative_to(reports / "policies"))
                for each in (reports / "policies").rglob("*") if each.is_file()}  # fmt: skip
    assert policies == {
        "conftest/certify.rego", "conftest/data.json", "containers-policy.json", "renovate.json",
        "kubernetes/config-map.yaml", "kubernetes/policy.yaml", "kyverno/policy.yaml",
    }  # fmt: skip
    assert "added registry.invalid/team/a:1" in (reports / CHANGELOG).read_text("utf-8")
    assert "added registry.invalid/team/a:1" in (reports / FEED).read_text("utf-8")
    assert len(list((reports / "attestations").iterdir())) == 2
    Bundle.parse((reports / SIGNATURE).read_bytes()).verify(key.public_key())


def test_numbers_only_grow(reports: Path, ledger: Ledger) -> None:
    ledger.record(named("a", 1))
    seen = [publish(reports, ledger, Policy()).listed.sequence for _ in range(5)]
    assert sorted(set(seen)) == seen
    assert len(list((reports / "approved").glob("[0-9]*"))) == 3, "older ones are forgotten"


def test_a_list_that_loses_too_much_is_not_published(reports: Path, ledger: Ledger) -> None:
    for number in range(10):
        ledger.record(named(f"i{number}", 10 + number))
    publish(reports, ledger, Policy())
    before = (reports / LIST).read_bytes()
    for number in range(3):
        ledger.record(rejected(f"i{number}", 10 + number))
    with pytest.raises(WouldShrink, match=r"lose 3 of its 10 images, more than 20 %") as refused:
        publish(reports, ledger, Policy())
    assert "registry.invalid/team/i0:1: rejected" in refused.value.message
    assert (reports / LIST).read_bytes() == before
    publish(reports, ledger, Policy(), allow_shrink=True)
    assert len(names(reports)) == 7


def test_revoked_and_moved_images_are_not_lost(reports: Path, ledger: Ledger) -> None:
    ledger.record(named("a", 1))
    publish(reports, ledger, Policy())
    later = NOW + timedelta(seconds=5)
    ledger.record(named("a", 2, finished_at=later))
    done = publish(reports, ledger, Policy(max_shrink_percent=0.0))
    assert len(done.changed.moved) == 1
    ledger.revocations.add(digest(2), "registry.invalid/team/a@…", "backdoor")
    done = publish(reports, ledger, Policy(max_shrink_percent=0.0))
    assert done.changed.removed[0].endswith(": revoked: backdoor")


def test_an_empty_ledger_is_not_published(reports: Path, ledger: Ledger) -> None:
    with pytest.raises(UsageError, match="nothing is recorded"):
        publish(reports, ledger, Policy())
    assert not (reports / LIST).exists()


def test_a_signed_list_is_not_followed_by_an_unsigned_one(
    reports: Path, ledger: Ledger, key: PrivateKey
) -> None:
    ledger.record(named("a", 1))
    publish(reports, ledger, Policy(), Signing(key))
    before = (reports / LIST).read_bytes()
    with pytest.raises(UsageError, match="the list published before is signed"):
        publish(reports, ledger, Policy())
    with pytest.raises(UsageError, match="the list published before is signed"):
        revoke(reports, ledger, revocation(1))
    assert (reports / LIST).read_bytes() == before
    assert ledger.revocations.in_force() == (), "nothing was done"
    publish(reports, ledger, Policy(), Signing(allow_unsigned=True))
    assert not (reports / SIGNATURE).exists()
    assert not (reports / SIGNATURE).is_symlink()


def test_a_broken_list_and_foreign_files_are_not_overwritten(reports: Path, ledger: Ledger) -> None:
    ledger.record(named("a", 1))
    (reports / TEXT).write_text("by hand\n")
    with pytest.raises(BadPublication, match=r"approved-images\.txt was not published by certify"):
        publish(reports, ledger, Policy())
    assert (reports / TEXT).read_text() == "by hand\n"
    (reports / TEXT).unlink()
    publish(reports, ledger, Policy())
    (reports / LIST).resolve().write_text("{")
    with pytest.raises(BadPublication, match="cannot be read"):
        publish(reports, ledger, Policy())


def test_a_revocation_takes_effect_at_once_and_stays(
    reports: Path, ledger: Ledger, key: PrivateKey
) -> None:
    ledger.record(named("a", 1))
    ledger.record(named("b", 2))
    publish(reports, ledger, Policy(), Signing(key))
    attested = {each.name for each in (reports / "attestations").iterdir()}
    done = revoke(reports, ledger, revocation(1), Signing(key))
    assert done is not None
    assert done.changed.removed[0].endswith("revoked: backdoor")
    assert names(reports) == ["b"]
    assert [each.digest for each in current(reports).revoked] == [digest(1)]
    Bundle.parse((reports / SIGNATURE).read_bytes()).verify(key.public_key())
    left = {each.name for each in (reports / "attestations").iterdir()}
    assert {each for each in attested if "team_b" in each} == left
    assert digest(1) not in (reports / "policies/containers-policy.json").read_text()

    ledger.record(named("a", 1))
    publish(reports, ledger, Policy(), Signing(key))
    assert names(reports) == ["b"], "no sweep brings it back"
    revoke(reports, ledger, revocation(1, "a false alarm"), Signing(key), lift=True)
    assert (names(reports), current(reports).revoked) == (["b"], ())
    publish(reports, ledger, Policy(), Signing(key))
    assert names(reports) == ["a", "b"]
    with pytest.raises(UsageError, match="is not revoked"):
        revoke(reports, ledger, revocation(1), Signing(key), lift=True)


def test_a_revoked_manifest_removes_its_index_from_policies(reports: Path, ledger: Ledger) -> None:
    for platform, manifest in (("linux/amd64", 2), ("linux/arm64", 3)):
        image = {"digest": digest(1), "manifest_digest": digest(manifest), "platform": platform}
        ledger.record(a_certificate(image=image))
    publish(reports, ledger, Policy())

    def allowed() -> set[str]:
        data = json.loads((reports / "policies/conftest/data.json").read_text("utf-8"))
        return set(data["certify"]["approved"])

    assert allowed() == {digest(1), digest(2), digest(3)}
    revoke(reports, ledger, revocation(2))
    assert allowed() == {digest(3)}, "at once"
    for _ in range(2):
        publish(reports, ledger, Policy())
        assert allowed() == {digest(3)}, "and for good"
    assert [each.platform for each in current(reports).images] == ["linux/arm64"]


# ---------------------------------------------------------------- a manifest that nobody knew

INDEX, MANIFEST = digest(1), digest(2)


def of_index(name: str, manifest: str | None = None, **fields: Any) -> Result:
    """A result of an index; by default its registry did not tell the manifest."""
    return named(name, 1, **fields).model_copy(
        update={"image": named(name, 1).image.model_copy(update={"manifest_digest": manifest})}
    )


def told_anywhere(reports: Path) -> set[str]:
    """Which of the two digests are in any published file that lets images in."""
    files = [reports / TEXT, *(each for each in (reports / "policies").rglob("*.*"))]
    texts = [each.read_text("utf-8") for each in files]
    return {
        each
        for each in (INDEX, MANIFEST)
        if any(each.removeprefix("sha256:") in text for text in texts)
    }


def test_an_index_is_not_let_in_as_its_own_manifest(reports: Path, ledger: Ledger) -> None:
    ledger.record(of_index("a"))
    publish(reports, ledger, Policy(platforms=("linux/amd64", "linux/arm64")))
    assert (names(reports), current(reports).images[0].manifest_digest) == (["a"], None)
    (reports / TEXT).resolve().write_text("")
    assert told_anywhere(reports) == set(), "it was certified for one of two platforms"


def test_revoking_a_manifest_removes_every_image_that_may_hold_it(
    reports: Path, ledger: Ledger
) -> None:
    ledger.record(of_index("a", MANIFEST, profile="devspace"))
    ledger.record(of_index("b"))
    publish(reports, ledger, Policy())
    assert (names(reports), told_anywhere(reports)) == (["a", "b"], {INDEX, MANIFEST})
    done = revoke(reports, ledger, revocation(2))
    assert done is not None
    assert [each.partition(": ")[2] for each in done.changed.removed] == ["revoked: backdoor"] * 2
    for _ in range(2):
        assert (names(reports), told_anywhere(reports)) == ([], set())
        publish(reports, ledger, Policy(max_shrink_percent=0.0))


def test_a_manifest_known_from_an_earlier_result_counts(reports: Path, ledger: Ledger) -> None:
    ledger.record(of_index("a", MANIFEST))
    ledger.record(of_index("a"))
    publish(reports, ledger, Policy())
    assert [each.manifest_digest for each in current(reports).images] == [None]
    revoke(reports, ledger, revocation(2))
    assert (names(reports), told_anywhere(reports)) == ([], set())


def test_a_manifest_revoked_before_the_first_list_stops_its_indexes(
    reports: Path, ledger: Ledger
) -> None:
    # The one that tells what the index holds comes last.
    ledger.record(of_index("b"))
    ledger.record(of_index("z", MANIFEST, profile="devspace"))
    assert revoke(reports, ledger, revocation(2)) is None
    done = publish(reports, ledger, Policy())
    assert {each.key.reference[-3:]: each.reason for each in done.excluded} == {
        "b:1": "revoked: backdoor", "z:1": "revoked: backdoor",
    }  # fmt: skip
    assert (names(reports), told_anywhere(reports)) == ([], set())


def test_revoking_learns_indexes_from_the_ledger(reports: Path, ledger: Ledger) -> None:
    ledger.record(of_index("a", MANIFEST, profile="devspace"))
    ledger.record(of_index("b"))
    publish(reports, ledger, Policy(profiles=("plain",)))
    assert names(reports) == ["b"]
    revoke(reports, ledger, revocation(2))
    assert (names(reports), told_anywhere(reports)) == ([], set())


def test_a_broken_result_does_not_stop_a_revocation(reports: Path, ledger: Ledger) -> None:
    ledger.record(named("a", 1))
    publish(reports, ledger, Policy())
    with closing(sqlite3.connect(reports / "certify.db")) as connection, connection:
        connection.execute("UPDATE certify_results SET document = '{}'")
    revoke(reports, ledger, revocation(1))
    assert names(reports) == []


def test_a_list_of_an_older_version_is_read(reports: Path, ledger: Ledger) -> None:
    ledger.record(of_index("b"))
    ledger.record(of_index("z", MANIFEST, profile="devspace"))
    publish(reports, ledger, Policy())
    path = (reports / LIST).resolve()
    path.write_text(
        path.read_text().replace('"manifest_digest": null', f'"manifest_digest": "{INDEX}"')
    )
    revoke(reports, ledger, revocation(2))
    assert (names(reports), told_anywhere(reports)) == ([], set())


# ---------------------------------------------------------------- what is signed


def signed_files(reports: Path) -> list[Path]:
    return [each for each in (reports / "attestations/").rglob("*") if each.is_file()]


def words(reports: Path) -> list[str]:
    """What the signed certificates say."""
    payloads = (
        json.loads(Bundle.parse(each.read_bytes()).payload) for each in signed_files(reports)
    )
    return sorted(each["predicate"]["result"] for each in payloads)


@pytest.mark.parametrize("by", [1, 2], ids=["by its index", "by its manifest"])
def test_nothing_is_signed_for_what_is_revoked(
    reports: Path, ledger: Ledger, key: PrivateKey, by: int
) -> None:
    ledger.record(of_index("a", MANIFEST))
    ledger.record(of_index("b", None))
    ledger.record(named("c", 3))
    publish(reports, ledger, Policy(), Signing(key))
    assert words(reports) == ["PASSED"] * 3
    revoke(reports, ledger, revocation(by), Signing(key))
    assert words(reports) == ["PASSED"], "at once"
    done = publish(reports, ledger, Policy(), Signing(key, attach=True))
    assert words(reports) == ["PASSED"], "and for good"
    told = {
        (each.repository, each.digest): parse_statement(Bundle.parse(each.bundle).verify(each.key))
        for each in done.attachments
    }
    assert {place for place, said in told.items() if said.revoked == "backdoor"} == {
        ("team/x", digest(by)), ("team/a", digest(by)), ("team/b", digest(by)),
    }, "where it was revoked, and where it was certified"  # fmt: skip
    certified = {place for place, said in told.items() if not said.about_revocation}
    assert certified == {("team/c", digest(3))}


def test_one_bundle_at_a_time_is_in_memory_and_no_whole_result(
    reports: Path, ledger: Ledger, key: PrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        ledger.record(named(f"i{number}", number))
    steps: list[str] = []
    sign, store = Signer.sign, write_atomically

    def counted_sign(self: Signer, name: str, statement: bytes) -> bytes:
        steps.append(f"sign {name}")
        return sign(self, name, statement)

    def counted_store(path: Path, content: storage.Content, *, durable: bool) -> None:
        steps.append(f"store {path.relative_to(path.parents[1])}")
        store(path, content, durable=durable)

    monkeypatch.setattr(Signer, "sign", counted_sign)
    monkeypatch.setattr(storage, "write_atomically", counted_store)
    event.listen(
        ledger._database.engine, "before_cursor_execute", lambda *call: steps.append(call[2])
    )
    done = publish(reports, ledger, Policy(), Signing(key))
    assert not [each for each in steps if "document" in each]
    mine = [each for each in steps if "attestations/" in each]
    assert len(mine) == 2 * 20
    assert all(
        (one.split("/")[-1], other[:5]) == (other.split("/")[-1], "store")
        for one, other in zip(mine[::2], mine[1::2], strict=True)
    )
    assert done.attachments == ()
    attached = publish(reports, ledger, Policy(), Signing(key, attach=True)).attachments
    assert {each.bundle for each in attached} == {
        each.read_bytes() for each in (reports / "attestations").iterdir()
    }


def test_attestations_are_in_folders_where_the_reports_are(
    reports: Path, ledger: Ledger, key: PrivateKey
) -> None:
    ledger.record(named("a", 1))
    ledger.record(named("b", 2))
    update_reports(reports, ledger, layout="folders")
    publish(reports, ledger, Policy(), Signing(key))
    found = {str(each.relative_to(reports / "attestations")) for each in signed_files(reports)}
    stems = (certificate_stem(each, "folders") for each in (named("a", 1), named("b", 2)))
    assert found == {f"{each}.sigstore.json" for each in stems}
    revoke(reports, ledger, revocation(1), Signing(key))
    assert words(reports) == ["PASSED"]


def test_a_publication_that_cannot_be_written_leaves_nothing(
    reports: Path, ledger: Ledger, key: PrivateKey
) -> None:
    ledger.record(named("a", 1))
    (reports / "attestations").mkdir()
    with pytest.raises(BadPublication, match="attestations"):
        publish(reports, ledger, Policy(), Signing(key))
    assert [each.name for each in (reports / "approved").iterdir()] == [".lock"]


def test_a_revocation_is_signed_equally_each_time(
    reports: Path, ledger: Ledger, key: PrivateKey
) -> None:
    ledger.record(named("a", 1))
    revoke(reports, ledger, revocation(1))
    signing = Signing(key, attach=True)
    done = [publish(reports, ledger, Policy(), signing).attachments for _ in range(2)]
    first, second = (
        [(each.created, Bundle.parse(each.bundle).payload) for each in all_] for all_ in done
    )
    assert first == second
    assert len(first) == 2


def test_a_dry_run_leaves_no_trace(reports: Path, ledger: Ledger) -> None:
    ledger.record(named("a", 1))
    before = sorted(reports.rglob("*"))
    publish(reports, ledger, Policy(), dry_run=True)
    assert sorted(reports.rglob("*")) == before


def test_a_revocation_holds_with_another_ledger(
    reports: Path, ledger: Ledger, tmp_path: Path
) -> None:
    ledger.record(named("a", 1))
    publish(reports, ledger, Policy())
    revoke(reports, ledger, revocation(1))
    with Ledger.open(f"sqlite:///{tmp_path / 'new.db'}") as other:
        other.record(named("a", 1))
        publish(reports, other, Policy())
        assert (names(reports), len(current(reports).revoked)) == ([], 1)
        revoke(reports, other, revocation(1), lift=True)
        publish(reports, other, Policy())
    assert names(reports) == ["a"]


def test_a_revocation_without_a_list_is_recorded(reports: Path, ledger: Ledger) -> None:
    ledger.record(named("a", 1))
    assert revoke(reports, ledger, revocation(1)) is None
    publish(reports, ledger, Policy())
    assert (names(reports), len(current(reports).revoked)) == ([], 1)


def _publish(reports: Path, times: int = 1000) -> None:
    """Publish so many times: by default until it is killed, but not for ever if nobody does."""
    with Ledger.open(f"sqlite:///{reports / 'certify.db'}") as ledger:
        for _ in range(times):
            publish(reports, ledger, Policy())


def whole(folder: Path) -> int:
    """The number of a publication, all of whose files are of one mind."""
    listed = read_list((folder / LIST).read_text("utf-8"))
    pins = [each.pin for each in listed.images]
    text = (folder / TEXT).read_text("utf-8").splitlines()
    assert [line.partition(" # ")[0] for line in text] == pins
    allowed = json.loads((folder / "policies/containers-policy.json").read_text("utf-8"))
    assert set(allowed["transports"]["docker"]) == set(pins)
    assert f"## List {listed.sequence}," in (folder / CHANGELOG).read_text("utf-8")
    return listed.sequence


def is_past(reports: Path, number: int) -> bool:
    """Return True if a later publication than that is the current one."""
    return int((reports / "approved/current").readlink().name) > number


def test_killed_at_any_moment_the_list_is_whole(reports: Path, ledger: Ledger) -> None:
    for number in range(20):
        ledger.record(named(f"i{number}", 10 + number))
    publish(reports, ledger, Policy())
    for _ in range(4):
        number = whole(reports / "approved/current")
        publisher = FORKS.Process(target=_publish, args=(reports,), daemon=True)
        publisher.start()
        eventually(partial(is_past, reports, number))
        while not is_past(reports, number + 2):
            assert publisher.is_alive()
            with contextlib.suppress(FileNotFoundError):  # so slow that it was forgotten meanwhile
                whole((reports / "approved/current").resolve())
        assert publisher.pid is not None
        os.kill(publisher.pid, signal.SIGKILL)
        publisher.join()
        assert whole(reports / "approved/current") == current(reports).sequence
    publish(reports, ledger, Policy())
    left = {each.name for each in (reports / "approved").iterdir()}
    assert len(left - {".lock", "current"}) == 3, "what the killed ones left is gone"
    assert not list(reports.glob(".certify-*"))


def test_hosts_of_the_policy_decide_whichever_recorded_last(reports: Path, ledger: Ledger) -> None:
    one, two = (
        {"host": HOST.model_copy(update={"cgroup_version": each, "architecture": "amd64"})}
        for each in "12"
    )
    ledger.record(named("a", 1, **two))
    ledger.record(named("a", 1, status=Status.REJECTED, **one))
    ledger.record(named("b", 2, **one))

    def listed(*globs: str) -> list[str]:
        publish(reports, ledger, Policy(hosts=globs or None), allow_shrink=True)
        return names(reports)

    assert listed() == ["b"], "the last verdict on a is a rejection"
    assert listed("cgroup v2, *") == ["a"], "no host of that kind has certified b"
    assert listed("cgroup v1, *") == ["b"]
    assert listed("cgroup v1, *", "cgroup v2, *") == []


def test_two_publishers_at_once_take_turns(reports: Path, ledger: Ledger) -> None:
    ledger.record(named("a", 1))
    running = [FORKS.Process(target=_publish, args=(reports, 5)) for _ in range(3)]
    for each in running:
        each.start()
    for each in running:
        each.join(60)
    assert [each.exitcode for each in running] == [0, 0, 0]
    text = (reports / CHANGELOG).read_text("utf-8")
    numbers = [int(line.split()[2].rstrip(",")) for line in text.splitlines() if "## List" in line]
    assert len(set(numbers)) == 15
    assert numbers == sorted(numbers, reverse=True)
