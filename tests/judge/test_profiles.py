from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.judge.profiles import GROUPS, Profile, load, load_file, parse, shipped
from certify.model.errors import BadProfile
from certify.model.terms import Level


def words(text: str) -> list[str]:
    return text.split()


# Every check of the groups that the shipped profiles below draw from.
NAMES = words("""
image.os image.shell image.platform image.libc image.size image.layers
packages.manager packages.refresh packages.install packages.remove packages.current
systemd.installed systemd.pid1 systemd.state systemd.units systemd.journal systemd.service
systemd.shutdown systemd.restart
dockerd.installed dockerd.running dockerd.unit dockerd.container dockerd.network dockerd.storage
dockerd.compose dockerd.restart
startup.boot startup.dockerd startup.provision
workspace.user workspace.sudo workspace.bash workspace.download workspace.git
""")

GOOD = """
name = "mine"
title = "Mine"
description = "What we need"
source = "Our handbook"
launch = "init"
required = ["image.os", "zoo.cage"]
recommended = ["dockerd.running", "image.size"]
info = ["image.libc", "ark.deck"]
"""


def test_the_shipped_profiles_load_under_their_own_names() -> None:
    assert shipped() == (
        "coder", "devcontainer", "devspace", "gitpod", "plain",
        "webdevops-base", "webdevops-base-app", "webdevops-bootstrap",
    )  # fmt: skip
    assert shipped() == tuple(sorted(shipped()))
    for name in shipped():
        assert load(name).name == name


def test_devspace_is_as_the_contract_says() -> None:
    devspace = load("devspace")
    required = words("""
        image.os image.shell image.platform packages.manager packages.refresh packages.install
        systemd.pid1 systemd.state systemd.service systemd.shutdown systemd.restart
        dockerd.running dockerd.unit dockerd.container dockerd.restart
        startup.boot startup.dockerd startup.provision
        workspace.user workspace.sudo workspace.bash workspace.download
    """)
    assert set(devspace.required) == set(required)
    assert devspace.info == ("image.libc",)
    assert set(devspace.recommended) == set(NAMES) - set(required) - {"image.libc"}
    assert devspace.launch == "init"
    assert devspace.install == ("systemd", "dockerd", "user", "sudo", "download", "bash")
    budgets = devspace.budgets
    assert (budgets.boot, budgets.dockerd, budgets.provision, budgets.shutdown) == (15, 20, 300, 10)


def test_plain_is_as_the_contract_says() -> None:
    plain = load("plain")
    assert set(plain.required) == {
        "image.os",
        "image.shell",
        "image.platform",
        "packages.manager",
        "packages.refresh",
        "packages.install",
    }
    of_its_groups = {name for name in NAMES if name.startswith(("image.", "packages."))}
    assert set(plain.checks) == of_its_groups
    assert plain.info == ("image.libc",)
    assert plain.launch == "idle"
    assert plain.install == ()


def test_levels_and_the_order_of_checks() -> None:
    profile = parse(GOOD, "mine.toml")
    assert profile.checks == (
        "image.os",
        "image.size",
        "image.libc",
        "dockerd.running",
        "zoo.cage",
        "ark.deck",
    )
    assert profile.level("image.os") is Level.REQUIRED
    assert profile.level("image.size") is Level.RECOMMENDED
    assert profile.level("ark.deck") is Level.INFO
    assert profile.level("image.shell") is None
    assert profile.budgets.boot == 15


