"""What authors of checks write, and what they are told when something is missing."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from certify.model.terms import Level
from certify.suite import CheckUnknown, blocked_by, check, not_applicable, unknown
from certify.suite.claims import Blocked, Spec, is_check_id, own_check_id, run_order, spec_of

WORDS = """The claim, which may
    be longer than a line.

    Some more, for whoever reads the code.

    Why: a platform
    cares.

    How: by looking.
    """


def made(docstring: str | None = WORDS, id: str = "image.os", **rest: object) -> Spec:
    def function() -> None: ...

    function.__doc__ = docstring
    options = {"title": "a title", "remedy": "a remedy"} | rest
    return spec_of(check(id, **options)(function), "test_function")  # type: ignore[arg-type]


def test_a_docstring_becomes_a_claim() -> None:
    claim = made().claim
    assert claim.claim == "The claim, which may be longer than a line."
    assert (claim.why, claim.how) == ("a platform cares.", "by looking.")
    assert (claim.id, claim.title, claim.remedy, claim.group) == (
        "image.os", "a title", "a remedy", "image",
    )  # fmt: skip


def test_the_order_of_why_and_how_is_the_authors() -> None:
    claim = made("Claim.\n\nHow: h\n\nWhy: w").claim
    assert (claim.why, claim.how) == ("w", "h")


def test_a_claim_may_contain_the_words() -> None:
    assert made("Why: not is no claim? How: so.\n\nWhy: w\n\nHow: h").claim.claim.startswith("Why")


def test_options_have_defaults() -> None:
    spec = made()
    assert (spec.claim.needs, spec.claim.level) == ((), Level.REQUIRED)
    assert (spec.provides, spec.last) == (None, 0)


def test_options_are_kept() -> None:
    spec = made(
        needs=("image.shell",), provides="sudo", last=2, level=Level.INFO, remedy="two\n  lines"
    )
    assert (spec.claim.needs, spec.claim.level) == (("image.shell",), Level.INFO)
    assert (spec.provides, spec.last, spec.claim.remedy) == ("sudo", 2, "two lines")


@pytest.mark.parametrize(
    "docstring",
    [
        None,
        "",
        "   \n  ",
        "Claim only.",
        "Claim.\n\nWhy: w",
        "Claim.\n\nHow: h",
        "Claim.\n\nWhy:\n\nHow: h",
        "Claim.\n\nWhy: w\n\nHow:   ",
        "Claim. Why: w How: h",
        "\n\nWhy: w\n\nHow: h",
    ],
)
def test_a_docstring_that_leaves_something_out_is_refused_by_name(docstring: str | None) -> None:
    with pytest.raises(ValueError, match=r"check image\.os: its docstring must be a claim"):
        made(docstring)


@pytest.mark.parametrize(
    "id",
    ["", "image", "image.", ".os", "Image.os", "image.OS", "image.os.more", "image os", "image.1",
     "1.os", "image.os ", "image.os\n", "a/b.c"],
)  # fmt: skip
def test_an_id_that_is_none_is_refused(id: str) -> None:
    with pytest.raises(ValueError, match=r"expected group\.name"):
        made(id=id)


@pytest.mark.parametrize("id", ["a.b", "my-group.a_check-2", "webdevops.tools"])
def test_ids(id: str) -> None:
    assert made(id=id).claim.id == id


# Tests that are no declared checks


@pytest.mark.parametrize(
    ("name", "id"),
    [
        ("test_works", "own.works"),
        ("test_Works[Debian 12]", "own.works-debian-12"),
        ("test_a_b-c", "own.a_b-c"),
        ("test_über", "own.ber"),
        ("test_проверка", "own.check"),
        ("test_", "own.check"),
        ("test_2nd", "own.check-2nd"),
    ],
)
def test_an_ordinary_test_becomes_a_check_of_ones_own(name: str, id: str) -> None:
    def function() -> None:
        """Says what
        it is about."""

    claim = spec_of(function, name).claim
    assert claim.id == own_check_id(name) == id
    assert is_check_id(id), "so that a waiver can name it"
    assert claim.claim == "Says what it is about."
    assert claim.level is Level.REQUIRED
    assert claim.why
    assert claim.how
    assert claim.remedy


def test_the_name_is_the_claim_of_a_test_without_a_docstring() -> None:
    assert spec_of(lambda: None, "test_it").claim.claim == "test_it"
    assert spec_of(None, "test_it").claim.claim == "test_it"


def test_an_attribute_of_the_same_name_is_not_enough() -> None:
    function = SimpleNamespace(certify_check="mine", __doc__="Doc.")
    assert spec_of(function, "test_it").claim.id == "own.it"


# Order


def test_checks_that_end_the_container_run_last_and_the_rest_by_group() -> None:
    specs = [
        made(id="systemd.restart", last=3),
        made(id="own.x"),
        made(id="startup.boot"),
        made(id="dockerd.restart", last=1),
        made(id="image.os"),
        made(id="packages.install"),
    ]
    assert [spec.claim.id for spec in sorted(specs, key=run_order)] == [
        "image.os",
        "packages.install",
        "startup.boot",
        "own.x",
        "dockerd.restart",
        "systemd.restart",
    ]


# Words for not knowing


def test_the_words_for_not_knowing() -> None:
    with pytest.raises(CheckUnknown, match="no idea"):
        unknown("no idea")
    with pytest.raises(pytest.skip.Exception, match="not here"):
        not_applicable("not here")
    with pytest.raises(pytest.skip.Exception, match="it failed") as skipped:
        blocked_by("image.os", "it failed")
    assert isinstance(skipped.value, Blocked)
    assert skipped.value.because == "image.os"
