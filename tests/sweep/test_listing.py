from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.model.errors import BadListing
from certify.model.reference import Reference
from certify.sweep.listing import Entry, parse_listing

GOOD = """\
# what we sweep every night
debian:12                      # the default
  ghcr.io/team/app:1.2\tprofile=devspace  profile=plain platform=linux/arm64/v8

registry.example/team/*:*  profile=plain
#ubuntu
"""


def test_reads_a_list() -> None:
    assert parse_listing(GOOD, "images.txt") == (
        Entry(Reference.parse("debian:12"), None, (), None, 2),
        Entry(
            Reference.parse("ghcr.io/team/app:1.2"),
            None,
            ("devspace", "plain"),
            "linux/arm64",
            3,
        ),
        Entry(None, "registry.example/team/*:*", ("plain",), None, 5),
    )


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_ends_and_a_byte_order_mark_do_not_matter(end: str, mark: str) -> None:
    text = mark + GOOD.replace("\n", end)
    assert parse_listing(text, "x") == parse_listing(GOOD, "x")


def test_lines_are_counted_as_editors_count_them() -> None:
    assert parse_listing("# a\x0cb\u2028c\ndebian", "x")[0].line == 2


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing", "\ufeff", "  \t # nothing\r\n"])
def test_a_list_may_be_empty(text: str) -> None:
    assert parse_listing(text, "x") == ()


@pytest.mark.parametrize(
    "glob",
    [
        "repo:1.*",
        "*",
        "*:*",
        "team/*",
        "team/app-?:v[0-9]*",
        "team/app:[!a]*",
        "r.example:5000/*/app:*",
        "[::1]:5000/team/*:*",
        "localhost/*:1",
    ],
)
def test_globs_are_not_changed(glob: str) -> None:
    (entry,) = parse_listing(glob, "x")
    assert (entry.reference, entry.pattern, entry.target) == (None, glob, glob)


def test_an_ipv6_registry_is_no_glob() -> None:
    (entry,) = parse_listing("[::1]:5000/app:1", "x")
    assert entry.pattern is None
    assert entry.target == "[::1]:5000/app:1"


@pytest.mark.parametrize(
    ("line", "found", "expected"),
    [
        ("Debian:12", "'Debian:12'", "debian:12"),
        ("debian#12", "'debian#12'", "the character '#'"),
        ("debian ubuntu", "'ubuntu' after the reference", "one reference a line"),
        ("profile=plain", "'profile=plain'", "a reference before it"),
        ("profile=plain debian", "'profile=plain'", "a reference before it"),
        ("debian profil=plain", "'profil=plain'", "did you mean profile=plain?"),
        ("debian color=red", "'color=red'", "profile=NAME or platform="),
        ("debian profile=", "profile ''", "profile=devspace"),
        ("debian profile=../x", "profile '../x'", "profile=devspace"),
        ("debian profile=plain profile=plain", "profile=plain twice", "every profile once"),
        ("debian platform=arm64", "platform 'arm64'", "linux/amd64"),
        ("debian platform=Linux/arm64", "platform 'Linux/arm64'", "linux/amd64"),
        ("debian platform=linux/arm64/v8/x", "platform", "linux/amd64"),
        ("debian platform=a/b platform=c/d", "a second platform", "one a line"),
        ("*.example/team/app", "wildcard in the registry", "registry.example/team/*:*"),
        ("debian:*@sha256:00", "'debian:*@sha256:00'", "a glob without digest"),
        ("debian:[", "no image can match 'debian:['", "tag '['"),
        ("team/App-*", "no image can match 'team/App-*'", "upper-case"),
        ("oci:./layout", "'oci:./layout'", "`certify run` takes files"),
        ("sha256:*", "no image can match 'sha256:*'", "an image ID"),
    ],
)
def test_a_bad_line_is_reported_with_place_text_and_expectation(
    line: str, found: str, expected: str
) -> None:
    with pytest.raises(BadListing) as caught:
        parse_listing(f"# first\n{line}\n", "lists/images.txt")
    assert caught.value.message.startswith("lists/images.txt:2: ")
    assert "\n" not in caught.value.message
    assert found in caught.value.message
    assert expected in caught.value.message
    assert "REFERENCE [profile=NAME]" in caught.value.remedy


def test_all_bad_lines_are_reported_and_ten_are_shown() -> None:
    with pytest.raises(BadListing) as caught:
        parse_listing("debian\n" + "BAD\n" * 12, "i.txt")
    lines = caught.value.message.splitlines()
    assert lines[0] == "i.txt: 12 bad lines"
    assert [line.partition(" ")[0] for line in lines[1:-1]] == [f"i.txt:{n}:" for n in range(2, 12)]
    assert lines[-1] == "and 2 more"


@pytest.mark.parametrize(
    ("first", "again"),
    [
        ("debian", "docker.io/library/debian:latest"),
        ("debian profile=plain", "debian profile=devspace profile=plain"),
        ("debian platform=linux/arm64", "debian platform=linux/arm64"),
        ("debian platform=*", "debian platform=all"),
        ("team/*:*", "team/*:*"),
    ],
)
def test_a_line_that_repeats_another_is_bad(first: str, again: str) -> None:
    with pytest.raises(BadListing, match=r"x:3: found .* again, expected it once, as on line 1"):
        parse_listing(f"{first}\n\n{again}\n", "x")


@pytest.mark.parametrize(
    ("first", "other"),
    [
        ("debian profile=plain", "debian profile=devspace"),
        ("debian platform=linux/arm64", "debian platform=linux/amd64"),
        ("debian platform=linux/arm64", "debian platform=*"),
        ("debian:12", "debian:13"),
        ("debian", "debian profile=plain"),
    ],
)
def test_an_image_may_be_listed_with_other_profiles_or_platforms(first: str, other: str) -> None:
    assert len(parse_listing(f"{first}\n{other}\n", "x")) == 2


def test_profiles_must_be_known_if_a_list_of_them_is_given() -> None:
    assert parse_listing("debian profile=plain", "x", known_profiles=("plain",))
    with pytest.raises(BadListing, match="expected one of devspace, plain"):
        parse_listing("debian profile=plan", "x", known_profiles=("plain", "devspace"))


def test_an_entry_is_either_a_reference_or_a_pattern() -> None:
    with pytest.raises(ValueError, match="either"):
        Entry(None, None, (), None, 1)


words = st.sampled_from(
    ["debian", "a/b:1", "*:*", "#", "profile=a", "platform=b/c", "\n", "\r\n", " ", "[", "@", "=x"]
)


@given(st.one_of(st.text(), st.lists(words).map(" ".join)))
def test_any_text_is_a_list_or_a_bad_listing(text: str) -> None:
    try:
        entries = parse_listing(text, "x")
    except BadListing as problem:
        assert problem.message.startswith("x:")
        return
    assert all((entry.reference is None) != (entry.pattern is None) for entry in entries)
