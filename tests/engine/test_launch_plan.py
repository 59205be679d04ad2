"""The plan of a launch: least privilege, valid shell code, and a command line to paste."""

from __future__ import annotations

import errno
import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any, get_args

import pytest
from docker.types import HostConfig

from certify.engine.apparmor import NEW_MOUNTS, profile_name
from certify.engine.dialect import dialect_of
from certify.engine.launch_plan import (
    NOTIFY_FOLDER,
    SHELL_RAN,
    STATE_FOLDER,
    LaunchPlan,
    Limits,
    host_config,
    launch_script,
    seccomp_path,
    seccomp_profile,
)
from certify.engine.reproduce import reproduce_command
from certify.judge.profiles import Capability
from certify.model.terms import LaunchKind
from scripts import seccomp
from tests.support.shells import SHELLS

WRITABLE = dialect_of({"ServerVersion": "28.5.2"})
VOLUMES = ("one", "two")
BINDS = ["one:/var/lib/docker", "two:/var/lib/containerd"]
CAPABILITIES = get_args(Capability)
LIMITS_ONLY = {
    "init",
    "mem_limit", "memswap_limit", "pids_limit", "log_config", "tmpfs",
}  # fmt: skip
any_shell = pytest.mark.parametrize("shell", SHELLS.values(), ids=SHELLS)


def program(name: str) -> str:
    """Where a program of this machine is; the suite's own image brings all that are asked for."""
    found = shutil.which(name)
    assert found, f"no {name} on this machine: apt-get install dash bash busybox"
    return found


def complaints(shell: list[str], script: str) -> tuple[int, bytes]:
    """What a shell says of a script that it only reads: (0, nothing) if it is well formed."""
    read = subprocess.run(
        [program(shell[0]), *shell[1:], "-n"],
        input=script.encode(),
        capture_output=True,
        check=False,
    )
    return read.returncode, read.stderr


def config(
    kind: LaunchKind = "init",
    isolation: str = "caps",
    *,
    cpus: int = 2,
    notify: Path | None = None,
    **rest: Any,
) -> dict[str, Any]:
    return host_config(
        LaunchPlan(kind, isolation, **rest), cpus=cpus, volumes=VOLUMES, notify=notify
    )


# Rights


def test_an_init_gets_two_capabilities_and_no_privilege() -> None:
    given = config("init", "caps")
    assert set(given) == LIMITS_ONLY | {"binds", "cgroupns", "cap_add", "security_opt"}
    assert sorted(given["cap_add"]) == ["NET_ADMIN", "SYS_ADMIN"]
    assert given["cgroupns"] == "private", "with the host's, systemd leaves its groups on the host"
    assert given["security_opt"] == [f"seccomp={seccomp_profile()}"]


def test_privilege_only_if_asked_for() -> None:
    given = config("init", "privileged")
    assert set(given) == LIMITS_ONLY | {"binds", "cgroupns", "privileged"}
    assert given["privileged"] is True
    assert given["cgroupns"] == "private"


def test_sysbox_confines_by_itself() -> None:
    given = config("init", "sysbox", apparmor=True)
    assert set(given) == LIMITS_ONLY | {"binds", "runtime"}
    assert given["runtime"] == "sysbox-runc"


@pytest.mark.parametrize("kind", ["idle", "image"])
@pytest.mark.parametrize("isolation", ["default", "caps", "privileged", "sysbox"])
@pytest.mark.parametrize("apparmor", [False, True])
def test_other_launches_have_the_engines_default_rights(
    kind: LaunchKind, isolation: str, apparmor: bool
) -> None:
    given = config(kind, isolation, apparmor=apparmor, notify=Path("/tmp/notify"))
    assert set(given) == LIMITS_ONLY | ({"runtime"} if isolation == "sysbox" else set())


@pytest.mark.parametrize("kind", ["init", "idle", "image"])
def test_a_runtime_and_the_users_of_the_host(kind: LaunchKind) -> None:
    assert config(kind, "vm", runtime="kata")["runtime"] == "kata"
    assert config(kind, "caps", host_users=True)["userns_mode"] == "host"
    plan = LaunchPlan(kind, "caps", runtime="crun", host_users=True)
    words = shlex.split(reproduce_command(plan, "app", platform=None))
    assert {"--runtime=crun", "--userns=host"} <= set(words[: words.index("app")])