def test_groups_of_devspace_come_in_their_order() -> None:
    groups = [check.partition(".")[0] for check in load("devspace").checks]
    assert groups == sorted(groups, key=GROUPS.index)
    assert tuple(dict.fromkeys(groups)) == GROUPS[:6]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"image.os", ', '"image", ', "mine.toml:7: required: 'image' is not the id of a check"),
        ('"image.os", ', '"Image.os", ', "mine.toml:7: required: 'Image.os' is not the id"),
        ('"image.os", ', '"zoo.cage", ', "mine.toml:7: required: 'zoo.cage' is named twice"),
        ('"image.os", ', "3, ", "mine.toml:7: required[0]: Input should be a valid string"),
        ('["image.os", "zoo.cage"]', "[]", "mine.toml:7: required: Tuple should have at least 1"),
        ('"image.size"', '"image.os"', "mine.toml:8: recommended: 'image.os' is already required"),
        ('"ark.deck"', '"image.os"', "mine.toml:9: info: 'image.os' is already required"),
        ('"ark.deck"', '"image.size"', "mine.toml:9: info: 'image.size' is already recommended"),
        ('"init"', '"boot"', "mine.toml:6: launch: Input should be 'init', 'idle' or 'image'"),
        ('"mine"', '"My profile"', "mine.toml:2: name: 'My profile' is not lower-case words"),
        ("title", "titel", "mine.toml:3: titel: is not known here; did you mean 'title'?"),
        ("title", "titel", "mine.toml: title: Field required"),
        ("title =", "title", "mine.toml: this is not TOML: "),
        ('"init"', '"idle"', "mine.toml:8: recommended: 'dockerd.running' needs launch = \"init\""),
        (
            '"init"',
            '"image"',
            "mine.toml:8: recommended: 'dockerd.running' needs launch = \"init\"",
        ),
        ('"ark.deck"', '"services.logs"', "mine.toml:9: info: 'services.logs' needs launch = "),
    ],
)
def test_a_bad_profile_says_file_key_and_what(old: str, new: str, message: str) -> None:
    with pytest.raises(BadProfile, match=re.escape(message)):
        parse(GOOD.replace(old, new, 1), "mine.toml")


@pytest.mark.parametrize("value", ["0", "-1", "true", '"15"', "inf", "nan"])
def test_budgets_are_positive_seconds(value: str) -> None:
    with pytest.raises(BadProfile, match=r"mine\.toml:12: budgets\.boot: "):
        parse(f"{GOOD}\n[budgets]\nboot = {value}\n", "mine.toml")


@pytest.mark.parametrize(
    ("value", "message"),
    [('["systemd", "systemd"]', "install: a capability"), ('["curl"]', r"install\[0\]: ")],
)
def test_only_known_capabilities_can_be_installed(value: str, message: str) -> None:
    with pytest.raises(BadProfile, match=message):
        parse(f"install = {value}\n{GOOD}", "mine.toml")


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


def test_the_digest_is_stable_and_covers_what_judges() -> None:
    mine = parse(GOOD, "x")
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", mine.digest())
    assert mine.digest() == parse(GOOD, "y").digest()
    assert mine.digest() == Profile.model_validate(mine.model_dump()).digest()
    assert mine.digest() == parse(GOOD.replace("Our handbook", "Our wiki"), "x").digest()
    for changed in (
        GOOD.replace('"init"', '"idle"').replace("dockerd.running", "dockerd.installed"),
        GOOD.replace('"image.size"', '"image.layers"'),
        f'install = ["bash"]\n{GOOD}',
        f"{GOOD}\n[budgets]\nboot = 16\n",
    ):
        assert parse(changed, "x").digest() != mine.digest()
    assert f"{GOOD}\n[budgets]\nboot = 15\n" != GOOD
    assert parse(f"{GOOD}\n[budgets]\nboot = 15\n", "x").digest() == mine.digest()


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
    return parse(OWN.format(name) + f'extends = "{parent}"\n{more}', "mine.toml", library=LIBRARY)


def test_one_that_adds_nothing_demands_the_same_under_a_name_of_its_own() -> None:
    mine, base = extending("base"), parse(BASE, "base.toml")
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
    ],
)  # fmt: skip
def test_lists_are_added_and_a_check_has_the_level_that_was_said_last(
    more: str, key: str, expected: set[str]
) -> None:
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
def test_what_cannot_be_extended_is_told_by_file_and_line(parent: str, message: str) -> None:
    with pytest.raises(BadProfile, match=re.escape(message)):
        extending(parent)


