"""What programs in JavaScript need of their base image: npm, addons in C, certificates, zones."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from testinfra.backend.base import CommandResult

from certify.suite import Candidate, Note, check, last_line, not_applicable, proven, unknown

SECONDS = 180
"""Time for npm, which is slow under emulation."""
USUAL = " ".join(
    f"npm_config_{each}=false"
    for each in ("ignore_scripts", "offline", "dry_run", "package_lock_only")
)
"""Settings of npm that keep it from installing, as they are without a configuration."""
OPTIONS = (
    "--no-audit", "--no-fund", "--no-update-notifier", "--foreground-scripts", "--fetch-retries=0",
    "--noproxy=127.0.0.1",
)  # fmt: skip
REGISTRY = (Path(__file__).parent / "programs/npm_registry.js").read_text("utf-8")
"""A program for the image's own Node.js; its first lines say what it does."""
NOON = "new Date(Date.UTC(2024, 6, 1, 12)).toLocaleTimeString('de-DE', {timeZone: 'Europe/Berlin'})"


@dataclass
class Npm:
    """The image's npm, and a registry for it on loopback."""

    candidate: Candidate
    folder: str
    registry: str

    def install(
        self, package: str, *, user: str = "", settings: str = "", env: str = ""
    ) -> CommandResult:
        """Install a package into an empty folder as a user, and print what it exports.

        ``env`` precedes the commands. A user has the cache that the image chose, and must be able
        to write there; root leaves nothing behind in it.
        """
        host = self.candidate.host_as(user)
        place = f"{self.folder}/{user or 'root'}/{package}"
        # Options go before the image's own variables, whatever the case of their letters.
        options = [*OPTIONS, f"--registry={self.registry}"]
        options += [] if user else [f"--cache={place}/cache"]
        commands = (
            f"rm -rf {place} && mkdir -p {place} && cd {place} && echo '{{}}' >package.json && "
            f"export {settings} HOME={place} && npm install {' '.join(options)} {package} && "
            f"node -p \"require('{package}')\""
        )
        return host.run(f"{env} sh -c %s", commands, timeout=SECONDS)

    def works(self, answer: CommandResult) -> bool:
        """Return True if a package was installed, and exports this run's nonce."""
        last = answer.stdout.splitlines()[-1:]
        return bool(answer.rc == 0 and last == [self.candidate.nonce])


@pytest.fixture(scope="module")
def version(candidate: Candidate) -> str:
    """Return the version of the image's Node.js; empty if there is none that runs."""
    answer = candidate.run(
        "node -p \"%s + ' ' + process.versions.node\"".replace("%s", f"'{candidate.nonce}'")
    )
    word, _, version = last_line(answer.stdout).partition(" ")
    return version if word == candidate.nonce else ""


@pytest.fixture(scope="module")
def npm(candidate: Candidate) -> Iterator[Npm]:
    """Serve a registry of packages on the candidate's loopback."""
    folder = f"/tmp/certify-{candidate.nonce}"
    started = candidate.run(
        "mkdir -m 1777 %s && { node -e %s %s >%s 2>&1 </dev/null & echo $!; }",
        folder, REGISTRY, candidate.nonce, f"{folder}/log",
        shown="(serves a registry of packages on 127.0.0.1)",
    )  # fmt: skip

    def port() -> str:
        said = re.search(r"^port (\d+)$", candidate.run("cat %s", f"{folder}/log").stdout, re.M)
        return said[1] if said else ""

    if not candidate.wait_for(lambda: bool(port()), seconds=10):
        unknown("no registry could be served inside the container")
    yield Npm(candidate, folder, f"http://127.0.0.1:{port()}/")
    candidate.run("kill %s; rm -rf %s", started.stdout.strip(), folder)


@check(
    "node.runs",
    title="Node.js",
    needs=("image.shell",),
    remedy="Build FROM an image with Node.js, with node on its PATH.",
)
def test_runs(candidate: Candidate, version: str, note: Note) -> None:
    """Node.js runs.

    Why: without it there is no base for programs in JavaScript.

    How: node evaluates an expression, and prints its version.
    """
    if not version:
        candidate.require_on_path("node")
        candidate.fail_if_by_variable(
            "Node.js does not run", lambda env: candidate.run(f"{env} node -p 1").rc == 0
        )
    assert version, "there is no node that runs"
    note(version)