@pytest.mark.parametrize("apparmor", [False, True])
def test_apparmor_is_lifted_only_where_there_is_one(apparmor: bool) -> None:
    options = config("init", "caps", apparmor=apparmor)["security_opt"]
    assert ("apparmor=unconfined" in options) is apparmor
    assert any(option.startswith("seccomp=") for option in options)


def test_apparmor_is_asked_about_every_mount() -> None:
    options = config("init", "apparmor", apparmor=True)["security_opt"]
    assert f"apparmor={profile_name()}" in options
    (seccomp,) = (each.removeprefix("seccomp=") for each in options if each.startswith("seccomp="))
    rules = json.loads(seccomp)["syscalls"]
    assert [each["errnoRet"] for each in rules if "fsopen" in each["names"]] == [errno.ENOSYS]
    allowed = {
        name for each in rules if each["action"] == "SCMP_ACT_ALLOW" for name in each["names"]
    }
    assert "mount" in allowed
    assert not allowed & set(NEW_MOUNTS)
    assert config("init", "apparmor")["cap_add"] == config("init", "caps")["cap_add"]


def test_the_notification_socket_is_mounted_read_only_if_there_is_one() -> None:
    assert "mounts" not in config()
    given = config(notify=Path("/tmp/n"))
    assert given["binds"] == config()["binds"] == BINDS
    (mount,) = given["mounts"]  # a bind would make a folder that is not there
    assert mount == {"Type": "bind", "Source": "/tmp/n", "Target": NOTIFY_FOLDER, "ReadOnly": True}


@pytest.mark.parametrize("kind", ["init", "idle", "image"])
def test_the_engine_adds_no_init_of_its_own(kind: LaunchKind) -> None:
    """Whatever its daemon.json says: systemd must be PID 1."""
    assert HostConfig(version="1.41", **config(kind))["Init"] is False
    assert "--init=false" in shlex.split(
        reproduce_command(LaunchPlan(kind, "caps"), "app", platform=None)
    )


def test_folders_that_systemd_needs_as_tmpfs() -> None:
    assert set(config()["tmpfs"]) == {STATE_FOLDER, "/run", "/run/lock"}
    assert set(config("idle")["tmpfs"]) == {STATE_FOLDER}


# Limits


@pytest.mark.parametrize("kind", ["init", "idle", "image"])
@pytest.mark.parametrize(
    ("limits", "nano"),
    [
        (Limits(), None),
        (Limits(cpus=0.5), 500_000_000),
        (Limits(cpus=8), 2_000_000_000),
    ],
)
def test_limits(kind: LaunchKind, limits: Limits, nano: int) -> None:
    given = config(kind, limits=limits)
    # Never more than the host has, which the engine would refuse, as some refuse any.
    assert given.get("nano_cpus") == nano
    assert given["mem_limit"] == given["memswap_limit"] == limits.memory
    assert given["pids_limit"] == limits.pids


def test_the_log_is_limited_and_readable() -> None:
    given = config(limits=Limits(log_bytes=12345))["log_config"]
    assert given == {"Type": "json-file", "Config": {"max-size": "12345", "max-file": "1"}}


def test_no_network_is_named_unless_asked_for() -> None:
    assert "network_mode" not in config()
    assert config(network="mine")["network_mode"] == "mine"
    assert config("idle", network="mine")["network_mode"] == "mine"


@pytest.mark.parametrize("isolation", ["caps", "privileged", "sysbox"])
@pytest.mark.parametrize("kind", ["init", "idle"])
def test_dockers_library_accepts_the_settings(kind: LaunchKind, isolation: str) -> None:
    given = config(kind, isolation, limits=Limits(memory="512m"), notify=Path("/tmp/n"))
    made = HostConfig(version="1.41", **given)
    assert made["Memory"] == made["MemorySwap"] == 512 * 1024**2
    assert made.get("CgroupnsMode") == (
        "private" if kind == "init" and isolation != "sysbox" else None
    )


# The seccomp profile


DENIED = {
    "kernel modules": "init_module finit_module delete_module create_module query_module",
    "another kernel": "kexec_load kexec_file_load reboot",
    "swap": "swapon swapoff",
    "the clock": "clock_settime clock_settime64 clock_adjtime settimeofday stime",
    "files by handle": "open_by_handle_at name_to_handle_at fanotify_init",
    "other processes": "perf_event_open ptrace userfaultfd pidfd_getfd process_madvise kcmp",
    "ports": "iopl ioperm",
    "accounts of the host": "acct quotactl syslog",
    "calls that no filter sees": "io_uring_setup io_uring_enter io_uring_register socketcall",
    "keyrings": "keyctl add_key request_key",
}
NEEDED = "mount umount2 pivot_root unshare setns clone clone3 sethostname execve"


