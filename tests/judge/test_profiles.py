"""Profiles: those that ship, and how one extends another."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.judge.groups import group_rank
from certify.judge.profiles import Profile, load, parse_profile, shipped
from certify.model.errors import BadProfile
from certify.model.terms import Level


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_profile_loads_under_its_own_name(name: str) -> None:
    assert load(name).name == name


@pytest.mark.parametrize("name", [each for each in shipped() if load(each).launch != "nested"])
def test_a_shipped_profile_requires_an_operating_system_with_a_shell(name: str) -> None:
    assert {"image.os", "image.shell", "image.platform"} <= set(load(name).required)


def test_a_service_is_examined_from_outside_alone() -> None:
    text = 'name = "mine"\ntitle = "M"\ndescription = "O"\nsource = "H"\nextends = "service"\n'
    own = parse_profile(f'{text}[service]\nenv = {{ A = "1" }}\n', "mine.toml")
    assert own.service.env == (("A", "1"),)
    assert own.liveness_check == "service.starts"
    with pytest.raises(BadProfile, match=r"'image\.os' looks into the image"):
        parse_profile(f'{text}required = ["image.os"]\n', "mine.toml")
    with pytest.raises(BadProfile, match=r'needs launch = "nested"'):
        parse_profile(
            text.replace("service", "plain") + 'required = ["service.starts"]\n', "mine.toml"
        )


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_profile_names_the_check_that_reports_a_container_that_ends(name: str) -> None:
    assert load(name).liveness_check in load(name).checks


def test_the_shipped_names_are_sorted() -> None:
    assert list(shipped()) == sorted(shipped())


@pytest.mark.parametrize("name", shipped())
def test_groups_come_in_their_order(name: str) -> None:
    groups = [check.partition(".")[0] for check in load(name).checks]
    assert groups == sorted(groups, key=group_rank)


@pytest.mark.parametrize("name", ["devspac", "DevSpace"])
def test_an_unknown_profile_names_the_closest_and_all(name: str) -> None:
    with pytest.raises(BadProfile, match=f"no profile '{name}'") as caught:
        load(name)
    assert "Did you mean 'devspace'?" in caught.value.remedy
    assert "plain" in caught.value.remedy


@pytest.mark.parametrize("name", ["", "../profiles/plain", "plain.toml", "zzz"])
def test_nothing_but_a_shipped_name_is_loaded(name: str) -> None:
    with pytest.raises(BadProfile):
        load(name)


# Extending

BASE = """
name = "base"
title = "Base"
description = "All of ours"
source = "Handbook"
launch = "init"
install = ["bash"]
required = ["image.os", "image.shell", "systemd.pid1"]
recommended = ["image.size", "image.libc"]
info = ["image.layers"]
[budgets]
boot = 5
shutdown = 3
"""
OWN = """
name = "{0}"
title = "{0}"
description = "d"
source = "s"
"""
LIBRARY = {
    "base": BASE,
    "middle": OWN.format("middle") + 'extends = "base"\nrequired = ["packages.manager"]',
    "circle": OWN.format("circle") + 'extends = "round"',
    "round": OWN.format("round") + 'extends = "circle"',
    "broken": "name =",
}


def extending(parent: str, more: str = "", name: str = "mine") -> Profile:
    return parse_profile(
        OWN.format(name) + f'extends = "{parent}"\n{more}', "mine.toml", library=LIBRARY
    )


def test_an_extension_without_additions_requires_the_same() -> None:
    mine, base = extending("base"), parse_profile(BASE, "base.toml")
    assert (mine.name, mine.title, mine.extends) == ("mine", "mine", "base")
    same = {"required", "recommended", "info", "launch", "install", "budgets"}
    assert mine.model_dump(include=same) == base.model_dump(include=same)
    assert mine.digest() != base.digest(), "the name is recorded with every result"


@pytest.mark.parametrize(
    ("more", "key", "expected"),
    [
        ('required = ["zoo.cage"]', "required",
         {"image.os", "image.shell", "systemd.pid1", "zoo.cage"}),
        ('required = ["image.os"]', "required", {"image.os", "image.shell", "systemd.pid1"}),
        ('required = ["image.size"]', "required",
         {"image.os", "image.shell", "systemd.pid1", "image.size"}),
        ('required = ["image.size"]', "recommended", {"image.libc"}),
        ('info = ["image.os"]', "required", {"image.shell", "systemd.pid1"}),
        ('info = ["image.os"]', "info", {"image.os", "image.layers"}),
        ('recommended = ["image.os"]', "recommended", {"image.os", "image.size", "image.libc"}),
        ('install = ["sudo"]', "install", {"bash", "sudo"}),
        ('install = ["bash"]', "install", {"bash"}),
        ("install = []", "install", set()),
    ],
)  # fmt: skip
def test_lists_are_added_and_a_named_check_moves(more: str, key: str, expected: set[str]) -> None:
    assert set(getattr(extending("base", more), key)) == expected


def test_budgets_are_merged_and_the_launch_is_inherited() -> None:
    budgets = extending("base", "[budgets]\nboot = 7\ndockerd = 8").budgets
    assert (budgets.boot, budgets.dockerd, budgets.shutdown) == (7, 8, 3)
    assert extending("base").launch == "init"


def test_a_profile_may_extend_one_that_extends_another() -> None:
    assert set(extending("middle", 'info = ["image.os"]').required) == {
        "image.shell",
        "systemd.pid1",
        "packages.manager",
    }


@pytest.mark.parametrize(
    ("parent", "message"),
    [
        ("bse", "mine.toml:6: extends: there is no profile 'bse'"),
        ("mine", "mine.toml:6: extends: profiles extend each other in a circle: mine → mine"),
        ("circle", "round.toml:6: extends: profiles extend each other in a circle: "
                   "mine → circle → round → circle"),
        ("broken", "broken.toml: this is not TOML"),
    ],
)  # fmt: skip
def test_a_parent_that_cannot_be_extended_is_reported(parent: str, message: str) -> None:
    with pytest.raises(BadProfile, match=re.escape(message)):
        extending(parent)


def test_an_unknown_parent_names_the_closest() -> None:
    with pytest.raises(BadProfile) as caught:
        extending("bse")
    assert "Did you mean 'base'?" in caught.value.remedy


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("extends = 3", "extends: must be text in quotes"),
        ('required = "image.os"', "required: must be a list in brackets"),
        ("required = [1]", "required 1: must be text in quotes"),
        ("budgets = 3", "budgets: must be a table"),
        ("[budgets]\nboot = -1", "budgets.boot: must be greater than 0"),
        ('launch = "idle"', 'install: only a launch that is "init" installs anything'),
        ('launch = "idle"', "'systemd.pid1' needs launch = \"init\""),
    ],
)
def test_mistakes_in_an_extending_profile_are_reported(more: str, message: str) -> None:
    text = OWN.format("mine") + ("" if "extends" in more else 'extends = "base"\n') + more
    with pytest.raises(BadProfile, match=re.escape(message)):
        parse_profile(text, "mine.toml", library=LIBRARY)


IDS = st.lists(st.sampled_from(["a.a", "a.b", "b.a", "b.b", "c.a"]), unique=True)


@given(parent=st.tuples(IDS, IDS, IDS), own=st.tuples(IDS, IDS, IDS))
def test_every_check_of_an_extension_has_one_level(
    parent: tuple[list[str], ...], own: tuple[list[str], ...]
) -> None:
    def toml(name: str, levels: tuple[list[str], ...], *lines: str) -> str:
        seen: list[str] = []
        text = OWN.format(name) + "\n".join(lines) + "\n"
        for level, ids in zip(Level, levels, strict=True):
            fresh = [check_id for check_id in ids if check_id not in seen]
            seen += fresh
            text += f"{level} = {json.dumps(fresh)}\n"
        return text

    library = {"p": toml("p", ([*parent[0], "z.z"], *parent[1:]), 'launch = "idle"')}
    base = parse_profile(library["p"], "p.toml")
    alone = parse_profile(toml("m", ([*own[0], "z.z"], *own[1:]), 'launch = "idle"'), "m.toml")
    mine = parse_profile(toml("m", own, 'extends = "p"'), "m.toml", library=library)
    for check_id in {*base.checks, *alone.checks} - {"z.z"}:
        assert mine.level(check_id) == (alone.level(check_id) or base.level(check_id))
    assert sorted(mine.checks) == sorted({*base.checks, *alone.checks})


def test_a_name_that_ships_is_reserved() -> None:
    message = "mine.toml:2: name: 'base' is a profile that ships"
    with pytest.raises(BadProfile, match=re.escape(message)):
        parse_profile(BASE, "mine.toml", reserved=["base"])