def test_an_unknown_parent_comes_with_the_closest() -> None:
    with pytest.raises(BadProfile) as caught:
        extending("bse")
    assert "Did you mean 'base'?" in caught.value.remedy


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("extends = 3", "extends: Input should be a valid string"),
        ('required = "image.os"', "required: Input should be a valid tuple"),
        ("required = [1]", "required[0]: Input should be a valid string"),
        ("budgets = 3", "budgets: Input should be"),
        ("[budgets]\nboot = -1", "budgets.boot: Input should be greater than 0"),
        ('launch = "idle"', 'install: only a launch that is "init" installs anything'),
        ('launch = "idle"', "'systemd.pid1' needs launch = \"init\""),
    ],
)
def test_what_is_wrong_in_an_extending_profile_is_still_told(more: str, message: str) -> None:
    text = OWN.format("mine") + ("" if "extends" in more else 'extends = "base"\n') + more
    with pytest.raises(BadProfile, match=re.escape(message)):
        parse(text, "mine.toml", library=LIBRARY)


IDS = st.lists(st.sampled_from(["a.a", "a.b", "b.a", "b.b", "c.a"]), unique=True)


@given(parent=st.tuples(IDS, IDS, IDS), own=st.tuples(IDS, IDS, IDS))
def test_extending_keeps_every_demand_at_one_level(
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
    base = parse(library["p"], "p.toml")
    alone = parse(toml("m", ([*own[0], "z.z"], *own[1:]), 'launch = "idle"'), "m.toml")
    mine = parse(toml("m", own, 'extends = "p"'), "m.toml", library=library)
    for check_id in {*base.checks, *alone.checks} - {"z.z"}:
        assert mine.level(check_id) == (alone.level(check_id) or base.level(check_id))
    assert sorted(mine.checks) == sorted({*base.checks, *alone.checks})


# Which check answers for the container


@pytest.mark.parametrize(
    ("name", "anchor"),
    [
        ("devspace", "systemd.pid1"),
        ("plain", "image.shell"),
        ("webdevops-base", "services.supervisord"),
    ],
)
def test_the_anchor_is_the_check_that_tells_why_nothing_runs(name: str, anchor: str) -> None:
    assert load(name).anchor == anchor


def test_without_supervisord_the_shell_answers_for_an_images_own_command() -> None:
    text = OWN.format("mine") + 'launch = "image"\nrequired = ["image.shell"]'
    assert parse(text, "x").anchor == "image.shell"


# Files of the user's own

KNOWN = frozenset({"image.os", "image.shell", "image.size"})


def a_file(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text)
    return path


def test_a_file_may_extend_a_profile_that_ships(tmp_path: Path) -> None:
    path = a_file(tmp_path, OWN.format("mine") + 'extends = "plain"\ninfo = ["image.size"]')
    mine = load_file(path, {*KNOWN, *load("plain").checks})
    assert set(mine.required) == set(load("plain").required)
    assert mine.level("image.size") is Level.INFO


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (OWN.format("mine") + 'launch = "idle"\nrequired = ["image.sise"]',
         ":7: required: there is no check 'image.sise'; did you mean 'image.size'?"),
        (OWN.format("plain") + 'launch = "idle"\nrequired = ["image.os"]',
         ":2: name: 'plain' is a profile that ships"),
        ("name = ", ": this is not TOML: "),
    ],
)  # fmt: skip
def test_a_bad_file_is_told_by_its_name_and_line(tmp_path: Path, text: str, message: str) -> None:
    path = a_file(tmp_path, text)
    with pytest.raises(BadProfile, match=re.escape(f"{path}{message}")):
        load_file(path, KNOWN)


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(BadProfile, match="No such file"):
        load_file(tmp_path / "none.toml", KNOWN)
    with pytest.raises(BadProfile, match="Is a directory"):
        load_file(tmp_path, KNOWN)
    (tmp_path / "latin.toml").write_bytes(b'name = "\xff"')
    with pytest.raises(BadProfile, match="not text in UTF-8"):
        load_file(tmp_path / "latin.toml", KNOWN)