def rules(name: str) -> list[dict[str, Any]]:
    """The rules of the seccomp profile that allow a system call."""
    profile = json.loads(seccomp_profile())
    assert profile["defaultAction"] == "SCMP_ACT_ERRNO"
    return [
        rule
        for rule in profile["syscalls"]
        if name in rule["names"] and rule["action"] == "SCMP_ACT_ALLOW"
    ]


def allows(name: str, *arguments: int) -> bool:
    """Whether the profile allows a system call with these arguments, as the kernel compares."""

    def holds(condition: dict[str, Any]) -> bool:
        given = arguments[condition["index"]]
        if condition["op"] == "SCMP_CMP_MASKED_EQ":
            return bool(given & condition["value"] == condition["valueTwo"])
        assert condition["op"] == "SCMP_CMP_EQ", "64 bits are compared, the kernel may use fewer"
        return bool(given == condition["value"])

    return any(all(map(holds, rule.get("args", ()))) for rule in rules(name))


@pytest.mark.parametrize("names", DENIED.values(), ids=DENIED)
def test_system_calls_that_the_seccomp_profile_denies(names: str) -> None:
    assert not [name for name in names.split() if rules(name)]


@pytest.mark.parametrize("name", NEEDED.split())
def test_system_calls_that_the_seccomp_profile_allows(name: str) -> None:
    (rule,) = rules(name)
    assert "args" not in rule


FILE, PIPE, CHARACTERS, BLOCKS = 0o100644, 0o010600, 0o020666, 0o060600
NULL_DEVICE, MEMORY, DISK = 0x103, 0x101, 0xFE00


@pytest.mark.parametrize("call", [("mknod", 0), ("mknodat", -100, 0)], ids=["mknod", "mknodat"])
@pytest.mark.parametrize(
    ("mode", "device", "allowed"),
    [
        (FILE, 0, True), (FILE, DISK, True), (PIPE, 0, True), (CHARACTERS, NULL_DEVICE, True),
        (CHARACTERS, 0, True), (BLOCKS, 0, True), (CHARACTERS, MEMORY, False),
        (BLOCKS, DISK, False), (BLOCKS, NULL_DEVICE, False), (1 << 32 | BLOCKS, DISK, False),
        (BLOCKS, 1 << 32 | DISK, False),
    ],
)  # fmt: skip
def test_device_nodes_that_a_candidate_may_make(
    call: tuple[Any, ...], mode: int, device: int, allowed: bool
) -> None:
    assert allows(*call, mode, device) is allowed


def test_sockets_and_programs_by_their_arguments() -> None:
    vsock, hashes, raw_tracepoint, map_update, link = 40, 38, 17, 2, 28
    assert all(allows("socket", family) for family in (1, 2, 10, 16, 17))
    assert not any(allows("socket", each) for each in (vsock, hashes, 1 << 32 | vsock))
    assert all(allows("bpf", command) for command in (5, 8, 9, 16))
    assert not any(allows("bpf", each) for each in (raw_tracepoint, map_update, link))


def test_no_keyring_and_no_ring_look_like_an_old_kernel() -> None:
    """runc and systemd go on without a keyring only if the kernel has none."""
    for rule in json.loads(seccomp_profile())["syscalls"]:
        if rule["action"] == "SCMP_ACT_ERRNO":
            assert rule["errnoRet"] == errno.ENOSYS
            assert set(rule["names"]) <= {*DENIED["keyrings"].split(), *DENIED[
                "calls that no filter sees"].split()}  # fmt: skip


def test_the_profile_is_up_to_date_and_each_call_has_one_rule() -> None:
    assert seccomp_path().read_text("utf-8") == seccomp.text(), "run scripts/docs"
    kinds = seccomp.rules()
    names = [name for kind in kinds.values() for rule in kind for name in rule["names"].split()]
    assert len(names) == len(set(names))
    assert all(len(rule["reason"]) > 5 for kind in kinds.values() for rule in kind)


def test_every_calling_convention_of_a_machine_is_covered() -> None:
    machines = {each["architecture"]: each for each in json.loads(seccomp_profile())["archMap"]}
    assert machines["SCMP_ARCH_X86_64"]["subArchitectures"] == ["SCMP_ARCH_X86"]
    assert machines["SCMP_ARCH_AARCH64"]["subArchitectures"] == ["SCMP_ARCH_ARM"]


