"""The approved-images list as text and as JSON, and the changelog of it."""

from __future__ import annotations

import json
import unicodedata
from datetime import timedelta
from importlib import resources
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.approved.render import (
    ENTRIES,
    Changes,
    changelog,
    compare_lists,
    list_json,
    list_text,
    read_list,
)
from certify.model.approved import Approved, ApprovedList, Revocation
from certify.model.reference import Reference
from certify.model.terms import Grade, Trust
from tests.factories import NOW, REGISTRY, REPOSITORY, a_list, an_entry, digest, raw_list

HOSTILE = "\x1b[2J<script>\u202e|`#\n## List 9\n- added evil"
STAMP = "%Y-%m-%dT%H:%M:%SZ"
REVOKED = Revocation(
    digest=digest(5), reference=f"{REGISTRY}/{REPOSITORY}@{digest(5)}", reason=HOSTILE,
    revoked_at=NOW,
)  # fmt: skip


def shows(line: str) -> bool:
    """Whether nothing in it moves a cursor, hides, or ends the line."""
    return not {unicodedata.category(each) for each in line} & {"Cc", "Cf", "Cs", "Zl", "Zp"}


def entry(name: str, number: int = 1, **fields: Any) -> Approved:
    """An entry of ``registry.invalid/team/NAME:1``."""
    repository = f"team/{name}"
    return an_entry(
        pin=f"{REGISTRY}/{repository}@{digest(number)}",
        reference=f"{REGISTRY}/{repository}:1",
        repository=repository,
        digest=digest(number),
        **fields,
    )


# ---------------------------------------------------------------- approved-images.txt


def test_a_list_is_the_same_as_one_made_as_a_whole() -> None:
    strange = an_entry(reference='a:\u202e"images": []', waived=("a", "b"), boot_seconds=0.5)
    listed = a_list(an_entry(), strange, platforms=("linux/amd64",))
    assert "".join(list_json(listed)).encode() == raw_list(listed) + b"\n"


def test_a_line_has_a_reference_to_pull_and_its_facts() -> None:
    native = entry("a")
    launch = entry("b", 3, tag=None, profile="devspace", grade=Grade.ON_LAUNCH)
    until = NOW + timedelta(days=30)
    assert list_text(a_list(native, launch)) == (
        f"{REGISTRY}/team/a@{digest(1)} # 1 plain native {NOW:{STAMP}} {until:{STAMP}}\n"
        f"{REGISTRY}/team/b@{digest(3)} # - devspace on-launch {NOW:{STAMP}} {until:{STAMP}}\n"
    )


def test_an_image_on_two_platforms_is_one_line() -> None:
    other = an_entry(platform="linux/arm64", manifest_digest=digest(4))
    assert len(list_text(a_list(an_entry(), other)).splitlines()) == 1


def test_an_empty_list_is_an_empty_file() -> None:
    empty = a_list().model_copy(update={"images": ()})
    assert list_text(empty) == ""
    assert read_list("".join(list_json(empty))) == empty


tags = st.one_of(st.none(), st.text())
entries = st.builds(an_entry, tag=tags, profile=st.text(min_size=1), reference=st.text())
lists = st.lists(entries, min_size=1, max_size=3).map(lambda found: a_list(*found))


@given(lists)
def test_every_line_can_be_pulled_whatever_an_image_is_called(listed: ApprovedList) -> None:
    for image in listed.images:
        (line,) = list_text(a_list(image)).splitlines()
        assert f"{line}\n" in list_text(listed)
        pin, _, rest = line.partition(" # ")
        reference = Reference.parse(pin)
        assert (reference.name, reference.digest) == (f"{REGISTRY}/{REPOSITORY}", image.digest)
        assert rest.endswith(f" native {NOW:{STAMP}} {image.expires_at:{STAMP}}")
        assert shows(line)


# ---------------------------------------------------------------- approved-images.json


def schema() -> Any:
    shipped = resources.files("certify.publish") / "schemas" / "approved.v1.json"
    return json.loads(shipped.read_text("utf-8"))


