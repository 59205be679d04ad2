"""Every platform's profile on a real engine: what satisfies it, and what fails which check."""

from __future__ import annotations

import io
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from certify.engine.client import Engine
from certify.model.result import Result
from certify.model.terms import Level, Outcome
from tests.conftest import SAMPLES, Certify

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("nothing_left")]

# What is right for its platform, or broken in one point, is in tests/expected.py.
# sample, profile, required checks that fail, other checks that fail
EXPECTED = [
    # A tier does not satisfy the next one.
    ("webdevops-base", "webdevops-base-app", {"webdevops.user", "webdevops.tools"},
     {"workspace.git"}),
    # It is started as shipped, with `bash` and nothing to read, and so ends at once.
    ("debian", "webdevops-base", {"services.supervisord"}, set()),
    # It has curl with certificates, git, bash, sudo, docker and useradd: all that Coder asks for
    # and recommends.
    ("debian-devspace", "coder", set(), set()),
    # A package manager that works is all that Features need, and it has what tools recommend.
    ("debian-devspace", "devcontainer", set(), set()),
    # Ona's environments are Development Containers.
    ("debian-devspace", "gitpod", set(), set()),
    # Coder's agent cannot be fetched into it: there is neither curl nor wget, nor busybox.
    ("debian", "coder", {"workspace.download"},
     {"dockerd.installed", "workspace.sudo", "workspace.git"}),
    # Features install with it; the rest is only recommended.
    ("debian", "devcontainer", set(), {"workspace.sudo", "workspace.download", "workspace.git"}),
    # busybox's own wget fetches the agent; that no package can be installed, and no user be made,
    # is only a pity.
    ("busybox", "coder", set(),
     {"image.libc", "packages.manager", "dockerd.installed", "workspace.user", "workspace.bash",
      "workspace.git"}),
    ("busybox", "devcontainer", {"packages.manager"},
     {"image.libc", "workspace.user", "workspace.bash", "workspace.git"}),
]  # fmt: skip


Services = Callable[[str], Result]


def failed(result: Result, *levels: Level) -> set[str]:
    return {
        check.id
        for check in result.checks
        if check.outcome is Outcome.FAILED and check.level in levels
    }


@pytest.mark.parametrize(
    ("sample", "profile", "required", "others"),
    EXPECTED,
    ids=[f"{row[0]}-{row[1]}" for row in EXPECTED],
)
def test_verdict(
    certify: Certify, sample: str, profile: str, required: set[str], others: set[str]
) -> None:
    result = certify("run", "--profile", profile, "--format", "json", f"{SAMPLES}/{sample}").result
    assert failed(result, Level.REQUIRED) == required
    assert failed(result, Level.RECOMMENDED, Level.INFO) == others
    assert result.verdict.status == ("rejected" if required else "certified")
    assert {reason.check for reason in result.verdict.reasons} == required
    assert not [check.id for check in result.checks if check.outcome is Outcome.UNKNOWN]


def mine(folder: Path, *lines: str) -> str:
    path = folder / "mine.toml"
    path.write_text(
        'name = "mine"\ntitle = "Mine"\ndescription = "Ours"\nsource = "Handbook"\n'
        + "\n".join(lines)
        + "\n"
    )
    return str(path)


# Images that are started as shipped


@pytest.fixture
def built(engine: Engine) -> Iterator[Callable[[str], str]]:
    """Builds an image from a Dockerfile, for one test."""
    names: list[str] = []

    def build(dockerfile: str) -> str:
        names.append(f"certify-test/{secrets.token_hex(4)}:latest")
        engine.client.images.build(
            fileobj=io.BytesIO(dockerfile.encode()), tag=names[-1], rm=True, forcerm=True
        )
        return names[-1]

    yield build
    for name in names:
        engine.client.images.remove(name, force=True)


BASE = f"FROM {SAMPLES}/webdevops-base\n"


@pytest.fixture
def services(certify: Certify, built: Callable[[str], str], tmp_path: Path) -> Services:
    """Certifies what a Dockerfile makes, for nothing but its services."""
    profile = mine(
        tmp_path,
        'launch = "image"',
        'required = ["image.platform", "image.shell", "services.supervisord", "services.logs"]',
        "[budgets]",
        "boot = 2.5",
    )

    def examine(dockerfile: str) -> Result:
        return certify("run", "--profile", profile, "--format", "json", built(dockerfile)).result

    return examine


