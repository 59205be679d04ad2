"""The image's settings of dockerd that keep it from working: of its unit, and of daemon.json."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from certify.engine.session import KILLED
from certify.judge.diagnosis import diagnose
from certify.judge.kernel_text import own_network_in
from certify.judge.proof import prove
from certify.model.terms import Fault
from certify.suite import common_settings
from certify.suite.candidate import Candidate
from certify.suite.claims import proven, unknown
from certify.suite.elimination import culprits
from certify.suite.facts import Facts
from certify.util.strict_json import read_json
from certify.util.text import one_line

UNIT = "docker.service"
DAEMON_JSON = "/etc/docker/daemon.json"
_KEPT = "/run/certify/daemon.json"
_RULES = "/run/certify/rules"
_NO_RULES = r"printf '*nat\nCOMMIT\n*filter\nCOMMIT\n'"
"""Prints what empties both tables: iptables-save leaves out those without rules."""
_NETWORKS, _KEPT_NETWORKS = "/var/lib/docker/network", "/run/certify/network"
_NO_NETWORKS = f"rm -rf {_NETWORKS}; networkctl delete docker0 || ip link delete docker0"
"""Removes what dockerd keeps the addresses of an earlier daemon.json in, by what the image has."""
_DROP_IN = f"/run/systemd/system/{UNIT}.d/zzzz-certify.conf"
"""Comes after every drop-in of the image, whose settings it resets (systemd.unit(5))."""
_LARGEST = 16 * 1024
"""The limit of a daemon.json that is tried without some keys, in bytes."""
_LONG_SECONDS = 60
"""The time that dockerd has to be up again after all trials; a busy host needs it."""
_MOST = 12
"""The most settings that are tried: each takes a restart."""
SETTINGS = (
    "CapabilityBoundingSet", "AmbientCapabilities", "NoNewPrivileges", "SystemCallFilter",
    "SystemCallArchitectures", "RestrictAddressFamilies", "RestrictNamespaces",
    "RestrictSUIDSGID", "RestrictRealtime", "LockPersonality", "MemoryDenyWriteExecute",
    "PrivateMounts", "PrivateTmp", "PrivateDevices", "PrivateUsers",
    "ProtectSystem", "ProtectHome", "ProtectKernelTunables", "ProtectKernelModules",
    "ProtectKernelLogs", "ProtectControlGroups", "ProtectClock", "ProtectHostname",
    "ProtectProc", "ProcSubset", "ReadOnlyPaths", "InaccessiblePaths", "NoExecPaths",
    "TemporaryFileSystem", "BindPaths", "BindReadOnlyPaths", "RootDirectory", "MountFlags",
    "User", "Group", "DynamicUser", "SupplementaryGroups", "WorkingDirectory", "UMask",
    "DevicePolicy", "DeviceAllow", "MemoryMax", "MemoryHigh", "TasksMax", "IPAddressDeny",
    "CPUAffinity", "Nice", "CPUSchedulingPolicy", "IOSchedulingClass", "PAMName",
    "StandardOutput", "StandardError", "NetworkNamespacePath", "RootImage",
    "Environment", "EnvironmentFiles", "ExecStartPre", "ExecStartPost", "ExecCondition",
)  # fmt: skip
"""Settings that can hinder a service, as ``systemctl show`` names them (systemd.exec(5),
systemd.resource-control(5), systemd.service(5)). Not PrivateNetwork=: dockerd keeps the addresses
that it chose there, and they may be the candidate's own."""
_WRITTEN = {"EnvironmentFiles": "EnvironmentFile"}
"""Settings that have another name in a file of a unit."""
_NO_UNIT = 5
"""Exit code of systemctl for a unit that is not there."""
_VAGUE = ("program-missing", "iptables-missing")
"""Signatures that say no more than that something is missing: there, or where dockerd looks."""
_UNSET = ("", "~", "[not set]")
"""Values that no file of a unit sets."""


