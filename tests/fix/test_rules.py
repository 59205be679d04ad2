"""The rules of fixes, and the steps that they give for a result."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from certify.engine import packages
from certify.fix.rules import MISSING, Action, Rule, rules, steps, unfixed, unfixed_decisive
from certify.model.result import Check, Launch, Reason, Result, Verdict
from certify.model.terms import Level, Outcome, Status
from certify.suite.catalogue import claims
from tests.factories import a_check, a_result, a_waiver


def failed(check: str, message: str = "", evidence: str = "", **fields: Any) -> Check:
    words = {"outcome": Outcome.FAILED, "remedy": f"remedy of {check}"} | fields
    return a_check(check, message=message, evidence=evidence, **words)


def result(
    *checks: Check,
    missing: tuple[str, ...] = (),
    manager: str | None = "apt",
    reasons: tuple[str, ...] = (),
) -> Result:
    rejected = any(
        check.level is Level.REQUIRED and check.outcome is Outcome.FAILED and not check.waiver
        for check in checks
    ) or bool(reasons)
    verdict = Verdict(
        status=Status.REJECTED if rejected else Status.CERTIFIED,
        reasons=tuple(Reason(check=each, text="", remedy="") for each in reasons),
    )
    return a_result(
        image={"package_manager": manager},
        verdict=verdict,
        checks=checks,
        launch=Launch(kind="init", isolation="caps", missing=missing),
    )


def everything(_capability: str) -> str:
    return ""


# The failed check and its message or evidence; the action and its argument.
TABLE = [
    ("image.os", "not a base image", Action.CANNOT, ""),
    ("packages.refresh", "could not fetch its package lists", Action.CANNOT, ""),
    ("packages.refresh", "/tmp in the image is missing, or no folder", Action.RUN,
     "[ -d /tmp ] || rm -f /tmp; mkdir -p /tmp && chmod 1777 /tmp"),
    ("packages.install", "E: dpkg was interrupted, you must run", Action.RUN,
     "DEBIAN_FRONTEND=noninteractive dpkg --configure -a"),
    ("packages.install", "ed could not be installed", Action.CANNOT, ""),
    ("packages.current", "3 packages have newer versions", Action.UPGRADE, ""),
    ("systemd.installed", "the image as shipped has no systemd", Action.INSTALL, "systemd"),
    ("systemd.pid1", "PID 1 is sh, not systemd (the image has no init to start)", Action.INSTALL,
     "systemd"),
    ("systemd.pid1", "the container ended by itself", Action.CANNOT, ""),
    ("systemd.units", "failed at boot: a.service, b.mount", Action.OFFER,
     "systemctl mask a.service b.mount"),
    ("systemd.units", r"failed at boot: dev-x\x2dy.swap", Action.OFFER,
     r"systemctl mask 'dev-x\x2dy.swap'"),
    ("systemd.units", "failed at boot: $(reboot).service", Action.CANNOT, ""),
    ("systemd.shutdown", "did not stop in 30 s and was killed", Action.CANNOT, ""),
    ("dockerd.running", "the image masks docker.service, docker.socket", Action.RUN,
     "systemctl unmask docker.service docker.socket && systemctl enable docker.service"),
    ("dockerd.running", "the image has its program, and no docker.service that starts it",
     Action.INSTALL, "dockerd"),
    ("dockerd.running", "dockerd does not answer", Action.CANNOT, ""),
    ("dockerd.container", "no container can run in it because of PrivateMounts= of the image's "
     "docker.service: without it, it works", Action.RUN, None),
    ("dockerd.container", "no container can run in it because of bip in the image's "
     "/etc/docker/daemon.json: without it, it works", Action.CANNOT, ""),
    ("dockerd.container", "a container does not run", Action.OFFER, None),
    ("dockerd.container", 'runtime "io.containerd.runc.v2" binary not installed '
     '"containerd-shim-runc-v2": file does not exist: unknown.', Action.RUN, None),
    ("dockerd.container", 'exec: "runc": executable file not found in $PATH', Action.CANNOT, ""),
    ("dockerd.container", "fork/exec /opt/site/runc: no such file or directory", Action.CANNOT, ""),
    ("dockerd.compose", "neither `docker compose` nor `docker-compose` is in the image",
     Action.INSTALL, "compose"),
    ("startup.provision", "installing sudo took 301 s, more than 300 s", Action.INSTALL, MISSING),
    ("startup.provision", "installing sudo at launch failed", Action.CANNOT, ""),
    ("workspace.user", "a user cannot be created: there is no useradd, and adduser failed",
     Action.INSTALL, "user"),
    ("workspace.user", "a user cannot be created", Action.CANNOT, ""),
    ("workspace.bash", 'bash: 1: Syntax error: "(" unexpected', Action.INSTALL, "bash"),
    ("workspace.bash", "bash does not run", Action.CANNOT, ""),
    ("workspace.git", "git is not in the image", Action.INSTALL, "git"),
    ("workspace.git", "git is in the image, but cannot make a commit", Action.CANNOT, ""),
    ("packages.install", "The image's PATH lacks the folders of system programs", Action.ENV,
     "PATH=/usr/local/sbin:/usr/sbin:/sbin:${PATH}"),
    ("packages.refresh", "others are newer at the same time\nE: Release file for "
     "http://x.example/debian/dists/stretch-updates/InRelease is expired (invalid", Action.RUN,
     r"find /etc/apt -name '*.list' -exec sed -i '\|http://x.example/debian|s/^deb/# deb/' {} +"),
    ("packages.refresh", "others are newer at the same time\nE: Release file for "
     "http://x.example/'$(reboot)/InRelease is expired (invalid", Action.CANNOT, ""),
    ("packages.refresh", "its codename or suite has changed", Action.RUN,
     "rm -rf /var/lib/apt/lists/*"),
    ("systemd.state", "/etc/machine-id is missing, or says uninitialized", Action.RUN,
     ": >/etc/machine-id"),
    ("dockerd.running", "the image's ENV DOCKER_HOST=tcp://docker:2375 keeps its docker command "
     "from it", Action.ENV, 'DOCKER_HOST=""'),
    ("dockerd.running", "docker.socket: Failed to resolve group docker: No such process",
     Action.RUN, "groupadd --system docker"),
    ("systemd.state", "systemd says maintenance: srv-data.mount of /etc/fstab failed", Action.RUN,
     "p=/$(echo srv-data | tr - /) && sed -i -E "
     '"s|^[^#[:space:]]+[[:space:]]+$p[[:space:]]|# &|" /etc/fstab'),
    ("startup.boot", "more than 15 s: systemd-networkd-wait-online.service alone took 2min 373ms",
     Action.RUN, "systemctl mask systemd-networkd-wait-online.service "
     "|| systemctl disable systemd-networkd-wait-online.service"),
    ("startup.boot", "more than 15 s: networking.service alone took 1min 1.005s", Action.OFFER,
     "systemctl mask networking.service"),
    ("packages.install", "dpkg: error processing package hostname (--configure):\n"
     " package hostname is not ready for configuration", Action.RUN, None),
    ("mine.own", "no rule is about this", Action.CANNOT, ""),
]  # fmt: skip


@pytest.mark.parametrize(("check", "text", "action", "argument"), TABLE)
@pytest.mark.parametrize("place", ["message", "evidence"])
def test_message_and_evidence_decide(
    check: str, text: str, action: Action, argument: str | None, place: str
) -> None:
    (step,) = steps(result(failed(check, **{place: text})), everything)
    assert (step.check, step.action) == (check, action)
    assert argument is None or step.argument == argument
    assert step.reason
    assert step.decisive
    assert unfixed_decisive([step]) == (() if step.fixes else (step,))


def test_a_command_of_the_check_itself_shows_no_cause() -> None:
    check = failed("workspace.sudo", evidence="$ grep -r setuid /etc/sudoers  (exit 1, 0.0 s)")
    (step,) = steps(result(check), everything)
    assert step.action is Action.CANNOT


def test_without_a_rule_the_reason_is_the_remedy_of_the_check() -> None:
    (step,) = steps(result(failed("mine.own")), everything)
    assert step.reason == "remedy of mine.own"


def test_a_capability_missing_at_launch_is_installed_once() -> None:
    image = result(
        failed("systemd.installed", level=Level.RECOMMENDED), missing=("systemd", "sudo")
    )
    found = steps(image, everything)
    assert [(step.check, step.argument) for step in found] == [
        ("systemd.installed", "systemd"),
        ("workspace.sudo", "sudo"),
    ]
    assert not unfixed_decisive(found)


@pytest.mark.parametrize("blocker", ["packages.manager", "packages.refresh", "packages.install"])
def test_nothing_is_installed_past_a_broken_package_manager(blocker: str) -> None:
    image = result(
        failed(blocker, "broken"),
        failed("workspace.git", "git is not in the image", level=Level.RECOMMENDED),
        failed("dockerd.unit", "but is not enabled to start at boot"),
        missing=("sudo",),
    )
    found = steps(image, everything)
    assert [(step.check, step.action) for step in found] == [
        (blocker, Action.CANNOT),
        ("workspace.git", Action.CANNOT),
        ("dockerd.unit", Action.RUN),
    ]
    assert unfixed(found) == {
        found[0].reason: [f"{blocker} (required)"],
        f"Nothing can be installed while {blocker} fails.": ["workspace.git"],
    }


def test_an_interrupted_installation_is_completed_before_others_begin() -> None:
    image = result(
        failed("packages.install", "dpkg was interrupted"),
        failed("packages.current"),
        manager="apt",
    )
    first, second = steps(image, everything)
    assert first.first and first.fixes
    assert second.action is Action.UPGRADE
    (other,) = steps(result(image.checks[0], manager="dnf"), everything)
    assert other.action is Action.CANNOT, "dpkg is apt's"


def test_a_capability_that_no_package_gives_says_why() -> None:
    image = result(failed("systemd.installed"), missing=("systemd",), manager="apk")
    (step,) = steps(image, lambda capability: f"no {capability} for apk")
    assert (step.action, step.reason) == (Action.CANNOT, "no systemd for apk")


def test_decisive_checks() -> None:
    image = result(
        failed("image.libc", level=Level.INFO),
        failed("image.size", level=Level.RECOMMENDED),
        failed("systemd.shutdown", waiver=a_waiver()),
        failed("systemd.journal", level=Level.RECOMMENDED),
        reasons=("systemd.journal",),
    )
    decisive = {step.check: step.decisive for step in steps(image, everything)}
    assert decisive == {"image.size": False, "systemd.shutdown": False, "systemd.journal": True}


def test_each_capability_has_a_check() -> None:
    checks = {
        capability: steps(result(missing=(capability,)), everything)[0].check
        for capability in ("systemd", "dockerd", "user", "sudo", "download", "bash", "other")
    }
    assert checks == {
        "systemd": "systemd.installed",
        "dockerd": "dockerd.installed",
        "user": "workspace.user",
        "sudo": "workspace.sudo",
        "download": "workspace.download",
        "bash": "workspace.bash",
        "other": "startup.provision",
    }


def test_rules_name_only_what_exists() -> None:
    families = {each.name: each for each in packages.families()}
    for rule in rules():
        assert rule.check in claims(), rule
        assert set(rule.families) <= set(families), rule
        known = rule.install in ("", MISSING) or any(
            family.provides(rule.install) for family in families.values()
        )
        assert known, rule
        if "{units}" in rule.offer:
            assert "?P<units>" in rule.pattern.pattern, rule
        assert "\n" not in rule.run + rule.offer, rule


def test_no_rule_is_hidden_by_one_before_it() -> None:
    caught: set[str] = set()
    for rule in rules():
        assert rule.check not in caught, rule
        if not rule.pattern.pattern and not rule.families:
            caught.add(rule.check)


@pytest.mark.parametrize(
    "fields", [{}, {"run": "true", "cannot": True}, {"run": "true", "pattern": "("}]
)
def test_a_rule_has_one_action(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Rule.model_validate({"check": "a.b", "reason": "because"} | fields)


CHECKS = st.lists(
    st.builds(
        failed,
        st.sampled_from(sorted(claims())),
        st.one_of(st.text(), st.sampled_from([row[1] for row in TABLE])),
        st.text(),
        level=st.sampled_from(Level),
        outcome=st.sampled_from(Outcome),
    ),
    unique_by=lambda check: check.id,
)


@given(
    CHECKS,
    st.sets(st.sampled_from(["systemd", "dockerd", "sudo", "user", "bash", "download"])),
    st.sampled_from([None, "apt", "dnf", "apk"]),
    st.sampled_from(["", "cannot be had"]),
)
def test_every_failure_that_counts_gets_one_step(
    checks: list[Check], missing: set[str], manager: str | None, unavailable: str
) -> None:
    image = result(*checks, missing=tuple(sorted(missing)), manager=manager)
    found = steps(image, lambda _: unavailable)
    counted = [
        check.id
        for check in checks
        if check.outcome is Outcome.FAILED and check.level is not Level.INFO
    ]
    assert [step.check for step in found][: len(counted)] == counted
    extra = found[len(counted) :]
    assert all(step.action is Action.INSTALL and not step.decisive for step in extra)
    required = {
        check.id
        for check in checks
        if check.outcome is Outcome.FAILED and check.level is Level.REQUIRED
    }
    assert {step.check for step in found if step.decisive} == required
    assert sum(map(len, unfixed(found).values())) == sum(not step.fixes for step in found)
    if unavailable:
        assert not any(s.action is Action.INSTALL and s.argument != MISSING for s in found)
