"""Rules for the shipped checks, for the profiles that name them, and for their files."""

from __future__ import annotations

from pathlib import Path

import pytest

from certify.engine.packages import missing_tests
from certify.judge.groups import GROUPS, group_rank
from certify.judge.profiles import load, shipped
from certify.model.terms import Level
from certify.suite.catalogue import claims, specs, suite_directory
from certify.suite.claims import Spec

ORDER = [spec.claim.id for spec in specs()]
every_profile = pytest.mark.parametrize("name", shipped())


# Checks


def test_no_two_checks_have_one_id() -> None:
    assert len(set(ORDER)) == len(ORDER) == len(claims())


@pytest.mark.parametrize("spec", specs(), ids=lambda spec: spec.claim.id)
def test_a_check_explains_itself(spec: Spec) -> None:
    claim = spec.claim
    for text in (claim.title, claim.claim, claim.why, claim.how, claim.remedy):
        assert text.strip() == text
        assert text
        assert "\n" not in text
        assert "  " not in text
    assert len(claim.title) <= 24, "titles stand in tables"
    assert not claim.title.endswith(".")
    assert claim.claim.endswith("."), "a claim is a sentence"
    assert claim.remedy.endswith(".")
    assert len({claim.claim, claim.why, claim.how, claim.remedy}) == 4
    assert claim.level is Level.REQUIRED, "levels are the profiles' business"


def test_the_needs_of_a_check_exist_and_run_before_it() -> None:
    for place, claim in enumerate(spec.claim for spec in specs()):
        for needed in claim.needs:
            assert needed in ORDER[:place], f"{needed} would run after {claim.id}"


def test_a_provided_capability_can_be_looked_for() -> None:
    assert {spec.provides for spec in specs()} - {None} <= set(missing_tests())


def test_some_profile_names_every_check() -> None:
    assert set(ORDER) <= {check for name in shipped() for check in load(name).checks}


def test_checks_that_end_the_container_have_a_place_each() -> None:
    places = [spec.last for spec in specs() if spec.last]
    assert places == list(range(1, len(places) + 1))


# Files and groups


@pytest.mark.parametrize("path", sorted(suite_directory().glob("test_*.py")), ids=lambda p: p.stem)
def test_a_file_holds_the_declared_checks_of_one_group(path: Path) -> None:
    """So that the docstring of the file can describe the group."""
    functions = [
        line for line in path.read_text("utf-8").splitlines() if line.startswith("def test_")
    ]
    group = path.stem.removeprefix("test_")
    assert len(functions) == len([each for each in ORDER if each.startswith(f"{group}.")])


def test_each_listed_group_has_checks() -> None:
    assert set(GROUPS) <= {claim.group for claim in claims().values()}


def test_checks_run_in_the_order_of_their_groups() -> None:
    groups = [spec.claim.group for spec in specs() if not spec.last]
    assert groups == sorted(groups, key=group_rank)


# Profiles


@every_profile
def test_a_profile_names_only_checks_that_exist(name: str) -> None:
    assert set(load(name).checks) <= set(claims())


@every_profile
def test_a_profile_names_all_that_its_checks_need(name: str) -> None:
    """Otherwise a failure at the root of a chain would go unseen, and its checks be skipped."""
    profile = load(name)
    for check_id in profile.checks:
        assert set(claims()[check_id].needs) <= set(profile.checks), check_id