class OwnDaemon:
    """The dockerd of a candidate, which can be tried without some of the image's settings."""

    def __init__(
        self, candidate: Candidate, is_up: Callable[[], bool], keep: Callable[[], None]
    ) -> None:
        """``is_up`` tells whether the daemon replies; ``keep`` keeps what it tells for later.

        A daemon that runs may be one that cannot be started again.
        """
        self._candidate = candidate
        self._is_up = is_up
        self._keep = keep
        self._common: dict[str, str] = {}
        """Files that set something for every service (:mod:`~certify.suite.common_settings`)."""

    def fail_if_hindered(self, problem: str, works: Callable[[], bool], evidence: str) -> None:
        """Fail with a problem if settings of the image bring it about; else return.

        ``works`` tells whether what failed works now. dockerd is restarted several times, without
        the settings, and at last as it was; not if the ``evidence`` of the failure shows a cause in
        the image by itself, or one that is proven to be the host's.
        """
        transcript = self._candidate.transcript
        before = len(transcript)
        if any(each.rc == KILLED and not each.timed_out for each in transcript):
            return
        found = [] if self._is_settled(evidence) else self._hindering(works)
        taken = self._own_network(found) if found else ""
        del transcript[before:]  # trials are no evidence of the failure
        if taken:
            names = ", ".join(one_line(each, 60) for each in found)
            unknown(
                f"{problem}: its addresses are taken here: {names} of the image's dockerd wants"
                f" some of {taken}, the network that the candidate was given. Run it again, on"
                " another network (--network)"
            )
        if found:
            _fail(problem, found)

    def _hindering(self, works: Callable[[], bool]) -> list[str]:
        """Return the fewest settings without which dockerd works; none if it is not for them."""
        defaults, document, command = self._defaults(), self._daemon_json(), self._command()
        flags = dict.fromkeys(name for name, _ in command if is_tried(name))
        names = [*(f"{each}=" for each in defaults), *document, *flags]
        common = common_settings.listed(self._candidate.run)
        # Too many of these are left out, rather than that nothing is tried.
        self._common = common if len(names) + len(common) <= _MOST else {}
        names += self._common
        if not 0 < len(names) <= _MOST:
            return []

        def works_without(some: Sequence[str]) -> bool:
            reset = {each: defaults[each] for each in defaults if f"{each}=" in some}
            keys = {key: value for key, value in document.items() if key not in some}
            lines = drop_in(reset) if reset else []
            if {*some} & {*flags}:
                left = " ".join(text for name, text in command if name not in some)
                lines = [*(lines or ["[Service]"]), "ExecStart=", f"ExecStart={left}"]
            keys_left = keys if len(keys) < len(document) else None
            return self._restarts(lines, keys_left, some) and works()

        was_up = self._is_up()
        self._keep()
        self._candidate.keep_seconds(UNIT)
        keep = f"{{ {_NO_RULES}; iptables-save; }} >{_RULES}; cp -a {_NETWORKS} {_KEPT_NETWORKS}"
        self._candidate.run(keep)
        try:
            return culprits(names, works_without)
        finally:
            if not self._restarts([], None) and was_up:  # or the next check finds no daemon
                self._candidate.wait_for(self._is_up, seconds=_LONG_SECONDS, pause=0.1)

    def _own_network(self, found: Sequence[str]) -> str:
        """Return the candidate's own network if settings want addresses of it; else nothing.

        Which one that is was not the image's choice.
        """
        document = self._daemon_json()
        wanted = json.dumps({key: document[key] for key in found if key in document})
        wanted += " ".join(text for name, text in self._command() if name in found)
        routes = self._candidate.run("cat /proc/net/route").stdout
        return own_network_in(wanted, routes, self._candidate.container.engine.byte_order)

    def _is_settled(self, evidence: str) -> bool:
        """Return True if evidence shows a cause that no trial could tell better."""
        facts = Facts(self._candidate, evidence)
        cause = prove(diagnose(evidence), facts)
        if cause is None or cause.name in _VAGUE:
            return False
        proven_host = cause.fault is Fault.HOST and cause.proof and facts(cause.proof, cause.line)
        return cause.fault is Fault.IMAGE or bool(proven_host)

    def _defaults(self) -> dict[str, str]:
        """Return systemd's defaults of the settings that the unit has otherwise, by name."""
        show = f"systemctl show {' '.join(f'-p {each}' for each in SETTINGS)}"
        both = self._candidate.run(f"{show} {UNIT}; echo; {show} certify-default.service").stdout
        found, files = changed_settings(both)
        # The stock unit reads a file that is not there, or has nothing but comments.
        if files and self._candidate.run("grep -qsE '^[^#]' %s", files).rc != 0:
            del found["EnvironmentFiles"]
        return found

    def _command(self) -> list[tuple[str, str]]:
        """Return the options of the unit's command line."""
        return split_command(self._candidate.run(f"systemctl show -p ExecStart {UNIT}").stdout)

    def _daemon_json(self) -> dict[str, Any]:
        """Return the keys of daemon.json; none if it is not there, or no object in JSON."""
        read = self._candidate.run(f"head -c {_LARGEST + 1} {DAEMON_JSON}")
        if read.rc != 0 or len(read.stdout) > _LARGEST:
            return {}
        try:
            document = read_json(read.stdout)
        except ValueError:
            return {}
        return document if isinstance(document, dict) else {}

    def _restarts(
        self, lines: Sequence[str], keys: Mapping[str, Any] | None, without: Sequence[str] = ()
    ) -> bool:
        """Restart dockerd with the lines of a drop-in, and daemon.json of some keys; None: its own.

        It is ``without`` some of the files that are for every service. Returns True if it is up.
        """
        run = self._candidate.run
        # Rules and networks that dockerd made in another trial would count in the next.
        restore = f"iptables-restore --test <{_RULES} && iptables-restore <{_RULES}"
        networks = _NO_NETWORKS
        if not lines and keys is None:
            networks += f"; cp -a {_KEPT_NETWORKS} {_NETWORKS}"
        run(f"systemctl stop {UNIT}; {restore}; {networks}", timeout=30)
        run(f"rm -f {_DROP_IN}; [ ! -e {_KEPT} ] || {{ cp -p {_KEPT} {DAEMON_JSON}; rm {_KEPT}; }}")
        if lines:
            folder, text = _DROP_IN.rpartition("/")[0], "\n".join(lines)
            run(f"mkdir -p {folder} && printf '%%s\\n' %s >{_DROP_IN}", text)
        if keys is not None:
            keep = f"cp -p {DAEMON_JSON} {_KEPT}"
            run(f"{keep} && printf '%%s' %s >{DAEMON_JSON}", json.dumps(keys))
        run(f"systemctl daemon-reload; systemctl reset-failed {UNIT} docker.socket")
        if self._common:
            common_settings.put_aside(run, self._common, without)
            containerd = "systemctl reset-failed {0}; systemctl restart {0}"
            if run(containerd.format("containerd.service"), timeout=30).rc not in (0, _NO_UNIT):
                return False
        if run(f"systemctl restart {UNIT}", timeout=30).rc != 0:
            return False
        return self._candidate.wait_for(self._is_up, seconds=10, pause=0.1)


