"""Facts that prove or refute a cause: of the candidate, its configuration and the host."""

from __future__ import annotations

import contextlib
import json
import re
import shlex
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Any

from certify.engine.container import ContainerStopped
from certify.engine.launch_plan import STORAGE
from certify.engine.session import SessionLost
from certify.model.errors import Trouble
from certify.suite.candidate import Candidate

DAEMON_JSON = "/etc/docker/daemon.json"
_KEYS = "/etc/apt/trusted.gpg.d /etc/apt/keyrings /usr/share/keyrings"
_CLOSED = (
    r"""[ -n "$(find -L {} \( -type f ! -perm -o=r -o -type d ! -perm -o=x \) 2>/dev/null)" ]"""
)
"""A test in the shell whether a file, or anything below a folder, is closed to other users."""
_PATH = re.compile(r"(/[\w.+/@:-]+)")
_STORAGE_FOLDER = re.compile(
    r"""(?:--data-root|--graph|-g|--root)[= ]"?(/[^\s";]+)|^\s*root\s*=\s*["'](/[^"']+)""",
    re.MULTILINE,
)
_FETCHED = re.compile(r"^(?:Hit|Get):\d+ (\S+)", re.MULTILINE)


class Facts:
    """Looks facts up by the sentences that ``signatures.toml`` names them with.

    ``text`` is the evidence that the cause was found in.
    """

    def __init__(self, candidate: Candidate, text: str) -> None:
        self._candidate = candidate
        self._text = text

    def __call__(self, fact: str, line: str) -> bool | None:
        """Return True if the fact holds, False if it does not, None if nobody can tell.

        Raises ``KeyError`` for a fact that nobody knows how to look up.
        """
        for pattern, look_up in _FACTS.items():
            if found := re.fullmatch(pattern, fact):
                with contextlib.suppress(ContainerStopped, SessionLost, Trouble):
                    return look_up(self, line, *found.groups())
                return None
        raise KeyError(fact)

    def _host_has_cgroup(self, _line: str, version: str) -> bool:
        return self._candidate.container.engine.host().cgroup_version == version

    def _declares_volume(self, _line: str, path: str) -> bool:
        volumes = [f"{each.rstrip('/')}/" for each in self._configuration.get("Volumes") or {}]
        return any(f"{path}/".startswith(each) or each.startswith(f"{path}/") for each in volumes)

    def _sets_variable(self, _line: str, name: str) -> bool:
        return any(each.startswith(f"{name}=") for each in self._configuration.get("Env") or ())

    def _configures_daemon(self, _line: str, key: str) -> bool:
        content = self._candidate.read_file(DAEMON_JSON) or b"{}"
        with contextlib.suppress(ValueError):
            document = json.loads(content)
            return isinstance(document, dict) and key in document
        return False

    def _moves_storage(self, _line: str, unit: str) -> bool:
        """Return True if a unit's command line, or containerd's file, moves layers off a volume."""
        asked = f"systemctl show -p ExecStart --value {unit}"
        if unit == "containerd.service":
            asked += "; cat /etc/containerd/config.toml"
        moved = _STORAGE_FOLDER.findall(self._candidate.run(asked).stdout)
        volumes = tuple(f"{folder}/" for folder in STORAGE)
        return any(not f"{flag or key}/".startswith(volumes) for flag, key in moved)

    def _lacks_volume(self, _line: str, path: str) -> bool:
        mounts = self._candidate.read_file("/proc/self/mountinfo") or b""
        return f" {path} ".encode() not in mounts

    def _systemd_limits(self, _line: str, keys: str) -> bool:
        """Return True if a file in /etc/systemd sets one of some limits to a number."""
        wanted = f"^(Default)?({keys.replace(' or ', '|')})=[0-9]"
        return bool(self._candidate.run("grep -rqsE %s /etc/systemd", wanted).rc == 0)

    def _has_architecture_of_host(self, _line: str) -> bool:
        return not self._candidate.is_foreign

    def _hook_is_own(self, line: str) -> bool:
        """Return True if apt's hook of a line is another than the one that Docker images have."""
        return "-invoke" in line.casefold() and "rm -f /var/cache/apt" not in line

    def _path_lacks_folders(self, _line: str, folders: str) -> bool:
        """Return True if the image sets a PATH with none of some folders."""
        env = dict(each.partition("=")[::2] for each in self._configuration.get("Env") or ())
        wanted = set(folders.split(" and "))
        return "PATH" in env and not wanted & set(env["PATH"].split(":"))

    def _other_source_is_valid(self, line: str) -> bool:
        """Return True if a package source other than the one of the line was fetched."""
        return any(each.rstrip("/") not in line for each in _FETCHED.findall(self._text))

    def _file_is_unreadable(self, line: str) -> bool:
        paths = [PurePosixPath(found.rstrip(".:,")) for found in _PATH.findall(line)]
        named = " ".join(shlex.quote(f"{each}") for path in paths for each in (path, path.parent))
        return bool(self._candidate.run(_CLOSED.format(f"{named} -maxdepth 0")).rc == 0)

    def _some_key_is_unreadable(self, _line: str) -> bool:
        return bool(self._candidate.run(_CLOSED.format(_KEYS)).rc == 0)

    @property
    def _configuration(self) -> Mapping[str, Any]:
        return self._candidate.container.configuration()


_FACTS: Mapping[str, Callable[..., bool]] = {
    r"the host has cgroup v([12])": Facts._host_has_cgroup,
    r"the image declares a VOLUME over (/\S+)": Facts._declares_volume,
    r"the image sets ENV (\w+)": Facts._sets_variable,
    r"daemon\.json sets ([\w-]+)": Facts._configures_daemon,
    r"the (\S+) of the image moves its storage": Facts._moves_storage,
    r"the launch has no volume at (/\S+)": Facts._lacks_volume,
    r"the image's PATH has neither (/.+)": Facts._path_lacks_folders,
    r"the image's systemd configuration limits (\w+(?: or \w+)*)": Facts._systemd_limits,
    r"the image has the architecture of the host": Facts._has_architecture_of_host,
    r"the hook is the image's own": Facts._hook_is_own,
    r"another source is valid at the same time": Facts._other_source_is_valid,
    r"the file is not readable for everybody": Facts._file_is_unreadable,
    r"a key of apt's is not readable for everybody": Facts._some_key_is_unreadable,
}


def is_known(fact: str) -> bool:
    """Return True if a fact can be looked up."""
    return any(re.fullmatch(pattern, fact) for pattern in _FACTS)