def check(document: Any) -> None:
    jsonschema.validate(document, schema(), cls=jsonschema.Draft202012Validator)


def test_a_list_follows_the_shipped_schema_and_reads_back() -> None:
    full = entry(
        "b", 3, tag=None, grade=Grade.ON_LAUNCH, trust=Trust.OFFICIAL, waived=("image.os",),
        boot_seconds=0.8, provision_seconds=12.0,
    )  # fmt: skip
    vague = entry("c", 4, manifest_digest=None)
    listed = a_list(entry("a"), full, vague, revoked=(REVOKED,), platforms=("linux/amd64",))
    text = "".join(list_json(listed))
    check(json.loads(text))
    assert text.endswith("\n")
    assert read_list(text) == listed
    assert json.loads(text)["schema"] == "certify/approved/v1"
    assert json.loads(text)["images"][0]["expires_at"].endswith("Z")


@given(lists)
def test_any_list_is_read_back(listed: ApprovedList) -> None:
    text = "".join(list_json(listed))
    assert text.encode() == raw_list(listed) + b"\n", "as if written as a whole"
    assert "\x1b" not in text
    assert [each.digest for each in read_list(text).images] == [
        each.digest for each in listed.images
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "certify/approved/v2"},
        {"sequence": "seven"},
        {"sequence": None},
        {"published_at": "yesterday"},
        {"images": None},
        {"images": [{}]},
        {"images": {}},
        {"revoked": [{"digest": "x"}]},
        {"surprise": 1},
    ],
    ids=str,
)
def test_another_list_is_refused(change: dict[str, Any]) -> None:
    document = json.loads("".join(list_json(a_list()))) | change
    with pytest.raises(ValueError, match="validation error"):
        read_list(json.dumps(document))


@pytest.mark.parametrize("missing", ["sequence", "published_at", "expires_at", "images"])
def test_a_list_without_a_part_is_refused(missing: str) -> None:
    document = json.loads("".join(list_json(a_list())))
    del document[missing]
    with pytest.raises(ValueError, match="Field required"):
        read_list(json.dumps(document))
    with pytest.raises(jsonschema.ValidationError):
        check(document)


@given(st.one_of(st.text(), st.sampled_from(["[" * 99_999, '{"a":' * 99_999, "NaN", "\ud800"])))
def test_any_text_is_a_list_or_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_list(text)


@pytest.mark.parametrize("seconds", ["NaN", "-Infinity", "1e999"])
def test_seconds_that_no_list_can_have_are_refused(seconds: str) -> None:
    text = "".join(list_json(a_list(entry("a", boot_seconds=1.5))))
    with pytest.raises(ValueError, match="is no number"):
        read_list(text.replace('"boot_seconds": 1.5', f'"boot_seconds": {seconds}'))


# ---------------------------------------------------------------- from one list to the next

EVERY = a_list(entry("same"), entry("gone"), entry("moved"), entry("renewed"))
AFTER = a_list(
    entry("same"),
    entry("moved", 4, certified_at=NOW + timedelta(days=1)),
    entry("renewed", certified_at=NOW + timedelta(days=1), expires_at=NOW + timedelta(days=31)),
    entry("new"),
)


def told(name: str) -> str:
    return f"{REGISTRY}/team/{name}:1 (linux/amd64, plain)"


def test_each_change_is_listed_once() -> None:
    reasons = {entry("gone").key: "rejected: it has no shell", entry("same").key: "not asked"}
    found = compare_lists(EVERY, AFTER, reasons)
    assert found == Changes(
        added=(f"added {told('new')}",),
        removed=(f"removed {told('gone')}: rejected: it has no shell",),
        moved=(f"moved {told('moved')}: from sha256:000000000000 to sha256:000000000000",),
        renewed=(f"renewed {told('renewed')}: until {NOW + timedelta(days=31):%Y-%m-%d}",),
    )
    assert found.lines == found.added + found.removed + found.moved + found.renewed


def test_nothing_changes_from_a_list_to_itself() -> None:
    assert compare_lists(EVERY, EVERY, {}) == Changes()


