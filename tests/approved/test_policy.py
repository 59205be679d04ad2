"""approve.toml: every key, and a message that leads to each mistake."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.approved import policy as policy_module
from certify.approved.policy import MaxStartup, Policy, parse_policy
from certify.model.errors import BadPolicy
from certify.model.terms import Grade, Trust

SOURCE = "approve.toml"


def read(text: str) -> Policy:
    return parse_policy(text, SOURCE)


def mistakes(text: str) -> list[str]:
    with pytest.raises(BadPolicy) as caught:
        read(text)
    return caught.value.message.splitlines()


# ---------------------------------------------------------------- what it says


def test_an_empty_policy_approves_every_certificate_in_force() -> None:
    assert read("") == Policy()
    assert Policy().model_dump() == {
        "profiles": None,
        "grades": (Grade.NATIVE, Grade.ON_LAUNCH),
        "max_age_days": None,
        "max_startup": {"boot": None, "dockerd": None, "provision": None},
        "min_runs": None,
        "registries": None,
        "trust": None,
        "waivers": True,
        "platforms": (),
        "hosts": None,
        "valid_days": 7.0,
        "max_shrink_percent": 20.0,
    }


def test_the_example_of_the_docstring_sets_every_key() -> None:
    example = (policy_module.__doc__ or "").partition("::")[2].partition("Without a file")[0]
    lines = [line.removeprefix("    ") for line in example.splitlines()]
    found = read("\n".join(lines))
    assert found == Policy(
        profiles=("devspace",),
        grades=(Grade.NATIVE,),
        max_age_days=14.0,
        max_startup=MaxStartup(boot=5.0, dockerd=8.0, provision=60.0),
        min_runs=3,
        registries=("registry.example", "ghcr.io/acme/*"),
        trust=(Trust.OFFICIAL, Trust.VERIFIED),
        waivers=False,
        platforms=("linux/amd64",),
        hosts=("cgroup v2, *",),
        valid_days=7.0,
        max_shrink_percent=20.0,
    )
    assert found.model_fields_set == set(Policy.model_fields)


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("max_age_days = 1.5", "max_age_days", 1.5),
        ("max_age_days = 3650", "max_age_days", 3650.0),
        ("valid_days = 1", "valid_days", 1.0),
        ("max_shrink_percent = 0", "max_shrink_percent", 0.0),
        ("max_shrink_percent = 100", "max_shrink_percent", 100.0),
        ('profiles = [" plain "]', "profiles", ("plain",)),
        ("platforms = []", "platforms", ()),
        ('platforms = ["linux/arm/v7", "linux/arm64"]', "platforms",
         ("linux/arm/v7", "linux/arm64")),
        ('trust = ["unknown"]', "trust", (Trust.UNKNOWN,)),
        ("max_startup = { boot = 3 }", "max_startup", MaxStartup(boot=3.0)),
        ("waivers = true", "waivers", True),
    ],
)  # fmt: skip
def test_values_are_not_converted(text: str, key: str, value: Any) -> None:
    assert getattr(read(text), key) == value


@pytest.mark.parametrize(
    ("registries", "served", "refused"),
    [
        # Without a slash it is a registry, and nothing of a repository.
        ("ghcr.io", "ghcr.io/acme/app", "docker.io/ghcr.io/app"),
        ("*.example", "a.example/app", "a.example.invalid/app"),
        ("registry.example:5000", "registry.example:5000/app", "registry.example/app"),
        ("*", "docker.io/library/debian", None),
        # With a slash, both together; a glob reaches over slashes, and must match to the end.
        ("ghcr.io/acme/*", "ghcr.io/acme/team/app", "ghcr.io/acme2/app"),
        ("ghcr.io/acme/app", "ghcr.io/acme/app", "ghcr.io/acme/app2"),
        ("docker.io/library/*", "docker.io/library/debian", "docker.io/evil/library"),
        ("*.example/acme/*", "a.example/acme/app", "evil.invalid/b.example/acme/app"),
        ("GHCR.io", None, "ghcr.io/acme/app"),
    ],
)
def test_registries_are_globs(registries: str, served: str | None, refused: str | None) -> None:
    found = read(f'registries = ["nowhere.invalid", "{registries}"]')
    for name, expected in ((served, True), (refused, False)):
        if name is not None:
            registry, _, repository = name.partition("/")
            assert found.allows_repository(registry, repository) is expected, name


def test_conditions_can_be_left_out_in_python() -> None:
    assert Policy(profiles=None, registries=None, trust=None) == Policy()


def test_without_registries_every_repository_is_allowed() -> None:
    assert Policy().allows_repository("anywhere.invalid", "team/app")


# ---------------------------------------------------------------- what is wrong with it

WRONG = {
    "profiles = 'plain'": "profiles: must be a list in brackets",
    "profiles = []": "profiles: is empty: leave it out to set no condition",
    "profiles = [1]": "profiles 1: must be text in quotes",
    "profiles = ['plain', ' ']": "profiles 2: is empty",
    "grades = []": "grades: is empty: leave it out to set no condition",
    "grades = ['gold']": "grades 1: 'gold' is none of 'native' or 'on-launch'",
    "grades = 'native'": "grades: must be a list in brackets",
    "max_age_days = '14'": "max_age_days: must be a number",
    "max_age_days = true": "max_age_days: must be a number",
    "max_age_days = 0": "max_age_days: must be greater than 0",
    "max_age_days = -1": "max_age_days: must be greater than 0",
    "max_age_days = 3651": "max_age_days: must be less than or equal to 3650",
    "max_age_days = nan": "max_age_days: must be a finite number",
    "max_age_days = inf": "max_age_days: must be a finite number",
    "max_startup = 5": "max_startup: must be a table",
    "[max_startup]\nboot = '5'": "max_startup.boot: must be a number",
    "[max_startup]\ndockerd = 0": "max_startup.dockerd: must be greater than 0",
    "[max_startup]\nprovision = inf": "max_startup.provision: must be a finite number",
    "[max_startup]\nbooot = 5.0": "max_startup.booot: is not known here; did you mean 'boot'?",
    "[max_startup]\nx = 5.0": "max_startup.x: is not known here",
    "min_runs = 0": "min_runs: must be greater than or equal to 1",
    "min_runs = 1.5": "min_runs: must be a whole number",
    "min_runs = '3'": "min_runs: must be a whole number",
    "min_runs = true": "min_runs: must be a whole number",
    "registries = []": "registries: is empty: leave it out to set no condition",
    "registries = ['']": "registries 1: is empty",
    "registries = { a = 1 }": "registries: must be a list in brackets",
    "trust = ['offical']": "trust 1: 'offical' is none of 'official', 'verified', 'sponsored',"
    " 'community' or 'unknown'",
    "trust = []": "trust: is empty: leave it out to set no condition",
    "waivers = 'no'": "waivers: must be true or false",
    "waivers = 0": "waivers: must be true or false",
    "platforms = ['amd64']": "platforms 1: must be a platform, such as 'linux/amd64'",
    "platforms = ['Linux/AMD64']": "platforms 1: must be a platform, such as 'linux/amd64'",
    "platforms = ['linux/amd64\\n']": "platforms 1: must be a platform, such as 'linux/amd64'",
    'platforms = ["linux/amd64\\n"]': "platforms 1: must be a platform, such as 'linux/amd64'",
    "platforms = 'linux/amd64'": "platforms: must be a list in brackets",
    "valid_days = 0": "valid_days: must be greater than 0",
    "valid_days = nan": "valid_days: must be a finite number",
    "max_shrink_percent = -1": "max_shrink_percent: must be greater than or equal to 0",
    "max_shrink_percent = 101": "max_shrink_percent: must be less than or equal to 100",
    "max_shrink_percent = nan": "max_shrink_percent: must be a finite number",
    "max_shrink_percent = '20%'": "max_shrink_percent: must be a number",
    "profile = ['plain']": "profile: is not known here; did you mean 'profiles'?",
    "zzz = 1": "zzz: is not known here",
    "schema_ = 1": "schema_: is not known here",
}


@pytest.mark.parametrize("text", WRONG)
def test_a_mistake_is_named_with_its_line(text: str) -> None:
    line = 2 + text.count("\n")
    assert mistakes(f"# ours\n{text}\n") == [f"{SOURCE}:{line}: {WRONG[text]}"]


def test_all_mistakes_are_reported_at_once() -> None:
    text = (
        "waivers = 1\ngrades = ['native', 'gold', 'tin']\nregistry = ['x']\n\n"
        "[max_startup]\nboot = 0\ndocker = 1.0\n"
    )
    assert sorted(mistakes(text)) == [
        f"{SOURCE}:1: waivers: must be true or false",
        f"{SOURCE}:2: grades 2: 'gold' is none of 'native' or 'on-launch'",
        f"{SOURCE}:2: grades 3: 'tin' is none of 'native' or 'on-launch'",
        f"{SOURCE}:3: registry: is not known here; did you mean 'registries'?",
        f"{SOURCE}:6: max_startup.boot: must be greater than 0",
        f"{SOURCE}:7: max_startup.docker: is not known here; did you mean 'dockerd'?",
    ]


def test_the_remedy_leads_to_the_documentation() -> None:
    with pytest.raises(BadPolicy) as caught:
        read("grades = []")
    assert caught.value.remedy == "`certify help publish.md` explains every key."


@pytest.mark.parametrize("text", ["= 1", "a = ", "[", '"', "a = 1\na = 2", "\x00", "[" * 9999])
def test_invalid_toml_is_reported(text: str) -> None:
    found = mistakes(text)
    assert found[0].startswith(f"{SOURCE}: this is not TOML: ")


def test_mistakes_with_hostile_text_are_shown_harmlessly() -> None:
    found = mistakes('grades = ["\\u001b[2J\\nx"]\n"\\u001b[2J\\nevil" = 1')
    assert len(found) == 2
    assert all(line.isprintable() for line in found), found


keys = st.sampled_from([*Policy.model_fields, *MaxStartup.model_fields, "max_startup.boot", "x"])
values = st.sampled_from(
    ["1", "-1", "0.5", "nan", "inf", "1e999", "true", "[]", "['native']", "['x', 1]", "{}", "''",
     "{ boot = 1 }", "2026-01-01", "[[]]", "9999999999999999999999"]
)  # fmt: skip
lines = st.builds(lambda key, value: f"{key} = {value}\n", keys, values)


@given(st.one_of(st.text(), st.lists(lines, max_size=4).map("".join)))
def test_any_text_is_a_policy_or_a_mistake(text: str) -> None:
    try:
        assert isinstance(read(text), Policy)
    except BadPolicy as problem:
        assert problem.message.startswith(SOURCE)
        assert ":None:" not in problem.message