def changed_settings(shown: str) -> tuple[dict[str, str], str]:
    """Return systemd's defaults of the settings that a unit has otherwise, by name.

    ``shown`` is what ``systemctl show`` prints of the unit, an empty line, and what it prints of a
    unit that is not there. The second value is the file that EnvironmentFile= names, if it may be
    missing.
    """
    own, defaults = (
        {name: value for name, _, value in (each.partition("=") for each in part.splitlines())}
        for part in shown.partition("\n\n")[::2]
    )
    changed = {
        name: defaults.get(name, "")
        for name in SETTINGS
        if own.get(name, "") not in (defaults.get(name, ""), "infinity")
    }
    path, _, option = own.get("EnvironmentFiles", "").partition(" ")
    return changed, path if option == "(ignore_errors=yes)" else ""


def split_command(shown: str) -> list[tuple[str, str]]:
    """Return the options of a service's command line, each with its values as it was written.

    ``shown`` is what ``systemctl show -p ExecStart`` prints. Empty if there are several commands,
    or words that cannot be written to a unit's file as they are.
    """
    commands = re.findall(r"argv\[\]=(.{1,4000}?) ; ignore_errors=", shown)
    if len(commands) != 1 or re.search(r"""[%\\'";]""", commands[0]):
        return []
    options: list[tuple[str, str]] = []
    for word in commands[0].split():
        if not options or word.startswith(("-", "$")):
            options.append((word.partition("=")[0], word))
        else:
            options[-1] = (options[-1][0], f"{options[-1][1]} {word}")
    return options


def is_tried(word: str) -> bool:
    """Return True if dockerd can be tried without an option of its command line."""
    return word.startswith("--") and word not in ("--host", "--containerd")


def drop_in(defaults: Mapping[str, str]) -> list[str]:
    """Return the lines of a drop-in that gives settings of a unit their default values."""
    lines = ["[Service]"]
    for name, default in defaults.items():
        written = _WRITTEN.get(name, name)
        lines += [f"{written}="] + [f"{written}={default}"] * (default not in _UNSET)
    return lines


def _fail(problem: str, found: Sequence[str]) -> None:
    """Fail with a problem and the settings that were found to bring it about."""
    common = [each for each in found if " in /etc/systemd/" in each]
    found = [each for each in found if each not in common]
    unit = ", ".join(each.replace("Files=", "File=") for each in found if each.endswith("="))
    flags = ", ".join(one_line(each, 60) for each in found if each.startswith("--"))
    keys = ", ".join(one_line(each, 60) for each in found if not re.match(r"--|.*=$", each))
    places, files = [], []
    if unit:
        places.append(f"{unit} of the image's {UNIT}")
        files.append(f"{unit} from {UNIT} and its drop-ins (/etc/systemd/system/{UNIT}.d)")
    if flags:
        places.append(f"{flags} in ExecStart= of the image's {UNIT}")
        files.append(f"{flags} from ExecStart= of {UNIT} and its drop-ins")
    if keys:
        places.append(f"{keys} in the image's {DAEMON_JSON}")
        files.append(f"{keys} from {DAEMON_JSON}")
    if common:
        places += common
        files.append(common_settings.remedy(common))
    them = "them" if len(found) + len(common) > 1 else "it"
    proven(
        f"{problem} because of {' and '.join(places)}: without {them}, it works",
        remedy=f"Remove {', and '.join(files)} in the image.",
    )
