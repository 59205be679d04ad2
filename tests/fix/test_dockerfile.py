"""The Dockerfile: its parts, and that no text of an image becomes an instruction."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from certify.fix.dockerfile import BaseFacts, PackageLines, dockerfile
from certify.fix.rules import Action, Step
from certify.model.result import Result
from tests.factories import DIGEST, MakeResult

LINES = PackageLines(("refresh", "install a b", "clean"), "refresh", "clean")
LOCAL = {"tag": "1", "image_id": DIGEST, "platform": "linux/amd64"}
REMOTE = {
    "registry": "registry.example", "repository": "team/app", "tag": "1", "image_id": "sha256:0",
    "digest": DIGEST, "platform": "linux/amd64",
}  # fmt: skip


def step(check: str, action: Action, argument: str = "", **fields: bool) -> Step:
    return Step(check=check, action=action, argument=argument, reason=f"Why {check}.", **fields)


STEPS = [
    step("packages.install", Action.RUN, "repair", first=True),
    step("systemd.installed", Action.INSTALL, "systemd"),
    step("dockerd.container", Action.RUN, "reinstall", needs_lists=True),
    step("dockerd.unit", Action.RUN, "enable"),
    step("systemd.units", Action.OFFER, "mask a.service"),
    step("startup.boot", Action.CANNOT, decisive=True),
]


def instructions(text: str) -> list[str]:
    """Return the instructions as a builder reads them: without comments, lines joined."""
    lines = [line for line in text.split("\n") if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n", "", "\n".join(lines))
    return [line for line in joined.split("\n") if line.strip()]


def test_everything_in_its_order(make_result: MakeResult) -> None:
    text = dockerfile(make_result(image=REMOTE), STEPS, LINES, BaseFacts("app:staff"))
    assert instructions(text) == [
        f"FROM registry.example/team/app@{DIGEST}",
        "USER root",
        "RUN repair",
        "RUN refresh  && install a b  && clean",
        "RUN refresh  && reinstall  && clean",
        "RUN enable",
        "USER app:staff",
    ]
    assert "# systemd.units: Why systemd.units.\n# RUN mask a.service\n" in text
    assert "# - startup.boot (required): Why startup.boot.\n" in text
    head, _, rest = text.partition("FROM ")
    assert "Not fixed here" in head and "startup.boot" not in rest
    for each in STEPS[:4]:
        assert re.search(rf"^# {each.check}: Why {each.check}\.\nRUN ", text, re.MULTILINE)
    assert [line for line in text.splitlines() if len(line) > 80] == [
        f"FROM registry.example/team/app@{DIGEST}"
    ]


@pytest.mark.parametrize("user", ["", "root", "0", "0:0", "root:root"])
def test_an_image_of_root_needs_no_user(make_result: MakeResult, user: str) -> None:
    text = dockerfile(make_result(image=REMOTE), STEPS, LINES, BaseFacts(user))
    assert "USER" not in text


def test_a_local_image_goes_by_its_id_and_can_go_by_its_tag(make_result: MakeResult) -> None:
    text = dockerfile(make_result("mine:1", image=LOCAL), STEPS, LINES)
    assert instructions(text)[:2] == [f"ARG BASE={DIGEST}", "FROM ${BASE}"]
    assert "\n#   docker build --build-arg BASE=mine:1 - <Dockerfile\n" in text
    nameless = dockerfile(make_result(DIGEST, image=LOCAL | {"tag": None}), STEPS, LINES)
    assert f"\n#   docker tag {DIGEST} base:certified\n" in nameless


def test_the_digest_of_the_platform_is_preferred(make_result: MakeResult) -> None:
    image = REMOTE | {"manifest_digest": "sha256:" + "2" * 64}
    text = dockerfile(make_result(image=image), STEPS, LINES)
    assert instructions(text)[0].endswith("@sha256:" + "2" * 64)


def test_checks_with_one_reason_share_a_comment(make_result: MakeResult) -> None:
    both = [
        Step(check=check, action=Action.INSTALL, argument=argument, reason="Had to be installed.")
        for check, argument in (("workspace.sudo", "sudo"), ("workspace.bash", "bash"))
    ]
    text = dockerfile(make_result(), both, LINES)
    assert "# workspace.sudo, workspace.bash: Had to be installed.\nRUN " in text


def test_nothing_runs_if_nothing_can_be_fixed(make_result: MakeResult) -> None:
    text = dockerfile(make_result(image=LOCAL), STEPS[4:], PackageLines(), BaseFacts("app"))
    assert [line.split()[0] for line in instructions(text)] == ["ARG", "FROM"]


ODD = st.text() | st.sampled_from(
    ["\nRUN evil", "\\\nRUN evil", "syntax=evil", "\r\nUSER evil", "\\"]
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(ODD, ODD, st.sampled_from(list(Action)), ODD)
def test_no_text_becomes_an_instruction(
    make_result: MakeResult, check: str, reason: str, action: Action, reference: str
) -> None:
    result: Result = make_result(reference, image=LOCAL)
    odd = Step(check=check, action=action, argument="true", reason=reason, decisive=True)
    text = dockerfile(result, [odd], PackageLines(("install",)))
    kinds = [line.split()[0] for line in instructions(text)]
    assert kinds == ["ARG", "FROM", *["ENV" if action is Action.ENV else "RUN"] * odd.fixes]
    assert text.startswith("# Made by certify from "), "no parser directive can come first"
    assert len(text.splitlines()) == text.count("\n"), "no other line ends"


def test_onbuild_instructions_are_reported_and_stay_comments(make_result: MakeResult) -> None:
    triggers = ("COPY requirements.txt /app/", "RUN pip install -r /app/requirements.txt\nRUN id")
    text = dockerfile(make_result(image=REMOTE), STEPS, LINES, BaseFacts(triggers=triggers))
    assert "# - COPY requirements.txt /app/" in text
    assert "certify fix --build" in text
    assert "\nRUN id" not in text
