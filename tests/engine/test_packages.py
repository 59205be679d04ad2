"""Package managers as data, and the shell code made from it, run with fake managers."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.engine import packages
from certify.engine.packages import (
    Family,
    detect_script,
    families,
    install_function,
    missing_tests,
    shell_helpers,
)
from certify.judge.profiles import Capability
from tests.support.shells import SHELLS

CAPABILITIES: tuple[str, ...] = get_args(Capability)
NAMES = [each.name for each in families()]
every_family = pytest.mark.parametrize("each", families(), ids=NAMES)


# The data


@every_family
def test_every_capability_of_a_profile_has_packages_or_a_reason(each: Family) -> None:
    for capability in CAPABILITIES:
        has_packages = bool(each.packages.get(capability))
        assert has_packages != (capability in each.unavailable), capability


@every_family
def test_families_name_only_known_capabilities(each: Family) -> None:
    named = {*each.packages, *each.before, *each.after, *each.unavailable, *each.elsewhere}
    assert named <= {*missing_tests(), "compose"}
    assert {*each.before, *each.after} <= set(each.packages)


@every_family
def test_at_least_one_package_of_a_capability_is_not_optional(each: Family) -> None:
    for capability, names in each.packages.items():
        assert capability == "compose" or any(not name.endswith("?") for name in names)
        one = r"[a-z0-9][a-z0-9.+-]*"
        assert all(re.fullmatch(rf"{one}(\|{one})*\??", name) for name in names)


@every_family
def test_every_command_is_the_familys_own_and_unattended(each: Family) -> None:
    for command in (each.refresh, each.install, each.remove):
        assert each.detect.partition("-")[0] in command
    for verb in ("install", "remove", "exists"):
        assert getattr(each, verb).count("{packages}") == 1
    unattended = r"(^| )(-y|-Sy|--non-interactive|--noconfirm)( |$)|^apk "
    assert re.search(unattended, each.install)
    assert re.search(unattended, each.remove)


@every_family
def test_pending_upgrades_can_be_read_where_they_can_be_listed(each: Family) -> None:
    assert (each.upgradable is None) == (each.upgradable_line == "")


UPGRADABLE = {
    "apt": ("Inst curl [7.1] (7.2 Debian:12.1/stable [amd64])", "Conf curl (7.2 Debian:12.1)"),
    "dnf": ("curl.x86_64      7.76.1-29.el9   updates", "Last metadata expiration check: 0:01"),
    "yum": ("curl.x86_64      7.61.1-34.el8   baseos", "Obsoleting Packages"),
    "zypper": ("v | repo-oss | curl | 8.0-1 | 8.1-1 | x86_64", "S | Repository | Name"),
    "pacman": ("curl 8.0.1-1 -> 8.1.0-1", "warning: curl: ignoring"),
    "apk": ("curl-8.0.1-r0          < 8.1.0-r0", "Installed:      Available:"),
}


@pytest.mark.parametrize("name", UPGRADABLE)
def test_lines_of_pending_upgrades_are_recognised(name: str) -> None:
    line, other = UPGRADABLE[name]
    pattern = packages.family(name).upgradable_line
    assert re.search(pattern, line)
    assert not re.search(pattern, other)


@every_family
def test_a_trial_proves_a_program_of_its_package(each: Family) -> None:
    assert len(each.trials) >= 2
    for package, command in each.trials:
        assert command.split()[0] == package


@every_family
def test_an_installed_package_can_be_installed_again(each: Family) -> None:
    assert each.command("reinstall", "ed").endswith(" ed")
    assert each.reinstall != each.install


@every_family
def test_a_refresh_does_not_hide_why_it_failed(each: Family) -> None:
    assert " -q" not in each.refresh
    assert " -q" not in each.install


@pytest.mark.parametrize("name", ["dnf", "yum"])
def test_repositories_that_a_refresh_could_not_load_are_recognised(name: str) -> None:
    found = re.search(packages.family(name).skipped, "Ignoring repositories: extra, world")
    assert found
    assert found[1] == "extra, world"


@pytest.mark.parametrize(
    ("name", "codes"), [("apt", (0,)), ("dnf", (0, 100)), ("yum", (0, 100)), ("pacman", (0, 1))]
)
def test_lists_of_upgrades_are_judged_by_the_managers_exit_codes(
    name: str, codes: tuple[int, ...]
) -> None:
    assert packages.family(name).upgradable_codes == codes


@pytest.mark.parametrize(
    ("distribution", "reason"),
    [
        ("alpine", "Alpine's repositories"),
        ("wolfi", "certify knows"),
        (None, "knows no package"),
    ],
)
def test_who_has_no_systemd_is_told_why(distribution: str | None, reason: str) -> None:
    assert reason in packages.family("apk").reason_without("systemd", distribution).reason


def test_an_unknown_family() -> None:
    with pytest.raises(KeyError):
        packages.family("portage")


# Command lines for people


def test_packages_are_quoted_in_a_command() -> None:
    assert packages.family("apk").command("remove", "a", "b c;") == (
        "apk del --no-progress a 'b c;'"
    )


def test_the_line_to_paste_refreshes_looks_and_installs() -> None:
    apt = packages.family("apt")
    refresh, look, other, install = apt.install_command(("dockerd", "sudo")).split(" && ")
    assert refresh == apt.refresh
    assert look.startswith("more0=$(for name in docker.io moby-engine docker-ce; do")
    assert other.startswith("more1=$(for name in docker-cli; do")
    assert install.split(" install ")[1].split() == [
        "-y", "--no-install-recommends", "iptables", "sudo",
        "${more0:?no", "package", "docker.io", "or", "moby-engine", "or", "docker-ce}", "$more1",
    ]  # fmt: skip
    assert apt.clean not in apt.install_command(("dockerd",)), (
        "a layer is cleaned, a container is not"
    )


def test_before_runs_after_the_refresh_and_before_restore() -> None:
    apt = packages.family("apt")
    refresh, before, restore, clean = apt.layer_commands(("bash", "bash"))
    assert (refresh, before, clean) == (apt.refresh, apt.before["bash"], apt.clean)
    assert "--reinstall bash" in restore
    assert apt.before["bash"] not in apt.layer_commands(("git",))


def test_the_line_to_paste_ends_with_after() -> None:
    assert (
        packages.family("dnf")
        .install_command(("dockerd",))
        .endswith("runc || :; } && systemctl enable docker")
    )
    assert "systemctl" not in packages.family("dnf").install_command(("sudo",))


def test_there_is_no_line_to_paste_if_nothing_can_be_installed() -> None:
    assert packages.family("apk").install_command(("systemd",)) == ""
    assert packages.family("apt").install_command(()) == ""


# The shell

HAS_ONLY_DOCKER = 'case "$*" in *"list docker") ;; *list*) exit 1 ;; esac'


class Image:
    """A folder of programs that is all that the shell finds; they write down how they were called.

    Whatever a script calls beyond them is not there: it gets by with builtins.
    """

    def __init__(self, folder: Path, shell: Sequence[str]) -> None:
        found = shutil.which(shell[0])
        assert found, f"no {shell[0]} on this machine: apt-get install dash bash busybox"
        self.shell = [found, *shell[1:]]
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.log = folder / "log"
        self.log.touch()

    def add(self, *names: str, then: str = "") -> None:
        dash = shutil.which("dash")
        for name in names:
            program = self.bin / name
            program.write_text(f'#!{dash}\necho "{name} $*" >>{self.log}\n{then}\n')
            program.chmod(0o755)

    def run(self, script: str) -> tuple[int, list[str]]:
        ran = subprocess.run(
            [*self.shell, "-c", script],
            env={"PATH": str(self.bin), "CERTIFY_SBIN": ""},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert ran.stderr == b""
        return ran.returncode, ran.stdout.decode().splitlines()

    def provide(self, *capabilities: str) -> tuple[int, list[str]]:
        return self.run(f"{shell_helpers()}{install_function()}provide {' '.join(capabilities)}")

    def lacking(self, capability: str) -> bool:
        code, said = self.run(f"{shell_helpers()}lacking {capability}")
        assert said == []
        assert code in (0, 1)
        return code == 0

    @property
    def called(self) -> list[str]:
        return self.log.read_text().splitlines()


@pytest.fixture(params=SHELLS.values(), ids=list(SHELLS))
def image(tmp_path: Path, request: pytest.FixtureRequest) -> Image:
    return Image(tmp_path, request.param)


def bare(command: str) -> str:
    """A command as a program sees it: without variables set before it, and without quotes."""
    return re.sub(r"^([A-Z_]+=\S+ )+", "", command).replace("'", "")


@every_family
def test_the_family_of_an_image_is_found(image: Image, each: Family) -> None:
    image.add(each.detect)
    assert image.run(detect_script()) == (0, [each.name])


def test_an_image_without_a_family(image: Image) -> None:
    image.add("portage")
    assert image.run(detect_script()) == (0, [])


def test_of_two_families_the_first_is_taken(image: Image) -> None:
    image.add("yum", "dnf", "apk")
    assert image.run(detect_script()) == (0, ["dnf"])
    assert image.provide("sudo") == (0, ["certify: family dnf"])


@every_family
def test_lists_are_refreshed_then_everything_is_installed_at_once(
    image: Image, each: Family
) -> None:
    image.add(each.detect, each.exists.split()[0], "systemctl", "dockerd", "docker", "grep")
    image.add(bare(each.refresh).split()[0])
    image.add("runc")
    code, said = image.provide("sudo", "dockerd", "download")
    assert (code, said) == (0, [f"certify: family {each.name}"])
    names = [
        name.removesuffix("?").partition("|")[0]
        for capability in ("sudo", "dockerd", "download")
        for name in each.packages[capability]
    ]
    asked = [line for line in image.called if line.startswith(bare(each.exists).split("{")[0])]
    rest = [line for line in image.called if line not in asked and not line.startswith("grep ")]
    expected = [bare(each.refresh), bare(each.command("install", *names))]
    assert rest == expected + ["systemctl enable docker"] * ("dockerd" in each.after)
    assert len(asked) == len(
        [name for name in each.packages["dockerd"] if re.search(r"[?|]", name)]
    )


def test_an_optional_package_is_installed_only_if_the_repositories_have_it(image: Image) -> None:
    image.add("apt-get")
    image.add("apt-cache", then='case "$*" in *docker-c*) exit 100 ;; esac')
    assert image.provide("dockerd")[0] == 0
    assert image.called[1:] == [
        "apt-cache show docker.io",
        "apt-cache show docker-cli",
        "apt-get install -y --no-install-recommends docker.io iptables",
    ]


def test_of_several_packages_the_first_that_the_repositories_have_is_installed(
    image: Image,
) -> None:
    image.add("dnf", "systemctl", "dockerd", "docker", "runc", then=HAS_ONLY_DOCKER)
    assert image.provide("dockerd", "sudo") == (0, ["certify: family dnf"])
    assert image.called[-2].endswith("timeout=20 docker iptables sudo")


@pytest.mark.parametrize("name", ["dnf", "microdnf", "yum"])
def test_a_dockerd_that_comes_without_runc_gets_it(image: Image, name: str) -> None:
    image.add(name, "systemctl", "dockerd", "docker", "grep")
    assert image.provide("dockerd")[0] == 0
    assert image.called[-2].startswith(f"{name} -y install ")
    assert image.called[-2].endswith(" runc")
    assert image.called[-1] == "systemctl enable docker"


def test_a_package_that_no_repository_has_is_told_and_does_not_prevent_others(
    image: Image,
) -> None:
    image.add("dnf", "systemctl", then='case "$*" in *list*) exit 1 ;; esac')
    assert image.provide("dockerd", "sudo") == (
        0, ["certify: family dnf", "certify: no package moby-engine|docker|docker-ce"],
    )  # fmt: skip
    assert image.called[-1].endswith("timeout=20 iptables sudo")


def test_after_runs_only_for_requested_capabilities(image: Image) -> None:
    image.add("dnf", "systemctl")
    image.provide("sudo", "user")
    assert not any("systemctl" in line for line in image.called)


def test_without_packages_no_command_runs(image: Image) -> None:
    image.add("apk")
    assert image.provide("systemd") == (0, ["certify: family apk", "certify: cannot systemd"])
    assert image.called == []


def test_unavailable_capabilities_do_not_prevent_others(image: Image) -> None:
    image.add("apk")
    code, said = image.provide("systemd", "bash")
    assert (code, said) == (0, ["certify: family apk", "certify: cannot systemd"])
    assert image.called == ["apk update", "apk add --no-progress bash"]


@every_family
def test_a_failed_refresh_ends_with_the_managers_exit_code(image: Image, each: Family) -> None:
    image.add(each.detect)
    image.add(bare(each.refresh).split()[0], then="exit 42")
    assert image.provide("sudo")[0] == 42
    assert image.called == [bare(each.refresh)]


def test_a_failed_installation_ends_with_the_managers_exit_code(image: Image) -> None:
    image.add("dnf", then='case "$*" in *install*) exit 43 ;; esac')
    image.add("systemctl")
    assert image.provide("dockerd")[0] == 43
    assert not any("systemctl" in line for line in image.called)


def test_a_failure_of_after_is_a_failure(image: Image) -> None:
    image.add("dnf", "dockerd", "docker")
    image.add("systemctl", then="exit 44")
    assert image.provide("dockerd")[0] == 44


def test_the_managers_output_is_passed_on(image: Image) -> None:
    image.add("apk", then='echo "fetching"')
    assert image.provide("git")[1] == ["certify: family apk", "fetching", "fetching"]


def test_without_a_manager_the_exit_code_is_127(image: Image) -> None:
    assert image.provide("sudo") == (127, [])


# What an image lacks

PROGRAMS = {
    "sudo": [["sudo"]],
    "bash": [["bash"]],
    "git": [["git"]],
    "user": [["useradd"], ["adduser"]],
    "dockerd": [["dockerd", "docker"]],
}


@pytest.mark.parametrize("capability", PROGRAMS)
def test_a_capability_is_lacking_until_all_its_programs_are_there(
    image: Image, capability: str
) -> None:
    for alternative in PROGRAMS[capability]:
        for name in alternative:
            assert image.lacking(capability)
            image.add(name)
        assert not image.lacking(capability)
        for name in alternative:
            (image.bin / name).unlink()


@pytest.mark.parametrize("place", ["/usr/lib/systemd/systemd", "/lib/systemd/systemd"])
def test_systemd_is_found_in_each_distributions_folder(
    image: Image, tmp_path: Path, place: str
) -> None:
    test = missing_tests()["systemd"]
    assert test.count(f"[ -x {place} ]") == 1
    inside = re.sub(r"(?<= )/(?=usr|lib)", f"{tmp_path}/", test)
    assert image.run(inside)[0] == 0
    systemd = tmp_path / place[1:]
    systemd.parent.mkdir(parents=True)
    systemd.touch(mode=0o755)
    assert image.run(inside)[0] == 1


BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/etc/ca-certificates/extracted/tls-ca-bundle.pem",
)


@pytest.mark.parametrize("bundle", BUNDLES)
@pytest.mark.parametrize(
    ("programs", "wget_says", "with_bundle", "without"),
    [
        ((), "", True, True),
        (("curl",), "", False, True),
        (("wget",), "GNU Wget 1.21", False, True),
        (("wget",), "BusyBox v1.36 multi-call binary", False, False),
        (("busybox",), "BusyBox v1.36 multi-call binary", False, False),
        # curl is what platforms take, and it does ask for certificates.
        (("curl", "wget"), "BusyBox v1.36 multi-call binary", False, True),
    ],
)
def test_downloads_need_a_program_and_certificates(
    tmp_path: Path,
    bundle: str,
    programs: tuple[str, ...],
    wget_says: str,
    with_bundle: bool,
    without: bool,
) -> None:
    # Not busybox: its own wget is a builtin of its shell, and always there.
    image = Image(tmp_path, ["dash"])
    for each in programs:
        image.add(each, then=f"echo '{wget_says}' >&2")
    script = re.sub(r"(?<= )/(?=etc/)", f"{tmp_path}/", shell_helpers()) + "lacking download"
    assert script.count(f"{tmp_path}/etc") == len(BUNDLES)
    assert (image.run(script)[0] == 0) is without
    certificates = tmp_path / bundle[1:]
    certificates.parent.mkdir(parents=True)
    certificates.touch()
    assert (image.run(script)[0] == 0) is without, "an empty bundle is none"
    certificates.write_text("nonsense\n")
    assert (image.run(script)[0] == 0) is without, "so is one without a certificate"
    certificates.write_text("# a name\n-----BEGIN CERTIFICATE-----\n")
    assert (image.run(script)[0] == 0) is with_bundle


def test_wget_is_preferred_to_busybox(
    tmp_path: Path,
) -> None:
    image = Image(tmp_path, ["dash"])
    image.add("busybox", then="echo BusyBox v1.36")
    script = re.sub(r"(?<= )/(?=etc/)", f"{tmp_path}/", shell_helpers()) + "lacking download"
    assert image.run(script)[0] == 1
    image.add("wget", then="echo GNU Wget 1.21")
    assert image.run(script)[0] == 0


@settings(deadline=None)
@given(st.lists(st.sampled_from(sorted(missing_tests())), unique=True))
def test_any_choice_of_capabilities_makes_a_line_or_none(capabilities: list[str]) -> None:
    for each in families():
        line = each.install_command(capabilities)
        can = any(each.packages.get(capability) for capability in capabilities)
        assert bool(line) == can
        assert not re.search(r"\w[?|]", line)
        assert "{packages}" not in line
