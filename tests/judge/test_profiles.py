from __future__ import annotations

import re

import pytest

from certify.errors import BadProfile
from certify.judge.profiles import GROUPS, Profile, load, parse, shipped
from certify.model import Level


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
    assert {"devspace", "plain"} <= set(shipped())
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
    assert tuple(dict.fromkeys(groups)) == GROUPS


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"image.os", ', '"image", ', "mine.toml: required: 'image' is not the id of a check"),
        ('"image.os", ', '"Image.os", ', "mine.toml: required: 'Image.os' is not the id"),
        ('"image.os", ', '"zoo.cage", ', "mine.toml: required: 'zoo.cage' is named twice"),
        ('"image.os", ', "3, ", "mine.toml: required[0]: Input should be a valid string"),
        ('["image.os", "zoo.cage"]', "[]", "mine.toml: required: Tuple should have at least 1"),
        ('"image.size"', '"image.os"', "mine.toml: recommended: 'image.os' is already required"),
        ('"ark.deck"', '"image.os"', "mine.toml: info: 'image.os' is already required"),
        ('"ark.deck"', '"image.size"', "mine.toml: info: 'image.size' is already recommended"),
        ('"init"', '"boot"', "mine.toml: launch: Input should be 'init', 'idle' or 'image'"),
        ('"mine"', '"My profile"', "mine.toml: name: 'My profile' is not lower-case words"),
        ("title", "titel", "mine.toml: titel: Extra inputs are not permitted"),
        ("title", "titel", "mine.toml: title: Field required"),
        ("title =", "title", "mine.toml: this is not TOML: "),
    ],
)
def test_a_bad_profile_says_file_key_and_what(old: str, new: str, message: str) -> None:
    with pytest.raises(BadProfile, match=re.escape(message)):
        parse(GOOD.replace(old, new, 1), "mine.toml")


@pytest.mark.parametrize("value", ["0", "-1", "true", '"15"', "inf", "nan"])
def test_budgets_are_positive_seconds(value: str) -> None:
    with pytest.raises(BadProfile, match=r"mine\.toml: budgets\.boot: "):
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
        GOOD.replace('"init"', '"idle"'),
        GOOD.replace('"image.size"', '"image.layers"'),
        f'install = ["bash"]\n{GOOD}',
        f"{GOOD}\n[budgets]\nboot = 16\n",
    ):
        assert parse(changed, "x").digest() != mine.digest()
    assert f"{GOOD}\n[budgets]\nboot = 15\n" != GOOD
    assert parse(f"{GOOD}\n[budgets]\nboot = 15\n", "x").digest() == mine.digest()
