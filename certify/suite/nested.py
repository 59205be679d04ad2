"""Docker inside the candidate. Certify makes all images that it runs: no network is needed."""

from __future__ import annotations

import re
from collections.abc import Callable

from testinfra.backend.base import CommandResult

from certify.engine.probe import programs
from certify.judge.kernel_text import forwarded, refusals
from certify.suite.candidate import Candidate
from certify.suite.claims import proven
from certify.suite.commands import PROBE_PORT
from certify.suite.last_words import last_line
from certify.suite.modes import mode_for_root_alone
from certify.suite.own_daemon import OwnDaemon
from certify.suite.own_rules import fail_if_filtered
from certify.util.text import one_line

SOCKET = "/run/docker.sock"
"""The socket of dockerd, as every distribution's docker.socket has it."""
OWN_CLIENT = "$(command -v /usr/bin/docker || echo docker)"
"""The distribution's docker command, even if another one precedes it on the PATH."""
VARIABLES = ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_API_VERSION")
"""Variables that make the docker command connect elsewhere, or otherwise."""


class Nested:
    """The candidate's own dockerd, through the candidate's ``docker`` command."""

    PROBE = "certify-probe:all"
    """The image of :meth:`load_probe`."""

    def __init__(self, candidate: Candidate) -> None:
        self._candidate = candidate
        self._word = ""
        """The word of :attr:`PROBE`; empty while that image may be missing."""
        self.first_driver = ""
        """The storage driver before dockerd was restarted for trials; empty if it was not."""
        self.refused_here = False
        """True if the candidate itself refused something meanwhile, by ICMP, at the last
        :meth:`reaches`: for whoever connects, that looks like a refusal of the gateway."""

    def docker(self, command: str, *args: str, timeout: float = 60) -> CommandResult:
        """Run ``docker COMMAND``, at most ``timeout`` seconds; ``%s`` as in ``candidate.run``."""
        return self._candidate.run(f"docker {command}", *args, timeout=timeout)

    def version(self) -> str:
        """Return the version with which the daemon replies; empty if it does not."""
        answer = self.docker("version --format '{{.Server.Version}}'", timeout=15)
        return last_line(answer.stdout) if answer.rc == 0 else ""

    def is_up(self) -> bool:
        """Return True if the daemon replies with its version."""
        return bool(self.version())

    def daemon_is_up(self, client: str = OWN_CLIENT) -> bool:
        """Return True if the daemon replies at its own socket, whatever clients are set to."""
        env = f"env {' '.join(f'-u {each}' for each in VARIABLES)} DOCKER_CONFIG=/none"
        command = f"{env} {client} -H unix://{SOCKET} version --format '{{{{.Server.Version}}}}'"
        return bool(self._candidate.run(command, timeout=15).rc == 0)

    def client_error(self) -> tuple[str, str]:
        """Return why the docker command misses a daemon that replies, and the remedy, or empty."""
        for name in VARIABLES:
            value = self._candidate.run(f'echo "${{{name}-}}"').stdout.strip()
            if value:
                return (
                    f"the image's ENV {name}={value} keeps its docker command from it",
                    f"Remove ENV {name} from the image's Dockerfile.",
                )
        if self._candidate.run("[ /var/run -ef /run ]").rc != 0:
            return (
                "its docker command connects to /var/run/docker.sock, and /var/run is a folder of "
                "its own in the image",
                "Make /var/run a link to /run in the image, as every distribution has it: "
                "rm -r /var/run && ln -s /run /var/run.",
            )
        folder = self._candidate.run('echo "${DOCKER_CONFIG:-$HOME/.docker}"').stdout.strip()
        named = r's/.*"currentContext" *: *"\([^"]*\)".*/\1/p'
        file = f"{folder}/config.json"
        context = self._candidate.run(f"sed -n '{named}' %s 2>/dev/null", file).stdout.strip()
        if context not in ("", "default"):
            return (
                f"the image's docker configuration selects another context, {context}",
                f"Remove currentContext from {one_line(file, limit=200)} in the image.",
            )
        return "", ""

    def daemon_elsewhere(self) -> tuple[str, str]:
        """Return where a dockerd that runs listens instead, and the remedy, or empty texts."""
        shown = "systemctl show docker.service docker.socket -p ActiveState -p Listen"
        log = "journalctl -u docker.service -b -o cat --no-pager"
        said = self._candidate.run(f"{shown}; {log}", timeout=15).stdout
        if "ActiveState=active" not in said.splitlines():
            return "", ""
        for listener, pattern, remedy in (
            (
                "docker.socket", r"^Listen=(/\S+)",
                f"Set ListenStream={SOCKET} in docker.socket in the image.",
            ),
            (
                "dockerd", r'API listen on ([^\s"]+)',
                "Add -H fd:// to ExecStart= of docker.service in the image, or, where daemon.json "
                f"sets hosts, unix://{SOCKET} to them.",
            ),
        ):  # fmt: skip
            places = re.findall(pattern, said, re.MULTILINE)
            if places and not {SOCKET, f"/var{SOCKET}"} & set(places):
                return f"{listener} listens at {places[-1]}, where no client looks", remedy
        return "", ""

    def lacks_containerd(self, *, waited: bool = False) -> bool:
        """Return True if dockerd is told to use a containerd.service that does not run.

        dockerd waits a minute for it, and then ends. Counts once dockerd has ended, or if the
        caller has ``waited`` long enough.
        """
        shown = self._candidate.run(
            "systemctl show docker.service -p NRestarts -p ActiveState -p ExecStart; echo; "
            "systemctl show containerd.service -p LoadState -p ActiveState",
            timeout=15,
        ).stdout
        docker, _, containerd = shown.partition("\n\n")
        ended = "ActiveState=failed" in docker or re.search(r"^NRestarts=[1-9]", docker, re.M)
        waits = waited and "ActiveState=activating" in docker  # else it waits for other units
        off = re.search("^LoadState=(loaded|masked)$", containerd, re.M)
        return bool(
            (ended or waits) and off and "ActiveState=active" not in shown.splitlines()
            and "containerd.sock" in docker
        )  # fmt: skip

    def fail_if_missing(self) -> None:
        """Fail if the image has no dockerd, or no docker, that can be executed; else return."""
        if self._candidate.is_missing("dockerd"):
            self._candidate.fail_if_not_executable("dockerd", "docker")
            proven(
                "the image has no dockerd, or no docker, and nothing installs it at launch",
                remedy="Install dockerd and its client in the image (Debian, Ubuntu: docker.io "
                "iptables).",
            )

    def fail_if_elsewhere(self) -> None:
        """Fail if dockerd replies where the image's docker command does not ask; else return."""
        if self.daemon_is_up():
            reason, remedy = self.client_error()
            if reason:
                proven(f"dockerd answers at its own socket, but {reason}", remedy=remedy)
        self._candidate.fail_if_hidden("docker", self.daemon_is_up)
        reason, remedy = self.daemon_elsewhere()
        if reason:
            proven(f"dockerd does not answer: {reason}", remedy=remedy)

    def fail_if_for_root_alone(self) -> None:
        """Fail if the mode of dockerd's socket lets in nobody but root; else return."""
        look = f'[ -n "${{DOCKER_HOST-}}" ] || ls -lnL {SOCKET} 2>/dev/null'
        listed = self._candidate.run(look).stdout
        if mode := mode_for_root_alone(listed):
            proven(
                f"dockerd answers root alone: its socket, {SOCKET}, is {mode}",
                remedy="Leave the socket to a group of its own, into which platforms put people: "
                "SocketMode=0660 and SocketGroup=docker in docker.socket, no other group in "
                "daemon.json, and no unit that changes it later.",
            )

    def fail_if_hindered(self, problem: str, works: Callable[[], bool], evidence: str = "") -> None:
        """Fail with a problem if the image's settings of dockerd bring it about; else return.

        ``works`` tells whether what failed works now; dockerd is restarted without the settings,
        unless the ``evidence`` shows another cause in the image.
        """

        def works_now() -> bool:
            self._word = ""  # dockerd may store its images elsewhere now
            return works()

        daemon = OwnDaemon(self._candidate, self.is_up, self._keep_driver)
        try:
            daemon.fail_if_hindered(problem, works_now, evidence)
        finally:
            self._word = ""

    def fail_if_filtered(self, problem: str, works: Callable[[], bool]) -> None:
        """Fail with a problem if the image's own firewall brings it about; else return.

        ``works`` tells whether what failed works now; it is tried without rules that drop.
        """
        fail_if_filtered(self._candidate, problem, works)

    def storage_driver(self) -> str:
        """Return the storage driver that the daemon reports; empty if it does not reply."""
        return last_line(self.docker("info --format '{{.Driver}}'").stdout)

    def _keep_driver(self) -> None:
        self.first_driver = self.first_driver or self.storage_driver()

    def load(self, name: str, program: bytes) -> CommandResult:
        """Make the image ``certify-probe:NAME``, which holds and runs one static program."""
        tar = programs.shell_printf(programs.image_archive(program))
        load = f"docker import --change 'CMD [\"/probe\"]' - certify-probe:{name}"
        return self._candidate.run(f"{tar} | {load}", shown=f"(certify's own program) | {load}")

    def load_say(self, text: str) -> CommandResult:
        """Make the image ``certify-probe:say``, which prints a text and ends."""
        return self.load("say", programs.echo(self._candidate.architecture, text.encode()))

    def load_serve(self, text: str) -> CommandResult:
        """Make the image ``certify-probe:serve``, which answers each TCP connection with a text.

        It listens on :data:`~certify.suite.PROBE_PORT`.
        """
        program = programs.serve(self._candidate.architecture, PROBE_PORT, text.encode())
        return self.load("serve", program)

    def load_probe(self, word: str) -> CommandResult:
        """Make the image :attr:`PROBE`, which holds certify's programs for all nested containers.

        ``/say`` prints a word, ``/serve`` answers with it at :data:`PROBE_PORT`, and ``/connect``
        tries a closed port of the candidate's gateway, if there is one.
        """
        arch, answer = self._candidate.architecture, word.encode()
        files = {
            "say": programs.echo(arch, answer), "serve": programs.serve(arch, PROBE_PORT, answer),
        }  # fmt: skip
        if gateway := self._candidate.gateway:
            files["connect"] = self._connect(gateway)
        tar = programs.shell_printf(programs.programs_archive(files))
        load = f"docker import - {self.PROBE}"
        loaded = self._candidate.run(f"{tar} | {load}", shown=f"(certify's programs) | {load}")
        self._word = word if loaded.rc == 0 else ""
        return loaded

    @property
    def is_loaded(self) -> bool:
        """True if the image :attr:`PROBE` is there, or could be made now."""
        return bool(self._word) or self.load_probe(self._candidate.nonce).rc == 0

    def port_problem(self) -> str:
        """Return why a word does not come back from a nested container's published port, or ''."""
        if not self.is_loaded:
            return "an image cannot be loaded into dockerd"
        name = f"certify-{self._candidate.nonce}"
        publish = f"--name {name} -p 127.0.0.1::{PROBE_PORT}"
        try:
            if self.docker(f"run -d {publish} {self.PROBE} /serve").rc != 0:
                return "a container with a published port cannot be started"
            port = self.docker(f"port {name} {PROBE_PORT}/tcp").stdout.strip().rpartition(":")[2]
            if not port.isdigit():
                return "dockerd does not say which port it published"

            def replies() -> bool:
                return self._word in self.fetch(int(port)).stdout

            if self._candidate.wait_for(replies, seconds=10, pause=0.1):
                return ""
            return "nothing answers on a nested container's published port"
        finally:
            self.docker(f"rm -f {name}")

    def reaches(self, gateway: str) -> bool | None:
        """Return True if a nested container gets the reply of the gateway that the candidate gets.

        The reply may be a refusal. None if the candidate itself gets none.
        """
        path = self._candidate.add_program("connect", self._connect(gateway))
        replies = (0, programs.REFUSED)
        if self._candidate.run(path, timeout=20).rc not in replies:
            return None
        if not self.is_loaded:
            return False
        before = self._counters()
        code = self.docker(f"run --rm {self.PROBE} /connect").rc
        after = self._counters()
        # A refusal by TCP is counted nowhere, but with one from outside two packets are forwarded.
        reset = code == programs.REFUSED and forwarded(before) is not None
        stayed = reset and (forwarded(after) or 0) - (forwarded(before) or 0) < 2
        self.refused_here = stayed or refusals(after) > refusals(before)
        return code in replies

    def _counters(self) -> str:
        return str(self._candidate.run("cat /proc/net/snmp").stdout)

    def _connect(self, gateway: str) -> bytes:
        return programs.connect(
            self._candidate.architecture, gateway, programs.CLOSED_PORT, again=1
        )

    def fetch(self, port: int) -> CommandResult:
        """Connect to a port of the candidate's loopback from inside it, and print the reply."""
        program = programs.fetch(
            self._candidate.architecture, "127.0.0.1", port, b"GET / HTTP/1.0\r\n\r\n"
        )
        path = self._candidate.add_program("fetch", program)
        return self._candidate.run(path, timeout=10)
