"""Facts that prove or refute a cause: of the candidate, its configuration and the host."""

from __future__ import annotations

import contextlib
import re
import shlex
from collections.abc import Callable, Mapping
from typing import Any

from certify.engine.container_state import ContainerStopped
from certify.engine.dialect import DOCKER
from certify.engine.launch_plan import STORAGE
from certify.engine.own_network import Surroundings
from certify.engine.session import SessionLost
from certify.judge.kernel_text import (
    full_mounts,
    inner_networks,
    lacks_instructions,
    unfit_for_overlay,
)
from certify.judge.openpgp import expirations
from certify.judge.validity import WINDOWS, is_out_of_step, is_over, named_end
from certify.model.errors import Trouble
from certify.suite import own_settings
from certify.suite.candidate import Candidate
from certify.suite.shell_facts import BY_SHELL
from certify.util.strict_json import read_json

DAEMON_JSON = "/etc/docker/daemon.json"
_PATH = re.compile(r"(/[\w.+/@:-]+)")
_STORAGE_FOLDER = re.compile(
    r"""(?:--data-root|--graph|-g|--root)[= ]"?(/[^\s";]+)|^\s*root\s*=\s*["'](/[^"']+)""",
    re.MULTILINE,
)
_FETCHED = re.compile(r"^(?:Hit|Get):\d+ (\S+) (\S+) (?:In)?Release\b", re.MULTILINE)
_OOM_KILLS = (
    "find /sys/fs/cgroup '(' -name memory.events -o -name memory.oom_control ')' "
    "-exec cat {} + 2>/dev/null"
)
"""Prints the kernel's counts of processes that it killed for want of memory, ``oom_kill N``."""
_NO_FORKS = "find /sys/fs/cgroup -name pids.events -exec cat {} + 2>/dev/null"
_OWN_MOUNTS = "df -P -t tmpfs; echo; cat /etc/fstab; grep -rhs ^Where= /etc/systemd/system"
_ENGINE_OF_NOW = (20, 10, 10)
"""The first Docker whose filter calls new system calls missing, not forbidden (Moby, #42681)."""
_LookUp = Callable[..., bool | None]
_FACTS: dict[str, _LookUp] = {}
"""The methods of :class:`Facts` by the sentences that they look up, as patterns."""


def _fact(sentence: str) -> Callable[[_LookUp], _LookUp]:
    """Return a decorator for the method that looks up a fact by what its sentence names."""
    return lambda method: _FACTS.setdefault(sentence, method)