# What is wrong, what supervisord's check says of it
ENDS = {
    "no such entrypoint": ('ENTRYPOINT ["/nowhere"]', "cannot be started"),
    "not executable": ('ENTRYPOINT ["/etc/passwd"]', "cannot be started"),
    "no such user": ("USER nobody-knows", "cannot be started"),
    "a script without a first line that names its interpreter":
        ('RUN echo true >/start && chmod 755 /start\nENTRYPOINT ["/start"]', "ended by itself"),
    "ends at once": ('ENTRYPOINT ["true"]', "ended by itself with exit code 0"),
    "ends soon": ('ENTRYPOINT ["sh", "-c", "sleep 1; exit 7"]', "exit code 7"),
    "a configuration that cannot be read":
        ("RUN echo '[' >/opt/docker/etc/supervisor.conf", "exit code 2"),
    "nothing is supervised": ('ENTRYPOINT ["sleep", "infinity"]', "starts no supervisord"),
    "a program that cannot be started":
        ("RUN sed -i s,/usr/sbin/cron,/usr/sbin/nowhere, /opt/docker/etc/supervisor.d/cron.conf",
         "but not cron"),
    "a program that crashes":
        ("RUN printf '%s\\n' '[program:crash]' 'command = false' "
         ">/opt/docker/etc/supervisor.d/crash.conf", "but not crash"),
    "called supervisord, and is not":
        ("RUN printf '#!/bin/sh\\nsleep infinity\\n' >/usr/bin/supervisord", "no supervisord"),
}  # fmt: skip


@pytest.mark.parametrize(("more", "says"), ENDS.values(), ids=ENDS)
def test_what_does_not_run_is_told_by_one_check(services: Services, more: str, says: str) -> None:
    result = services(BASE + more)
    assert result.verdict.status == "rejected"
    (reason,) = result.verdict.reasons
    assert reason.check == "services.supervisord"
    assert says in reason.text


PROGRAM = "RUN printf '%s\\n' '[program:more]' {lines} >/opt/docker/etc/supervisor.d/more.conf"

# What is wrong, what the check of the logs says of it; null if nothing is
LOGS = {
    "supervisord drops it": (
        ["command = sleep 9999", "stdout_logfile = NONE", "stderr_logfile = NONE"],
        "does not reach the container's log"),
    "supervisord keeps it by default": (["command = sleep 9999"], "writes what programs print to"),
    "the program writes it to a file": (
        ["command = sh -c 'exec sleep 9999 >>/srv/out 2>&1'", "stdout_logfile = /dev/stdout",
         "stdout_logfile_maxbytes = 0", "redirect_stderr = true"], "a program logs to /srv/out"),
    "the program has a log of its own": (
        ["command = sh -c 'exec sleep 9999 5>>/var/log/own'", "stdout_logfile = /dev/stdout",
         "stdout_logfile_maxbytes = 0", "redirect_stderr = true"],
        "a program logs to /var/log/own"),
    "runs as another user": (
        ["command = sleep 9999", "user = nobody", "stdout_logfile = /dev/stdout",
         "stdout_logfile_maxbytes = 0", "redirect_stderr = true"], None),
    "is not to be started": (["command = sleep 9999", "autostart = false"], None),
    "has done its work": (
        ["command = true", "autorestart = false", "startsecs = 0",
         "stdout_logfile = /dev/stdout", "stdout_logfile_maxbytes = 0",
         "redirect_stderr = true"], None),
}  # fmt: skip


@pytest.mark.parametrize(("lines", "says"), LOGS.values(), ids=LOGS)
def test_where_programs_print(services: Services, lines: list[str], says: str | None) -> None:
    result = services(BASE + PROGRAM.format(lines=" ".join(f'"{line}"' for line in lines)))
    logs = next(check for check in result.checks if check.id == "services.logs")
    assert failed(result, Level.REQUIRED) == ({"services.logs"} if says else set())
    assert logs.outcome == ("failed" if says else "passed")
    assert (says or "heard") in logs.message


def test_supervisord_below_an_init_of_its_own(services: Services) -> None:
    result = services(
        BASE + 'ENTRYPOINT ["sh", "-c", "/opt/docker/bin/service.d/supervisor.sh & wait"]'
    )
    assert result.verdict.status == "certified"
    supervisord = next(each for each in result.checks if each.id == "services.supervisord")
    assert "PID 1;" not in supervisord.message


def test_an_image_without_a_shell_is_told_by_the_shell(services: Services) -> None:
    command = 'ENTRYPOINT ["supervisord", "-c", "/opt/docker/etc/supervisor.conf"]'
    result = services(f"{BASE}{command}\nRUN rm /bin/sh")
    assert {reason.check for reason in result.verdict.reasons} == {"image.shell"}


def test_an_image_that_names_nothing_to_start(services: Services) -> None:
    result = services(f"FROM {SAMPLES}/debian AS source\nFROM scratch\nCOPY --from=source / /\n")
    (reason,) = result.verdict.reasons
    assert reason.check == "services.supervisord"
    assert "neither an entrypoint nor a command" in reason.text


# Each promise of the tiers, broken in one point

