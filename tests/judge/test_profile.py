"""A profile as a value: what a file may hold, levels, order, budgets and digest."""

from __future__ import annotations

import re

import pytest

from certify.judge.profile import Profile
from certify.judge.profiles import load, parse_profile
from certify.model.errors import BadProfile
from certify.model.terms import Level

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


def test_levels_and_the_order_of_checks() -> None:
    profile = parse_profile(GOOD, "mine.toml")
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


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"image.os", ', '"image", ', "mine.toml:7: required: 'image' is not the id of a check"),
        ('"image.os", ', '"Image.os", ', "mine.toml:7: required: 'Image.os' is not the id"),
        ('"image.os", ', '"zoo.cage", ', "mine.toml:7: required: 'zoo.cage' is named twice"),
        ('"image.os", ', "3, ", "mine.toml:7: required 1: must be text in quotes"),
        ('["image.os", "zoo.cage"]', "[]", "mine.toml:7: required: is empty"),
        ('"image.size"', '"image.os"', "mine.toml:8: recommended: 'image.os' is already required"),
        ('"ark.deck"', '"image.os"', "mine.toml:9: info: 'image.os' is already required"),
        ('"ark.deck"', '"image.size"', "mine.toml:9: info: 'image.size' is already recommended"),
        (
            '"init"',
            '"boot"',
            "mine.toml:6: launch: 'boot' is none of 'init', 'idle', 'image' or 'nested'",
        ),
        ('"mine"', '"My profile"', "mine.toml:2: name: 'My profile' is not lower-case words"),
        ("title", "titel", "mine.toml:3: titel: is not known here; did you mean 'title'?"),
        ("title", "titel", "mine.toml: title: is missing"),
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
def test_a_mistake_is_reported_with_file_line_and_key(old: str, new: str, message: str) -> None:
    with pytest.raises(BadProfile, match=re.escape(message)):
        parse_profile(GOOD.replace(old, new, 1), "mine.toml")


@pytest.mark.parametrize("value", ["0", "-1", "true", '"15"', "inf", "nan"])
def test_budgets_are_positive_seconds(value: str) -> None:
    with pytest.raises(BadProfile, match=r"mine\.toml:12: budgets\.boot: "):
        parse_profile(f"{GOOD}\n[budgets]\nboot = {value}\n", "mine.toml")


@pytest.mark.parametrize(
    ("value", "message"),
    [('["systemd", "systemd"]', "install: a capability"), ('["curl"]', "install 1: ")],
)
def test_only_known_capabilities_can_be_installed(value: str, message: str) -> None:
    with pytest.raises(BadProfile, match=message):
        parse_profile(f"install = {value}\n{GOOD}", "mine.toml")


def test_a_profile_names_known_checks_only() -> None:
    message = "mine.toml:7: required: there is no check 'zoo.cage'; did you mean 'zoo.cave'?"
    with pytest.raises(BadProfile, match=re.escape(message)):
        parse_profile(GOOD, "mine.toml", known={"image.os", "zoo.cave"})


def test_the_digest_covers_exactly_what_can_change_a_verdict() -> None:
    mine = parse_profile(GOOD, "x")
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", mine.digest())
    assert mine.digest() == parse_profile(GOOD, "y").digest()
    assert mine.digest() == Profile.model_validate(mine.model_dump()).digest()
    assert mine.digest() == parse_profile(GOOD.replace("Our handbook", "Our wiki"), "x").digest()
    for changed in (
        GOOD.replace('"init"', '"idle"').replace("dockerd.running", "dockerd.installed"),
        GOOD.replace('"image.size"', '"image.layers"'),
        f'install = ["bash"]\n{GOOD}',
        f"{GOOD}\n[budgets]\nboot = 16\n",
    ):
        assert parse_profile(changed, "x").digest() != mine.digest()
    assert f"{GOOD}\n[budgets]\nboot = 15\n" != GOOD
    assert parse_profile(f"{GOOD}\n[budgets]\nboot = 15\n", "x").digest() == mine.digest()


@pytest.mark.parametrize(
    ("name", "check"),
    [
        ("devspace", "systemd.pid1"),
        ("plain", "image.shell"),
        ("webdevops-base", "services.supervisord"),
    ],
)
def test_a_container_that_ends_is_reported_by_one_check(name: str, check: str) -> None:
    assert load(name).liveness_check == check


def test_without_supervisord_that_is_the_shell() -> None:
    text = GOOD.replace('"init"', '"image"').replace("dockerd.running", "image.layers")
    assert parse_profile(text, "x").liveness_check == "image.shell"