class Facts:
    """Looks facts up by the sentences that ``signatures.toml`` names them with.

    ``text`` is the evidence that the cause was found in.
    """

    def __init__(self, candidate: Candidate, text: str) -> None:
        self._candidate = candidate
        self._text, self._line = text, ""

    def __call__(self, fact: str, line: str) -> bool | None:
        """Return True if the fact holds, False if it does not, None if nobody can tell.

        Raises ``KeyError`` for a fact that nobody knows how to look up.
        """
        self._line = line
        for pattern, look_up in _FACTS.items():
            if found := re.fullmatch(pattern, fact):
                with contextlib.suppress(ContainerStopped, SessionLost, Trouble):
                    return look_up(self, *found.groups())
                return None
        raise KeyError(fact)

    @_fact(r"the host has cgroup v([12])")
    def _host_has_cgroup(self, version: str) -> bool:
        return self._candidate.container.engine.host().cgroup_version == version

    @_fact(r"certify (closes|leaves open) the private address")
    def _address_is(self, how: str) -> bool:
        container, reach = self._candidate.container, self._candidate.job.reach
        routes = container.shell().run("cat /proc/net/route").stdout.decode("ascii", "replace")
        inner = inner_networks(routes, container.engine.byte_order)
        return (how == "closes") is Surroundings("", reach).closes_what_is_named(self._line, inner)

    @_fact(r"the image declares a VOLUME over (/\S+)")
    def _declares_volume(self, path: str) -> bool:
        volumes = [f"{each.rstrip('/')}/" for each in self._configuration.get("Volumes") or {}]
        return any(f"{path}/".startswith(each) or each.startswith(f"{path}/") for each in volumes)

    @_fact(r"the image sets ENV (\w+)")
    def _sets_variable(self, name: str) -> bool:
        return any(each.startswith(f"{name}=") for each in self._configuration.get("Env") or ())

    @_fact(r"ENV LD_LIBRARY_PATH leads to the library")
    def _library_path_leads_there(self) -> bool:
        """Return True if a folder of the image's LD_LIBRARY_PATH holds a library of the line."""
        folders = [
            folder.rstrip("/")
            for each in self._configuration.get("Env") or ()
            if each.startswith("LD_LIBRARY_PATH=")
            for folder in each.partition("=")[2].split(":")
        ]
        return bool({each.rpartition("/")[0] for each in _PATH.findall(self._line)} & {*folders})

    @_fact(r"daemon\.json sets ([\w-]+)(?: to another than (\S+))?")
    def _configures_daemon(self, key: str, usual: str | None) -> bool:
        with contextlib.suppress(ValueError):
            document = read_json(self._candidate.read_file(DAEMON_JSON) or b"{}")
            return isinstance(document, dict) and document.get(key, usual) != usual
        return False

    @_fact(r"the (\S+) of the image moves its storage")
    def _moves_storage(self, unit: str) -> bool:
        """Return True if a unit's command line, or containerd's file, moves layers off a volume."""
        asked = f"systemctl show -p ExecStart {unit}"
        if unit == "containerd.service":
            asked += "; cat /etc/containerd/config.toml"
        moved = _STORAGE_FOLDER.findall(self._candidate.run(asked).stdout)
        volumes = tuple(f"{folder}/" for folder in STORAGE)
        return any(not f"{flag or key}/".startswith(volumes) for flag, key in moved)

    @_fact(r"the launch has no (?:volume|tmpfs|control groups) at (/\S+)")
    def _has_no_mount(self, path: str) -> bool | None:
        """Return True if nothing is mounted at a path."""
        # By a shell: the engine's own copies show no file of /proc.
        mounts = self._candidate.run("cat /proc/self/mountinfo")
        return f" {path} " not in mounts.stdout if mounts.rc == 0 else None

    @_fact(r"the volume at (/\S+) is on a file system unfit for overlay")
    def _overlay_cannot_write(self, path: str) -> bool | None:
        return unfit_for_overlay(self._candidate.run("cat /proc/self/mountinfo").stdout, path)

    @_fact(r"the launch withholds CAP_(\w+)(, or confines root by a user namespace or AppArmor)?")
    def _withholds(self, capability: str, or_confines: str | None) -> bool:
        """Return True if the launch lacks a right that Docker's defaults do not have."""
        launch = self._candidate.container.launch_configuration()
        if launch["HostConfig"].get("Privileged"):
            return False
        given = launch["HostConfig"].get("CapAdd") or ()
        confined = launch.get("AppArmorProfile") not in (None, "", "unconfined")
        return not {"ALL", capability} & {each.removeprefix("CAP_") for each in given} or (
            bool(or_confines) and (confined or self._is_in_user_namespace(launch))
        )

    def _is_in_user_namespace(self, launch: Mapping[str, Any]) -> bool:
        options = self._candidate.container.engine.info.get("SecurityOptions") or ()
        host = launch["HostConfig"]
        own = "sysbox" in str(host.get("Runtime")) or any("name=rootless" in o for o in options)
        remapped = any("name=userns" in each for each in options)
        return own or (remapped and host.get("UsernsMode") != "host")

    @_fact(r"the launch is privileged")
    def _is_privileged(self) -> bool:
        return bool(self._candidate.container.launch_configuration()["HostConfig"]["Privileged"])

    @_fact("|".join(f"({each})" for each in BY_SHELL))
    def _holds_by_shell(self, *named: str | None) -> bool:
        (fact,) = filter(None, named)
        return bool(self._candidate.run(BY_SHELL[fact]).rc == 0)

    @_fact(r"the host has AppArmor")
    def _host_has_apparmor(self) -> bool:
        return self._candidate.container.engine.apparmor

    @_fact(r"the host's engine is older than Docker 20\.10\.10")
    def _engine_is_old(self) -> bool:
        host = self._candidate.container.engine.host()
        numbers = tuple(int(each) for each in re.findall(r"\d+", host.engine_version)[:3])
        return host.engine == DOCKER.name and () < numbers < _ENGINE_OF_NOW

    @_fact(r"the kernel killed a process of the container for want of memory")
    def _was_killed_for_memory(self) -> bool | None:
        return self._counted("oom_kill", _OOM_KILLS)

    @_fact(r"the kernel refused the container a process")
    def _was_refused_processes(self) -> bool | None:
        return self._counted("max", _NO_FORKS)

    def _counted(self, event: str, command: str) -> bool | None:
        """Return True if the kernel counted an event in a control group of the container.

        With cgroup v1, what a group counted is lost when the group goes, so 0 proves nothing.
        """
        if re.search(rf"^{event} [1-9]", self._candidate.run(command).stdout, re.MULTILINE):
            return True
        return False if self._host_has_cgroup("2") else None

    @_fact(r"root cannot write to (/\S+)")
    def _is_closed(self, path: str) -> bool:
        return bool(self._candidate.run("[ ! -w %s ]", path).rc == 0)

    @_fact(r"(/\S+) is no folder that everybody can write to")
    def _folder_is_closed(self, path: str) -> bool:
        found = self._candidate.run("find -L %s -maxdepth 0 -type d -perm -0003", path)
        return not found.stdout.strip()

    @_fact(r"a file system in memory that the image itself mounts is full")
    def _own_mount_is_full(self) -> bool:
        return bool(full_mounts(self._candidate.run(_OWN_MOUNTS).stdout))

    @_fact(r"the host's processor lacks what the line names")
    def _processor_is_old(self) -> bool | None:
        flags = self._candidate.run("grep -m1 ^flags /proc/cpuinfo").stdout
        return lacks_instructions(flags, self._line)

    @_fact(r"the image's systemd configuration limits (\w+(?: or \w+)*)")
    def _systemd_limits(self, keys: str) -> bool:
        """Return True if a file in /etc/systemd sets one of some limits to a number."""
        wanted = f"^(Default)?({keys.replace(' or ', '|')})=[0-9]"
        return bool(self._candidate.run("grep -rqsE %s /etc/systemd", wanted).rc == 0)

    @_fact(r"the (?:image|host) has (the|another) architecture (?:of the host|than the image)")
    def _has_architecture(self, which: str) -> bool:
        return self._candidate.is_foreign is (which == "another")

    @_fact(r"the hook is the image's own")
    def _hook_is_own(self) -> bool:
        """Return True if apt's hook of a line is another than the one that Docker images have."""
        return "-invoke" in self._line.casefold() and "rm -f /var/cache/apt" not in self._line

    @_fact(r"the image's PATH has neither (/.+)")
    def _path_lacks_folders(self, folders: str) -> bool:
        """Return True if the image sets a PATH with none of some folders."""
        env = dict(each.partition("=")[::2] for each in self._configuration.get("Env") or ())
        wanted = set(folders.split(" and "))
        return "PATH" in env and not wanted & set(env["PATH"].split(":"))

    @_fact(r"the image's PATH has (/.+)")
    def _path_has_folders(self, folders: str) -> bool:
        """Return True if the image's PATH has some folders, or none is set."""
        env = dict(each.partition("=")[::2] for each in self._configuration.get("Env") or ())
        return "PATH" not in env or {*folders.split(" and ")} <= {*env["PATH"].split(":")}

    @_fact(r"the key had expired when another source was made")
    def _key_is_over(self) -> bool:
        windows = str(self._candidate.run(WINDOWS).stdout)
        if (end := named_end(self._line)) is not None:
            return is_over(end, windows)
        sources = self._candidate.run(own_settings.SOURCES).stdout
        keys = " ".join(own_settings.keys_of(sources, f"{self._text}\n{self._line}"))
        named = re.search(r"\bEXPKEYSIG ([0-9A-F]{16})\b", self._line)
        ends: dict[str, int] = {}
        for path in self._candidate.run(f"ls -d {keys} 2>/dev/null").stdout.splitlines():
            ends |= expirations(self._candidate.read_file(path) or b"")
        return bool(named and named[1] in ends and is_over(ends[named[1]], windows))

    @_fact(r"another source is (?:valid at the same time|newer than that)")
    def _other_source_is_valid(self) -> bool:
        return is_out_of_step(self._line, str(self._candidate.run(WINDOWS).stdout))

    @_fact(r"another source was fetched")
    def _other_source_was_fetched(self) -> bool:
        """Return True if a package source other than the one of the line was fetched."""
        return any(f"{address} {suite} " not in self._line
                   for address, suite in _FETCHED.findall(self._text))  # fmt: skip

    @_fact(r"the file is not readable for everybody")
    def _file_is_unreadable(self) -> bool:
        named = " ".join(shlex.quote(found.rstrip(".:,")) for found in _PATH.findall(self._line))
        return bool(self._candidate.run(own_settings.KEYS_CLOSED.format(named)).stdout.strip())

    @_fact(r"a key .*apt's (?:names )?((?:is|has) .*)")
    def _key_is_unfit(self, how: str) -> bool:
        """Return True if a key of a source that apt refused is gone, misnamed or closed."""
        script = own_settings.KEYS_MISNAMED if "suffix" in how else own_settings.KEYS_CLOSED
        script = own_settings.KEYS_GONE if how == "is not there" else script
        sources = self._candidate.run(own_settings.SOURCES).stdout
        keys = own_settings.keys_of(sources, f"{self._text}\n{self._line}")
        return bool(self._candidate.run(script.format(" ".join(keys))).stdout.strip())

    @_fact(r"/bin/sh leads to (\w+)")
    def _shell_is(self, name: str) -> bool:
        found = str(self._candidate.run("readlink -f /bin/sh").stdout).strip()
        return found.rpartition("/")[2].startswith(name)

    @_fact(r"the image's /etc/apk/world names the package")
    def _world_names_it(self) -> bool:
        """Return True if apk's world still names a package that an installation did not find."""
        listed = self._candidate.run("cat /etc/apk/world").stdout.split()
        named = re.findall(r"([\w.+-]+) \(no such package\)", self._text)
        return bool({*named} & {re.split("[@<>=~]", each)[0] for each in listed})

    @_fact(r"a pin of the image forbids the package")
    def _is_pinned(self) -> bool:
        named = re.search(r"'?([\w.+:-]+)'? has no installation candidate", self._line)
        return bool(named and self._candidate.run(own_settings.PINNED, named[1]).rc == 0)

    @property
    def _configuration(self) -> Mapping[str, Any]:
        return self._candidate.container.configuration()


def is_known(fact: str) -> bool:
    """Return True if a fact can be looked up."""
    return any(re.fullmatch(pattern, fact) for pattern in _FACTS)