def test_the_profile_of_the_command_line_is_the_one_of_the_launch() -> None:
    assert json.loads(seccomp_path().read_text("utf-8")) == json.loads(seccomp_profile())
    assert "\n" not in seccomp_profile()


# The script


SCRIPTS = {
    f"{kind}-{len(install)}{'-mounts' if prepare else ''}": launch_script(kind, install, prepare)
    for kind in ("init", "idle")
    for install in ((), CAPABILITIES[:1], CAPABILITIES)
    for prepare in (LaunchPlan("init", "caps").prepare, "")
}


@any_shell
@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_the_script_is_valid_in_every_shell(shell: list[str], script: str) -> None:
    assert complaints(shell, script) == (0, b"")


def test_the_script_is_the_command_and_the_entrypoint_a_shell() -> None:
    plan = LaunchPlan("init", "caps", ("systemd",))
    assert plan.argv == ("/bin/sh", "-c", plan.script, "certify")
    assert LaunchPlan("image", "caps").argv == ()


@pytest.mark.parametrize(
    ("isolation", "mounts"), [("caps", True), ("privileged", True), ("sysbox", False)]
)
def test_mounts_are_prepared_where_certify_holds_the_rights(isolation: str, mounts: bool) -> None:
    script = LaunchPlan("init", isolation).script
    assert ("mount" in script) is mounts
    if mounts:
        assert script.index("mount") < script.index("exec ")


@pytest.mark.parametrize(
    ("kind", "isolation", "host_users", "asked"),
    [
        ("init", "caps", False, True),
        ("init", "apparmor", False, True),
        ("init", "caps", True, False),  # an engine with userns-remap refuses the option
        ("init", "userns", False, False),
        ("init", "privileged", False, False),
        ("idle", "default", False, False),
    ],
)
def test_an_engine_that_makes_control_groups_writable_is_asked_to(
    kind: LaunchKind, isolation: str, host_users: bool, asked: bool
) -> None:
    plan = LaunchPlan(kind, isolation, host_users=host_users, dialect=WRITABLE)
    given = host_config(plan, cpus=2, volumes=VOLUMES, notify=None)
    assert ("writable-cgroups=true" in given.get("security_opt", ())) is asked
    line = reproduce_command(plan, "app", platform=None)
    assert ("--security-opt=writable-cgroups=true" in line) is asked
    for script in (plan.script, line) if kind == "init" else ():
        assert ("/sys/fs/cgroup/*" in script) is not asked
        assert "/proc/sys/net" in script