APP = f"FROM {SAMPLES}/webdevops-base-app\n"
INFO = "RUN sed -i 's/{}/{}/' /usr/local/bin/docker-image-info"
PROMISES = {
    "no install script": ("RUN rm /usr/local/bin/apt-install", "bootstrap", "apt-install is not"),
    "another family": (INFO.format("echo Debian", "echo RedHat"), "bootstrap", "says 'RedHat'"),
    "another version": (INFO.format("$VERSION_ID", "11"), "bootstrap", "says '11', not '12'"),
    "no image info": ("RUN rm /usr/local/bin/docker-image-info", "bootstrap", "does not know"),
    "replaces nothing": ("RUN ln -sf /bin/true /usr/local/bin/go-replace", "bootstrap",
                         "go-replace"),
    "stays root": ("RUN printf '#!/bin/sh\\nshift; exec \"$@\"\\n' >/usr/sbin/gosu", "bootstrap",
                   "gosu"),
    "a folder is missing": ("RUN rmdir /opt/docker/provision/onbuild.d", "layout",
                            "/opt/docker/provision/onbuild.d is not there"),
    "anybody writes": ("RUN chmod 777 /opt/docker/bin/service.d", "layout", "writable by others"),
    "somebody owns": ("RUN chown application /opt/docker/etc", "layout", "owned by application"),
    "no wget": ("RUN rm /usr/bin/wget", "layout", "wget not in the image"),
    "no user": ("RUN userdel -r application", "user", "there is no user application"),
    "another uid": ("RUN usermod -u 1001 application", "user", "has uid 1001, not 1000"),
    "another shell": ("RUN usermod -s /bin/sh application", "user", "the shell of application"),
    "another group": ("RUN usermod -g users application", "user", "the group of application"),
    "a home of root": ("RUN chown root: /home/application", "user", "cannot write to"),
    "no zip": ("RUN rm /usr/bin/zip", "tools", "zip not in the image"),
    "rsync without a library": ("RUN rm /usr/lib/x86_64-linux-gnu/libxxhash.so.0*", "tools",
                                "rsync in the image, but cannot run"),
    "no language": ("RUN rm /usr/lib/locale/locale-archive", "tools", "en_US.utf8"),
}  # fmt: skip


@pytest.mark.parametrize(("more", "check", "says"), PROMISES.values(), ids=PROMISES)
def test_a_broken_promise_is_told_by_its_check(
    certify: Certify,
    built: Callable[[str], str],
    tmp_path: Path,
    more: str,
    check: str,
    says: str,
) -> None:
    promises = [f"webdevops.{each}" for each in ("bootstrap", "layout", "user", "tools")]
    # wget is one of the base's programs, and so one of the tools.
    also = {"webdevops.tools"} if "wget" in more else set()
    profile = mine(
        tmp_path, 'launch = "idle"',
        f'required = ["image.platform", "image.shell", "packages.manager", {str(promises)[1:]}',
    )  # fmt: skip
    result = certify("run", "--profile", profile, "--format", "json", built(APP + more)).result
    assert failed(result, Level.REQUIRED) == {f"webdevops.{check}"} | also
    assert says in next(each for each in result.checks if each.id == f"webdevops.{check}").message


# A profile of the user's own


def test_a_profile_of_ones_own_decides(certify: Certify, tmp_path: Path) -> None:
    path = mine(tmp_path, 'extends = "plain"', 'required = ["workspace.git"]')
    both = certify("run", "--profile", "plain", "--profile", path, "--format", "json",
                   f"{SAMPLES}/debian").results  # fmt: skip
    assert [(each.profile, each.verdict.status) for each in both] == [
        ("plain", "certified"),
        ("mine", "rejected"),
    ]
    assert [reason.check for reason in both[1].verdict.reasons] == ["workspace.git"]


def test_what_an_image_starts_can_be_asked_without_supervisord(
    certify: Certify, built: Callable[[str], str], tmp_path: Path
) -> None:
    path = mine(tmp_path, 'launch = "image"', 'required = ["image.shell", "workspace.bash"]')
    stays = built(f'FROM {SAMPLES}/debian\nUSER nobody\nCMD ["sleep", "infinity"]')
    good, bad = certify("run", "--profile", path, "--format", "json", stays,
                        f"{SAMPLES}/debian").results  # fmt: skip
    assert good.verdict.status == "certified", "checks ask as root, whoever the image runs as"
    assert bad.verdict.status == "rejected"
    (reason,) = bad.verdict.reasons
    assert (reason.check, reason.text) == (
        "image.shell",
        "the container ended by itself with exit code 0",
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('required = ["image.oss"]', "mine.toml:6: required: there is no check 'image.oss'"),
        ('recommended = ["systemd.state"]', "mine.toml:6: recommended: 'systemd.state' needs"),
        ('name = "plain"', "mine.toml: this is not TOML"),
    ],
)
def test_a_bad_profile_is_wrong_usage(
    certify: Certify, tmp_path: Path, line: str, message: str
) -> None:
    path = mine(tmp_path, 'extends = "plain"', line)
    ended = certify("run", "--profile", path, f"{SAMPLES}/debian")
    assert ended.code == 2
    assert ended.out == ""
    assert message in ended.err
    assert not (tmp_path / "reports").exists(), "nothing was run"
