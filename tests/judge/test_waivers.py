"""Waivers: the file, the images that they match, and when they expire."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from certify.judge.waivers import Waiver, in_force, matching, notes, parse_waivers, valid_until
from certify.model.errors import BadWaivers, UsageError
from certify.model.reference import Reference
from certify.model.result import AppliedWaiver, Check, Image
from certify.model.terms import Level, Outcome, WaiverState

KNOWN = ("dockerd.container", "dockerd.restart", "image.os", "own.proxy")
DIGEST = "sha256:" + "0123456789abcdef" * 4
OTHER = "sha256:" + "f" * 64
NOON = datetime(2026, 5, 31, 12, 0, tzinfo=UTC)

GOOD = """
# excuses of team a
[[waiver]]
image = "registry.example/team/*:*"
check = "dockerd.container"
reason = "runc is replaced in the next release"
owner = "ana"
expires = 2026-05-31
"""


def read(text: str) -> tuple[Waiver, ...]:
    return parse_waivers(text, "w.toml", KNOWN)


def waiver(image: str = "*", check: str = "image.os", **fields: object) -> Waiver:
    words = {"reason": "harmless", "owner": "ana", "expires": NOON}
    return Waiver.model_validate({"image": image, "check": check} | words | fields)


def image(text: str, *, digest: str | None = None, image_id: str | None = None) -> Image:
    reference = Reference.parse(text)
    return Image(reference=reference.familiar, digest=digest, image_id=image_id)


# ---------------------------------------------------------------- the file


def test_a_waiver_is_read() -> None:
    assert read(GOOD) == (
        Waiver(
            image="registry.example/team/*:*",
            check="dockerd.container",
            reason="runc is replaced in the next release",
            owner="ana",
            expires=datetime(2026, 5, 31, 23, 59, 59, tzinfo=UTC),
        ),
    )
    more = f'{GOOD}ticket = "OPS-1"\ndigest = "{DIGEST}"\n{GOOD}'
    first, second = read(more)
    assert (first.ticket, first.digest) == ("OPS-1", DIGEST)
    assert (second.ticket, second.digest) == (None, None)


@pytest.mark.parametrize("text", ["", "# none now\n", "waiver = []"])
def test_a_file_may_have_no_waivers(text: str) -> None:
    assert read(text) == ()


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2026-05-31", "2026-05-31T23:59:59+00:00"),
        ("2026-05-31T12:00:00Z", "2026-05-31T12:00:00+00:00"),
        ("2026-05-31T12:00:00+02:00", "2026-05-31T10:00:00+00:00"),
        ("2026-05-31T12:00:00", "2026-05-31T12:00:00+00:00"),
    ],
)
def test_expires_is_a_moment_in_utc(written: str, moment: str) -> None:
    (one,) = read(GOOD.replace("2026-05-31", written))
    assert one.expires.isoformat() == moment


DATE = "must be a TOML date without quotes"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("2026-05-31", '"2026-05-31"', f"w.toml:8: waiver 1, expires: {DATE}"),
        ("2026-05-31", "12:00:00", f"w.toml:8: waiver 1, expires: {DATE}"),
        ("2026-05-31", "20260531", f"w.toml:8: waiver 1, expires: {DATE}"),
        ("2026-05-31", "true", f"w.toml:8: waiver 1, expires: {DATE}"),
        ("2026-05-31", "9999-12-31T23:59:59-01:00", "w.toml:8: waiver 1, expires: is out of the"),
        ("2026-05-31", "2026-02-30", "w.toml: this is not TOML: "),
        ("expires = 2026-05-31\n", "", "w.toml:3: waiver 1, expires: is missing"),
        ('owner = "ana"\n', "", "w.toml:3: waiver 1, owner: is missing"),
        ('"ana"', '" "', "w.toml:7: waiver 1, owner: is empty"),
        ('"ana"', '["ana"]', "w.toml:7: waiver 1, owner: must be text in quotes"),
        ("runc is replaced in the next release", "", "w.toml:6: waiver 1, reason: is empty"),
        ("owner", "ownr", "w.toml:7: waiver 1, ownr: is not known here; did you mean 'owner'?"),
        ("registry.example/team/*:*", "Debian", "w.toml:4: waiver 1, image: 'Debian' is not"),
        ("registry.example/team/*:*", "", "w.toml:4: waiver 1, image: is empty"),
        (
            "dockerd.container",
            "dockerd.contaner",
            "w.toml:5: waiver 1, check: there is no check 'dockerd.contaner'; did you mean "
            "'dockerd.container'?",
        ),
        ("dockerd.container", "zzz", "there is no check 'zzz'; `certify checks` lists them"),
        ("dockerd.container", "dockerd.*", "'dockerd.*' is a glob; a waiver names exactly one"),
        ("expires", 'digest = "sha256:1"\nexpires', "w.toml:8: waiver 1, digest: must be 'sha256:"),
        ("expires", 'ticket = ""\nexpires', "w.toml:8: waiver 1, ticket: is empty"),
        ("[[waiver]]", "[waiver]", "w.toml:3: waiver: must be tables: write [[waiver]], with two"),
        ("[[waiver]]", "[[waver]]", "w.toml:3: waver: is not known here; did you mean 'waiver'?"),
        ("[[waiver]]", "waiver = [7]\n[[x]]", "w.toml:3: waiver 1: must be a table"),
        ("image =", "image", "w.toml: this is not TOML: "),
        ("runc", 'runc""" """', "w.toml: this is not TOML: "),
    ],
)
def test_a_mistake_is_reported_with_file_line_and_key(old: str, new: str, message: str) -> None:
    assert old in GOOD
    with pytest.raises(BadWaivers, match=re.escape(message)) as caught:
        read(GOOD.replace(old, new, 1))
    assert isinstance(caught.value, UsageError)


def test_all_mistakes_are_reported_at_once() -> None:
    text = f'{GOOD}{GOOD.replace("ana", "")}\n[[waiver]]\nimage = "a:*"\n'
    with pytest.raises(BadWaivers) as caught:
        read(text.replace("dockerd.container", "dockerd", 1))
    lines = caught.value.message.split("\n")
    assert [line.partition(": ")[0] for line in lines] == [
        "w.toml:5",
        "w.toml:15",
        *["w.toml:18"] * 4,
    ]
    assert "waiver 2, owner" in lines[1]


def test_own_checks_can_be_waived_if_they_are_known() -> None:
    text = GOOD.replace("dockerd.container", "own.proxy")
    assert read(text)[0].check == "own.proxy"
    with pytest.raises(BadWaivers):
        parse_waivers(text, "w.toml", ("image.os",))


# ---------------------------------------------------------------- matching images


@pytest.mark.parametrize(
    ("pattern", "reference", "matches"),
    [
        # However it is spelled, and only in its own registry
        ("debian:12", "debian:12", True),
        ("docker.io/library/debian:12", "debian:12", True),
        ("library/debian:12", "debian:12", True),
        ("debian:12", "evil.example/debian:12", False),
        ("debian:12", "evil.example/library/debian:12", False),
        ("docker.io/library/debian:12", "evil.example/docker.io/library/debian:12", False),
        ("team/app:1.2", "registry.example/team/app:1.2", False),
        ("team/app:1.2", "docker.io/team/app:1.2", True),
        ("registry.example/team/app:1.2", "registry.example/team/app:1.2", True),
        # A plain reference without a tag means latest
        ("debian", "debian:latest", True),
        ("debian", "debian:12", False),
        ("team/app", "team/app", True),
        ("index.docker.io/debian:12", "debian:12", True),
        ("[2001:db8::1]:5000/app:1", "[2001:db8::1]:5000/app:1", True),
        # Globs
        ("*", "debian:12", True),
        ("debian:*", "debian:12", True),
        ("debian:1?", "debian:12", True),
        ("debian:1[23]", "debian:12", True),
        ("debian:1[!2]", "debian:12", False),
        ("debian:1.*", "debian:12", False),
        ("*:12", "team/sub/app:12", True),
        ("*:12", "registry.example/team/sub/app:12", False),
        ("debian:*", "evil.example/debian:12", False),
        ("*", "evil.example/debian:12", False),
        ("team/*:*", "registry.example/team/sub/app:12", False),
        ("team/*:*", "team/sub/app:12", True),
        ("registry.example/*", "registry.example/team/sub/app:12", True),
        ("registry.example/*:12", "registry.example:5000/app:12", False),
        ("registry.example/*", "evil.example/registry.example/app:12", False),
        ("localhost:5000/*", "localhost:5000/app:1", True),
        ("[2001:db8::1]:5000/app:*", "[2001:db8::1]:5000/app:1", True),
        ("team/*", "registry.example/other/team/app:12", False),
        ("docker.io/*", "debian:12", True),
        ("docker.io/*", "registry.example/debian:12", False),
        ("debian*", "library/debian-slim:1", True),
        # Case counts
        ("Debian:*", "debian:12", False),
        ("debian:RC*", "debian:RC1", True),
        ("debian:rc*", "debian:RC1", False),
        # With a digest, and by an image's id
        (f"debian@{DIGEST}", f"debian@{DIGEST}", True),
        ("debian:12", f"debian:12@{DIGEST}", True),
        ("debian:12", f"debian@{DIGEST}", False),
        (f"debian:12@{DIGEST}", "debian:12", False),
        ("debian@*", f"debian@{DIGEST}", True),
        (DIGEST, DIGEST, True),
        ("debian:*", DIGEST, False),
    ],
)
def test_an_image_is_matched_by_any_of_its_names(
    pattern: str, reference: str, matches: bool
) -> None:
    assert waiver(pattern).matches(image(reference)) is matches


@pytest.mark.parametrize(
    ("digest", "image_id", "matches"),
    [(DIGEST, OTHER, True), (OTHER, DIGEST, True), (OTHER, OTHER, False), (None, None, False)],
)
def test_a_digest_narrows_it_to_one_image(
    digest: str | None, image_id: str | None, matches: bool
) -> None:
    candidate = image("debian:12", digest=digest, image_id=image_id)
    assert waiver("debian:*", digest=DIGEST).matches(candidate) is matches
    assert not waiver("alpine:*", digest=DIGEST).matches(candidate)


names = st.from_regex(r"[a-z]{1,3}(/[a-z]{1,3})?(:[a-zA-Z]{1,3})?", fullmatch=True)


@given(names, names)
def test_a_plain_reference_matches_itself_alone(one: str, other: str) -> None:
    assert waiver(one).matches(image(one))
    assert not waiver(one).matches(image(f"evil.example/{one}"))
    same = Reference.parse(one) == Reference.parse(other)
    assert waiver(one).matches(image(other)) is same


@pytest.mark.parametrize("glob", ["*.example/team/app:1", "registry.example:*/app:1", "x.[ab]/a:*"])
def test_the_registry_of_a_glob_is_no_glob(glob: str) -> None:
    with pytest.raises(ValidationError, match="is a glob: name the one"):
        waiver(glob)


def test_matching_waivers_keep_their_order() -> None:
    listed = [waiver("debian:*"), waiver("alpine:*"), waiver("*", "image.shell")]
    assert matching(listed, image("debian:12")) == (listed[0], listed[2])


# ---------------------------------------------------------------- expiry


@pytest.mark.parametrize(
    ("now", "counts"),
    [
        ("2026-05-30T00:00:00+00:00", True),
        ("2026-05-31T23:59:59+00:00", True),
        ("2026-06-01T00:00:00+00:00", False),
        ("2026-06-01T01:00:00+02:00", True),
    ],
)
def test_a_date_is_the_last_day(now: str, counts: bool) -> None:
    moment = datetime.fromisoformat(now)
    assert bool(in_force(read(GOOD), moment)) is counts


def test_of_several_waivers_the_one_that_expires_last_counts() -> None:
    hours = {"b": 3, "c": 5, "d": 5, "a": -1}
    listed = [waiver(owner=o, expires=NOON + timedelta(hours=h)) for o, h in hours.items()]
    assert in_force(listed, NOON)["image.os"].owner == "c"
    assert in_force(listed, NOON + timedelta(hours=9)) == {}
    assert in_force([], NOON) == {}


def check(
    outcome: Outcome = Outcome.PASSED,
    *,
    waived: AppliedWaiver | None = None,
    level: Level = Level.REQUIRED,
) -> Check:
    return Check(
        id="image.os",
        title="t",
        group="image",
        level=level,
        outcome=outcome,
        seconds=0,
        waiver=waived,
    )


EXCUSE = waiver().waived


@pytest.mark.parametrize(
    ("checks", "now", "states"),
    [
        ([check(Outcome.FAILED, waived=EXCUSE)], NOON, [WaiverState.USED]),
        ([check(Outcome.SKIPPED, waived=EXCUSE)], NOON, [WaiverState.USED]),
        ([check()], NOON, [WaiverState.UNNEEDED]),
        ([check(Outcome.UNKNOWN)], NOON, []),
        ([check(Outcome.SKIPPED)], NOON, []),
        ([], NOON, []),
        ([check(Outcome.FAILED)], NOON + timedelta(seconds=1), [WaiverState.EXPIRED]),
        ([check()], NOON + timedelta(seconds=1), [WaiverState.EXPIRED]),
        ([check(Outcome.UNKNOWN)], NOON + timedelta(seconds=1), [WaiverState.EXPIRED]),
        ([], NOON + timedelta(seconds=1), []),
    ],
)
def test_the_state_of_a_waiver(
    checks: list[Check], now: datetime, states: list[WaiverState]
) -> None:
    found = notes([waiver("debian:*", ticket="OPS-1")], checks, now)
    assert [note.state for note in found] == states
    for note in found:
        assert (note.image, note.check, note.ticket) == ("debian:*", "image.os", "OPS-1")
        assert (note.reason, note.owner, note.expires) == ("harmless", "ana", NOON)


def test_a_certificate_ends_with_the_first_waiver_that_it_needs() -> None:
    late, later = NOON + timedelta(days=30), NOON + timedelta(days=90)
    long = waiver(expires=later).waived
    failed = Outcome.FAILED
    assert valid_until([check()], late) == late
    assert valid_until([check(failed, waived=long)], late) == late
    assert valid_until([check(failed, waived=long), check(failed, waived=EXCUSE)], late) == NOON
    noted = check(failed, waived=EXCUSE, level=Level.RECOMMENDED)
    assert valid_until([noted], late) == late