class Machine:
    """A folder that stands for the root of an image, to run the launch script in.

    Nothing of this machine is on its PATH, so the script gets by with builtins.
    """

    def __init__(self, root: Path, shell: list[str]) -> None:
        self.root = root
        self.shell = [program(shell[0]), *shell[1:]]
        for folder in ("bin", "sbin", "run/certify"):
            (root / folder).mkdir(parents=True)

    def add(self, path: str, script: str) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(f"#!{program('dash')}\n{script}\n")
        target.chmod(0o755)

    def run(self, script: str) -> str:
        """Run it, with the paths of its root; what it printed."""
        inside = re.sub(r"(?<![\w/.}])/(?=(?:sbin|lib|usr|etc|run)/)", f"{self.root}/", script)
        ran = subprocess.run(
            [*self.shell, "-c", inside, "certify"],
            env={"PATH": str(self.root / "bin")},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert (ran.returncode, ran.stderr) == (0, b""), ran
        return ran.stdout.decode()

    def state(self, name: str) -> str | None:
        path = self.root / "run/certify" / name
        return path.read_text().strip() if path.exists() else None

    def timeline(self) -> list[str]:
        steps = [line.split() for line in (self.state("timeline") or "").splitlines()]
        moments = [float(moment) for _, moment in steps]
        assert moments == sorted(moments)
        return [step for step, _ in steps]


@pytest.fixture
def machine(tmp_path: Path, request: pytest.FixtureRequest) -> Machine:
    return Machine(tmp_path / "root", request.param)


any_machine = pytest.mark.parametrize("machine", SHELLS.values(), ids=SHELLS, indirect=True)
INIT = 'echo "init of $container, socket ${NOTIFY_SOCKET-none}"'


@any_machine
def test_an_image_that_lacks_nothing_becomes_its_init(machine: Machine) -> None:
    machine.add("sbin/init", INIT)
    said = machine.run(launch_script("init", (), ""))
    assert said.splitlines() == [SHELL_RAN, "init of docker, socket none"]
    assert (machine.state("phase"), machine.state("missing")) == ("booting", "")
    assert machine.state("installed") is None
    assert machine.timeline() == ["launched"]


@any_machine
@pytest.mark.parametrize("init", ["lib/systemd/systemd", "usr/lib/systemd/systemd"])
def test_a_systemd_without_a_link_from_sbin_is_found(machine: Machine, init: str) -> None:
    machine.add(init, INIT)
    assert "init of docker" in machine.run(launch_script("init", (), ""))


@any_machine
def test_the_notification_socket_is_handed_on_if_it_is_there(machine: Machine) -> None:
    machine.add("sbin/init", INIT)
    machine.add("run/certify/notify/socket", "")
    said = machine.run(launch_script("init", (), ""))
    assert f"socket {machine.root}{NOTIFY_FOLDER}/socket" in said


@any_machine
def test_missing_capabilities_are_installed_before_the_init_starts(machine: Machine) -> None:
    machine.add("bin/apt-get", 'echo "apt-get $*"; echo "to stderr" >&2')
    machine.add("bin/apt-cache", "exit 1")
    machine.add("bin/bash", "")
    machine.add("sbin/init", INIT)
    machine.add("etc/machine-id", "uninitialized")
    said = machine.run(launch_script("init", ("systemd", "bash", "sudo"), ""))
    lines = said.splitlines()
    assert lines[:2] == [SHELL_RAN, "certify: family apt"]
    assert lines[-1] == "init of docker, socket none"
    assert "apt-get install -y --no-install-recommends systemd systemd-sysv dbus sudo" in lines
    assert "to stderr" in lines, "the log of the container has both outputs"
    assert machine.state("missing") == "systemd sudo"
    assert machine.state("installed") == "0"
    assert machine.timeline() == ["launched", "installing", "installed"]


@any_machine
def test_an_installation_that_fails_is_recorded_and_the_image_boots_if_it_can(
    machine: Machine,
) -> None:
    machine.add("bin/apt-get", 'case "$*" in *update*) exit 100 ;; esac')
    machine.add("sbin/init", INIT)
    assert "init of docker" in machine.run(launch_script("init", ("sudo",), ""))
    assert (machine.state("missing"), machine.state("installed")) == ("sudo", "100")


@any_machine
def test_installations_speak_english_and_the_image_its_own_language(machine: Machine) -> None:
    machine.add("bin/apt-get", 'echo "apt-get in ${LC_ALL-another language}"')
    machine.add("sbin/init", 'echo "init in ${LC_ALL-its own}"')
    said = machine.run(launch_script("init", ("sudo",), "")).splitlines()
    assert "apt-get in C" in said and "init in its own" in said


@any_machine
def test_without_a_package_manager_the_installation_exits_127(machine: Machine) -> None:
    machine.run(launch_script("init", ("systemd",), ""))
    assert (machine.state("missing"), machine.state("installed")) == ("systemd", "127")


@any_machine
def test_without_an_init_the_shell_stays(machine: Machine) -> None:
    assert machine.run(launch_script("init", (), "")).splitlines() == [SHELL_RAN]
    assert machine.state("phase") == "idle"


@any_machine
def test_an_idle_launch_only_waits(machine: Machine) -> None:
    machine.add("sbin/init", INIT)
    assert machine.run(launch_script("idle", CAPABILITIES, "mount")).splitlines() == [SHELL_RAN]
    assert machine.state("phase") == "idle"
    assert machine.timeline() == ["launched"]


@any_machine
def test_a_second_start_finds_nothing_missing(machine: Machine) -> None:
    machine.add("bin/apt-get", f'[ "$1" != install ] || : >{machine.root}/bin/sudo; echo "$1"')
    machine.add("sbin/init", INIT)
    script = launch_script("init", ("sudo",), "")
    machine.run(script)
    (machine.root / "bin/sudo").chmod(0o755)
    assert machine.run(script).splitlines() == [SHELL_RAN, "init of docker, socket none"]
    assert machine.state("missing") == ""


# The line to paste


@any_machine
def test_the_program_in_the_line_starts_the_init_that_the_launch_would(machine: Machine) -> None:
    machine.add("usr/lib/systemd/systemd", INIT)
    inner = shlex.split(reproduce_command(LaunchPlan("init", "sysbox"), "app", platform=None))[-1]
    assert machine.run(inner) == "init of docker, socket none\n"
