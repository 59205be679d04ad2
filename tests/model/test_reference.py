"""References as people and engines write them, and messages about wrong ones."""

from __future__ import annotations

import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from certify.model.errors import BadReference
from certify.model.reference import Reference, quote

HEX = "0123456789abcdef" * 4
DIGEST = f"sha256:{HEX}"


@pytest.mark.parametrize(
    ("text", "canonical", "familiar"),
    [
        ("debian", "docker.io/library/debian:latest", "debian:latest"),
        ("debian:12", "docker.io/library/debian:12", "debian:12"),
        ("library/debian:12", "docker.io/library/debian:12", "debian:12"),
        ("docker.io/debian:12", "docker.io/library/debian:12", "debian:12"),
        ("index.docker.io/debian:12", "docker.io/library/debian:12", "debian:12"),
        ("team/app", "docker.io/team/app:latest", "team/app:latest"),
        ("docker.io/library/a/b:1", "docker.io/library/a/b:1", "library/a/b:1"),
        (f"debian@{DIGEST}", f"docker.io/library/debian@{DIGEST}", f"debian@{DIGEST}"),
        (f"debian:12@{DIGEST}", f"docker.io/library/debian:12@{DIGEST}", f"debian:12@{DIGEST}"),
        (
            f"a@sha512:{HEX}{HEX}",
            f"docker.io/library/a@sha512:{HEX}{HEX}",
            f"a@sha512:{HEX}{HEX}",
        ),
        ("localhost/app:1", "localhost/app:1", "localhost/app:1"),
        ("localhost:5000/app", "localhost:5000/app:latest", "localhost:5000/app:latest"),
        # Without a slash nothing is a registry: this is a tag.
        ("localhost:5000", "docker.io/library/localhost:5000", "localhost:5000"),
        ("ghcr.io/a/b/c:v1.2", "ghcr.io/a/b/c:v1.2", "ghcr.io/a/b/c:v1.2"),
        ("Team/app:1", "Team/app:1", "Team/app:1"),
        ("[2001:db8::1]:5000/app:1", "[2001:db8::1]:5000/app:1", "[2001:db8::1]:5000/app:1"),
        ("[::1]/app:1", "[::1]/app:1", "[::1]/app:1"),
        ("a/b__c.d-e---f", "docker.io/a/b__c.d-e---f:latest", "a/b__c.d-e---f:latest"),
        ("app:" + "T" * 128, "docker.io/library/app:" + "T" * 128, "app:" + "T" * 128),
        # Short forms that would be parsed as another reference are not used.
        ("docker.io/localhost/app:1", "docker.io/localhost/app:1", "docker.io/localhost/app:1"),
        ("docker.io/a.b/app:1", "docker.io/a.b/app:1", "docker.io/a.b/app:1"),
        ("library/sha256:1", "docker.io/library/sha256:1", "library/sha256:1"),
    ],
)
def test_references_are_parsed_as_engines_do(text: str, canonical: str, familiar: str) -> None:
    reference = Reference.parse(text)
    assert str(reference) == canonical
    assert reference.familiar == familiar
    assert reference.image_id is None


def test_parts_of_a_reference() -> None:
    assert Reference.parse(f"r.example:5000/team/app:1@{DIGEST}") == Reference(
        registry="r.example:5000", repository="team/app", tag="1", digest=DIGEST
    )
    assert Reference.parse("debian:12").name == "docker.io/library/debian"


@pytest.mark.parametrize("text", ["oci:./dir", "docker-archive:a b.tar:x:1", "oci-archive:/A"])
def test_a_file_is_a_reference(text: str) -> None:
    reference = Reference.parse(text)
    assert str(reference) == reference.familiar == reference.name == reference.archive == text
    assert (reference.registry, reference.repository, reference.tag) == ("", "", None)


@pytest.mark.parametrize("text", [DIGEST, HEX])
def test_an_image_id_is_a_reference(text: str) -> None:
    reference = Reference.parse(text)
    assert reference.image_id == DIGEST
    assert (reference.registry, reference.repository) == ("", "")
    assert (reference.tag, reference.digest) == (None, None)
    assert str(reference) == reference.familiar == reference.name == DIGEST