def test_everything_in_a_first_list_is_new() -> None:
    found = compare_lists(None, a_list(entry("b"), entry("a")), {})
    assert found == Changes(added=(f"added {told('a')}", f"added {told('b')}"))


def test_a_removal_without_reason_has_a_sentence() -> None:
    found = compare_lists(EVERY, a_list(*EVERY.images[1:]), {})
    assert found.removed == (f"removed {told('same')}: it has no certificate any more",)


def test_another_profile_or_platform_is_another_entry() -> None:
    before, after = a_list(entry("a")), a_list(entry("a", profile="devspace"))
    found = compare_lists(before, after, {})
    assert [len(each) for each in (found.added, found.removed, found.moved)] == [1, 1, 0]


def test_a_new_index_around_the_same_manifest_moves_it() -> None:
    before, after = a_list(entry("a")), a_list(entry("a", 8))
    assert len(compare_lists(before, after, {}).moved) == 1


def test_hostile_names_break_no_line() -> None:
    hostile = entry("a").model_copy(update={"reference": HOSTILE, "profile": HOSTILE})
    found = compare_lists(a_list(hostile), a_list(entry("b")), {hostile.key: HOSTILE})
    assert len(found.lines) == 2
    assert all(shows(line) for line in found.lines), found


# ---------------------------------------------------------------- the changelog


def numbered(sequence: int) -> ApprovedList:
    return a_list(sequence=sequence)


def headings(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("#")]


def test_the_newest_publication_stands_above_the_earlier_ones() -> None:
    first = changelog(numbered(1), Changes(added=("added a",)), "")
    when = f"{NOW:%Y-%m-%d %H:%M} UTC"
    assert first == (f"# Changes of the approved-images list\n\n## List 1, {when}\n\n- added a\n")
    second = changelog(numbered(2), Changes(removed=("removed a: x",), moved=("moved b",)), first)
    assert second == (
        f"# Changes of the approved-images list\n\n## List 2, {when}\n\n"
        f"- removed a: x\n- moved b\n\n## List 1, {when}\n\n- added a\n"
    )
    third = changelog(numbered(3), Changes(), second)
    assert third.startswith(
        f"# Changes of the approved-images list\n\n## List 3, {when}\n\nNothing changed.\n\n## List"
    )
    assert third.endswith(second.partition("\n\n")[2])


def test_it_is_bounded() -> None:
    text = ""
    for sequence in range(1, ENTRIES + 4):
        text = changelog(numbered(sequence), Changes(added=(f"added {sequence}",)), text)
    found = headings(text)
    assert len(found) == 1 + ENTRIES
    assert found[1].startswith(f"## List {ENTRIES + 3},")
    assert found[-1].startswith("## List 4,")
    assert "- added 4\n" in text


def test_names_cannot_pose_as_markdown_or_as_another_list() -> None:
    hostile = entry("a").model_copy(update={"reference": HOSTILE})
    changed = compare_lists(a_list(hostile), a_list(entry("b")), {hostile.key: "<img src=x>"})
    text = changelog(numbered(1), changed, "")
    assert len(headings(text)) == 2
    assert "<script>" not in text
    assert "<img" not in text
    assert all(shows(line) for line in text.splitlines())
    again = changelog(numbered(2), Changes(), text)
    assert text.partition("\n\n")[2] in again


def test_a_changelog_edited_by_hand_does_no_harm() -> None:
    for old in ("notes of my own\n", "## \n\n## \n", "# Changes of the approved-images list\n"):
        text = changelog(numbered(1), Changes(added=("added a",)), old)
        assert text.startswith("# Changes of the approved-images list\n\n## List 1,")
        assert "- added a" in text


@given(st.text(), st.text())
def test_any_name_stays_on_its_line(name: str, why: str) -> None:
    hostile = entry("a").model_copy(update={"reference": name, "platform": why})
    changed = compare_lists(a_list(hostile), a_list(entry("b")), {hostile.key: why})
    text = changelog(numbered(1), changed, "")
    assert len(text.splitlines()) == 2 + 3 + 2 - 1
    assert len(headings(text)) == 2
