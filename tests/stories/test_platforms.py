"""What images of platforms start and promise, on a real engine: one check tells each fault."""

from __future__ import annotations

import io
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from certify.engine.client import Engine
from certify.model.result import Result
from certify.model.terms import Level
from tests.conftest import SAMPLES, Certify, certify_in
from tests.stories.expected import failed
from tests.support.profiles import mine

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("nothing_left")]


# Images that are started as shipped


@contextmanager
def built(engine: Engine, dockerfiles: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Builds an image from each Dockerfile; yields their references by the Dockerfiles' names."""
    references: dict[str, str] = {}
    try:
        for name, dockerfile in dockerfiles.items():
            reference = f"certify-test/{secrets.token_hex(4)}:latest"
            engine.client.images.build(
                fileobj=io.BytesIO(dockerfile.encode()), tag=reference, rm=True, forcerm=True
            )
            references[name] = reference
        yield references
    finally:
        for reference in references.values():
            engine.client.images.remove(reference, force=True)


def certify_all(
    engine: Engine, folder: Path, profile: str, dockerfiles: Mapping[str, str]
) -> dict[str, Result]:
    """Certify an image of each Dockerfile, in one sweep; return the results by their names."""
    with built(engine, dockerfiles) as references:
        (folder / "images.txt").write_text("\n".join(references.values()))
        ended = certify_in(folder)(
            "sweep", "images.txt", "--profile", profile, "--pull", "never", "--jobs", "2",
            "--format", "json",
        )  # fmt: skip
        results = {each.image.reference: each for each in ended.results}
        return {name: results[reference] for name, reference in references.items()}


BASE = f"FROM {SAMPLES}/webdevops-base\n"

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


PROGRAM = "RUN printf '%s\\n' '[program:more]' {lines} >/opt/docker/etc/supervisor.d/more.conf"

# What is wrong, what the check of the logs says of it; None if nothing is
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


OTHERS = {
    "supervisord below an init of its own":
        BASE + 'ENTRYPOINT ["sh", "-c", "/opt/docker/bin/service.d/supervisor.sh & wait"]',
    "no shell":
        BASE + 'ENTRYPOINT ["supervisord", "-c", "/opt/docker/etc/supervisor.conf"]\n'
        "RUN rm /bin/sh",
    "nothing to start": f"FROM {SAMPLES}/debian AS source\nFROM scratch\nCOPY --from=source / /\n",
}  # fmt: skip

Services = Callable[[str], Result]


@pytest.fixture(scope="module")
def services(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Services:
    """The result of an image by its name above, certified for nothing but its services."""
    folder = tmp_path_factory.mktemp("services")
    profile = mine(
        folder,
        'launch = "image"',
        'required = ["image.platform", "image.shell", "services.supervisord", "services.logs"]',
        "[budgets]",
        "boot = 2.5",
    )
    dockerfiles = {name: BASE + more for name, (more, _) in ENDS.items()} | OTHERS
    for name, (lines, _) in LOGS.items():
        dockerfiles[name] = BASE + PROGRAM.format(lines=" ".join(f'"{line}"' for line in lines))
    return certify_all(engine, folder, profile, dockerfiles).__getitem__


@pytest.mark.slow
@pytest.mark.parametrize("name", ENDS)
def test_what_does_not_run_is_told_by_one_check(services: Services, name: str) -> None:
    result = services(name)
    assert result.verdict.status == "rejected"
    (reason,) = result.verdict.reasons
    assert reason.check == "services.supervisord"
    assert ENDS[name][1] in reason.text


@pytest.mark.slow
@pytest.mark.parametrize("name", LOGS)
def test_where_programs_print(services: Services, name: str) -> None:
    result, says = services(name), LOGS[name][1]
    logs = next(check for check in result.checks if check.id == "services.logs")
    assert failed(result, Level.REQUIRED) == ({"services.logs"} if says else set())
    assert logs.outcome == ("failed" if says else "passed")
    assert (says or "heard") in logs.message


@pytest.mark.slow
def test_supervisord_below_an_init_of_its_own(services: Services) -> None:
    result = services("supervisord below an init of its own")
    assert result.verdict.status == "certified"
    supervisord = next(each for each in result.checks if each.id == "services.supervisord")
    assert "PID 1;" not in supervisord.message


@pytest.mark.slow
def test_an_image_without_a_shell_is_told_by_the_shell(services: Services) -> None:
    assert {reason.check for reason in services("no shell").verdict.reasons} == {"image.shell"}


@pytest.mark.slow
def test_an_image_that_names_nothing_to_start(services: Services) -> None:
    (reason,) = services("nothing to start").verdict.reasons
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


@pytest.fixture(scope="module")
def promises(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    """The results of all images that break a promise."""
    folder = tmp_path_factory.mktemp("promises")
    asked = [f"webdevops.{each}" for each in ("bootstrap", "layout", "user", "tools")]
    profile = mine(
        folder, 'launch = "idle"',
        f'required = ["image.platform", "image.shell", "packages.manager", {str(asked)[1:]}',
    )  # fmt: skip
    broken = {name: APP + more for name, (more, _, _) in PROMISES.items()}
    return certify_all(engine, folder, profile, broken)


@pytest.mark.slow
@pytest.mark.parametrize("name", PROMISES)
def test_a_broken_promise_is_told_by_its_check(promises: dict[str, Result], name: str) -> None:
    more, check, says = PROMISES[name]
    # wget is one of the base's programs, and so one of the tools.
    also = {"webdevops.tools"} if "wget" in more else set()
    result = promises[name]
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
    engine: Engine, tmp_path: Path
) -> None:
    path = mine(tmp_path, 'launch = "image"', 'required = ["image.shell", "workspace.bash"]')
    debian = f"FROM {SAMPLES}/debian\n"
    dockerfiles = {"stays": debian + 'USER nobody\nCMD ["sleep", "infinity"]', "ends": debian}
    good, bad = certify_all(engine, tmp_path, path, dockerfiles).values()
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