@pytest.mark.parametrize(
    ("text", "part", "advice"),
    [
        ("", "empty", "registry.example/team/app:1.2"),
        (" ", "white space", "registry.example/team/app:1.2"),
        ("debian :12", "white space", "example: debian:12"),
        ("debian\n", "white space", "example: debian"),
        ("-v", "begins with '-'", "registry.example/team/app:1.2"),
        ("https://ghcr.io/a/b:1", "'https://'", "example: ghcr.io/a/b:1"),
        ("a://" * 5000, "no URLs", "registry.example/team/app:1.2"),
        ("Debian:12", "repository 'Debian' has upper-case", "example: debian:12"),
        (
            "ghcr.io/Team/App:RC1",
            "repository 'Team/App' has upper-case",
            "example: ghcr.io/team/app:RC1",
        ),
        ("r.io/" + "A/" * 5000 + "A", "upper-case", "registry.example/team/app:1.2"),
        ("debian:", "tag after ':' is empty", "debian:12"),
        ("debian:1:2", "tag '1:2'", "debian:12"),
        ("debian:-1", "tag '-1'", "debian:12"),
        ("debian:" + "1" * 129, "longer than 128", "debian:12"),
        (":12", "repository is missing", "registry.example/team/app:1.2"),
        ("ghcr.io/", "repository is missing", "registry.example/team/app:1.2"),
        ("a//b", "a '/' too many", "registry.example/team/app:1.2"),
        ("/a", "a '/' too many", "registry.example/team/app:1.2"),
        ("a/", "a '/' too many", "registry.example/team/app:1.2"),
        ("a/b_", "begins or ends", "registry.example/team/app:1.2"),
        ("_a/b", "begins or ends", "registry.example/team/app:1.2"),
        ("a/b..c", "separators in a row", "registry.example/team/app:1.2"),
        ("a/b___c", "separators in a row", "registry.example/team/app:1.2"),
        ("debian*", "contains the character '*'", "registry.example/team/app:1.2"),
        ("débian", "contains the character 'é'", "registry.example/team/app:1.2"),
        ("a\ud800", "contains the character '\\ud800'", "registry.example/team/app:1.2"),
        ("my_host:5000/app", "registry 'my_host:5000'", "registry.example/team/app:1.2"),
        ("a..b/app", "registry 'a..b'", "registry.example/team/app:1.2"),
        ("-a.b/app", "begins with '-'", "registry.example/team/app:1.2"),
        ("a.b:/app", "no port number", "registry.example:5000/team/app:1.2"),
        ("a.b:99999/app", "no port number", "registry.example:5000/team/app:1.2"),
        ("[::1]:x/app", "no port number", "registry.example:5000/team/app:1.2"),
        ("[::1:::]/app", "not an IPv6 address", "[2001:db8::1]:5000/team/app:1.2"),
        ("[::1/app", "not an IPv6 address", "[2001:db8::1]:5000/team/app:1.2"),
        ("debian@", "digest ''", "debian@sha256:"),
        ("debian@md5:" + HEX, "does not begin with one of sha256", "debian@sha256:"),
        ("debian@sha256:" + HEX[1:], "needs 64", "debian@sha256:"),
        ("debian@sha256:" + HEX.upper(), "needs 64 lower-case", "debian@sha256:"),
        (f"debian@{DIGEST}@{DIGEST}", "needs 64", "debian@sha256:"),
        ("sha256:abc", "an image ID", "debian:12"),
        ("sha256:" + HEX.upper(), "an image ID", "debian:12"),
        ("a/" * 127 + "abc", "longer than 255", "registry.example/team/app:1.2"),
    ],
)
def test_the_message_names_the_mistake_and_an_example(text: str, part: str, advice: str) -> None:
    with pytest.raises(BadReference) as caught:
        Reference.parse(text)
    message = caught.value.message
    assert part in message
    assert advice in message
    assert "\n" not in message
    assert len(message) < 400
    message.encode()


def test_the_longest_name_is_255_characters() -> None:
    longest = "r.example/" + "a" * 245
    assert Reference.parse(longest).name == longest
    with pytest.raises(BadReference, match="longer than 255"):
        Reference.parse(longest + "a")


def test_quoted_is_one_short_printable_line() -> None:
    assert quote("a\nb") == "'a\\nb'"
    assert len(quote("x" * 1000)) == 62


grammar = st.text(alphabet=string.ascii_letters[:8] + "ABC019._-:/@[]", max_size=40)
part = st.from_regex(r"[a-z0-9]{1,5}((\.|_|__|-{1,3})[a-z0-9]{1,5}){0,2}", fullmatch=True)
# Otherwise a first part with a dot would be parsed as a registry.
first = st.sampled_from(
    ["team/", "localhost/", "docker.io/", "r.example:5000/", "[::1]:80/", "Re/"]
)
valid = st.builds(
    lambda name, tag, digest: name + tag + digest,
    part | st.builds(lambda head, parts: head + "/".join(parts), first, st.lists(part, min_size=1)),
    st.just("") | st.from_regex(r":[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True),
    st.just("") | st.just(f"@{DIGEST}"),
).filter(lambda text: not text.startswith("sha256:") and len(text) < 240)


@given(st.one_of(valid, grammar, st.text(), st.just(DIGEST)))
@example("sha256:0")
@example("[")
@example("İ/b")
def test_any_text_is_a_reference_or_a_bad_reference(text: str) -> None:
    try:
        reference = Reference.parse(text)
    except BadReference as problem:
        assert problem.message.encode()
        return
    assert Reference.parse(str(reference)) == reference
    assert Reference.parse(reference.familiar) == reference
    assert len(reference.familiar) <= len(str(reference))


@given(valid)
def test_every_text_of_the_grammar_is_accepted(text: str) -> None:
    reference = Reference.parse(text)
    assert reference.tag or reference.digest