@check(
    "node.support",
    title="Node's support",
    needs=("node.runs",),
    remedy="Build FROM an image with a release line of Node.js that still gets security updates.",
)
def test_support(candidate: Candidate, version: str, note: Note) -> None:
    """The release line of Node.js still gets security updates.

    Why: nobody repairs an old line, and packages stop to support it.

    How: compares its number with certify's own table. A Node.js of the distribution, in /usr/bin,
    is supported as long as the distribution.
    """
    answer = candidate.run("node -p 'fs.realpathSync(process.execPath)'")
    packaged = last_line(answer.stdout).startswith("/usr/bin/")
    note(candidate.require_support("node", "Node.js", version, packaged=packaged))


@check(
    "node.npm",
    title="npm",
    needs=("node.runs",),
    remedy="Install npm in the image.",
)
def test_npm(npm: Npm) -> None:
    """Npm installs a package unattended, and runs its install script.

    Why: that is what every Dockerfile for Node.js does first.

    How: npm installs a package from a registry that certify serves on 127.0.0.1 in the container,
    and node loads what its install script made.
    """
    assert npm.candidate.has("npm"), "npm is not in the image"
    answer = npm.install("certify-script")
    if not npm.works(answer):
        npm.candidate.fail_if_by_variable(
            "npm cannot install a package",
            lambda env: npm.works(npm.install("certify-script", env=env)),
        )
        if npm.works(npm.install("certify-script", env=f"env {USUAL}")):
            proven(
                "npm cannot install a package because of its configuration in the image",
                remedy="Remove what forbids it from /etc/npmrc in the image (npm config list names "
                "further files): ignore-scripts, offline, dry-run, package-lock-only.",
            )
    assert npm.works(answer), "npm cannot install a package with an install script"


@check(
    "node.addon",
    title="addons in C",
    needs=("node.npm",),
    remedy="Install python3, make, a compiler for C and C++, and Node's header files.",
)
def test_addon(npm: Npm, note: Note) -> None:
    """A package with an addon in C is compiled.

    Why: sqlite3, bcrypt, canvas and others are such; what has no prebuilt binary for the image's
    libc is compiled by node-gyp, or cannot be installed.

    How: npm installs a small addon from source, with the header files of the image.
    """
    tools = ("python3", "make", "cc", "c++")
    missing = [each for each in tools if not npm.candidate.has(each)]
    assert not missing, f"node-gyp needs {', '.join(missing)}"
    asked = npm.candidate.run(
        'node -p "path.dirname(path.dirname(fs.realpathSync(process.execPath)))"'
    )
    prefix = last_line(asked.stdout)
    if npm.candidate.run("[ -e %s ]", f"{prefix}/include/node/node_api.h").rc != 0:
        not_applicable("node-gyp would download Node's header files, which the image does not ship")
    answer = npm.install("certify-addon", settings=f"npm_config_nodedir={prefix}")
    assert npm.works(answer), "an addon in C cannot be compiled"


@check(
    "node.certificates",
    title="Node's certificates",
    needs=("node.runs",),
    remedy="Install ca-certificates in the image.",
)
def test_certificates(candidate: Candidate, note: Note) -> None:
    """Node.js has certificates to trust.

    Why: without them every HTTPS request fails.

    How: node --help tells whether its own certificates are the default, or those of OpenSSL; then
    those must be in the image.
    """
    said = " ".join(candidate.run("node --help").stdout.split())
    if not re.search(r"--use-openssl-ca use OpenSSL's default CA store \(default\)", said):
        note("its own")
        return
    found = candidate.run("[ -s /etc/ssl/certs/ca-certificates.crt ] || [ -s /etc/ssl/cert.pem ]")
    assert found.rc == 0, "node trusts the certificates of the system, and there are none"
    note("the system's")


@check(
    "node.zones",
    title="Node's time zones",
    needs=("node.runs",),
    remedy="Use a Node.js with full ICU data (--with-intl=full-icu, the default).",
)
def test_zones(candidate: Candidate) -> None:
    """Node.js knows time zones and languages.

    Why: a build with little ICU data prints everything in English and in UTC.

    How: asks for noon in Berlin in summer, in German.
    """
    answer = candidate.run("node -p %s", NOON)
    assert last_line(answer.stdout) == "14:00:00", "node does not know Europe/Berlin"


@check(
    "node.user",
    title="npm as a user",
    needs=("node.npm",),
    remedy="Leave /tmp writable for everybody, and node's folders readable.",
)
def test_user(npm: Npm) -> None:
    """A user other than root installs a package.

    Why: programs should not run as root, and neither should their installation.

    How: does so as the user nobody, below /tmp.
    """
    problem = "the user nobody cannot install a package"

    def works(env: str) -> bool:
        return npm.works(npm.install("certify-script", user=npm.candidate.nobody, env=env))

    if not works(""):
        npm.candidate.fail_if_by_variable(problem, works)
        pytest.fail(problem)
