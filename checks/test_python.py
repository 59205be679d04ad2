"""What programs in Python need of their base image: pip, extensions in C, certificates, zones."""

import contextlib
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from testinfra.backend.base import CommandResult

from certify.suite import Candidate, Note, check, last_line, proven, unknown

MODULES = ("ssl", "zlib", "bz2", "lzma", "sqlite3", "ctypes")
"""Modules of the standard library that a build of Python silently goes without."""
LOOK = """\
import importlib, json, os, platform, sys
def works(name):
    try: return bool(importlib.import_module(name))
    except ImportError: return False
missing = [name for name in sys.argv[2:] if not works(name)]
print(json.dumps({"word": sys.argv[1], "version": platform.python_version(), "missing": missing,
                  "path": os.path.realpath(sys.executable)}))
"""
# Prints the first folder on the way to a file, or the file, that a user may not enter or execute.
CLOSED = """(q=%s; p=; IFS=/
for e in ${q#/}; do p=$p/$e; [ -x "$p" ] || { ls -ld "$p"; break; }; done)"""
PROGRAMS = Path(__file__).parent / "programs"
INDEX = (PROGRAMS / "pip_index.py").read_text("utf-8")
BACKEND = (PROGRAMS / "pip_backend.py").read_text("utf-8")
"""Programs for the image's own Python; their docstrings say what they do."""
SECONDS = 180
"""Time for pip, which is slow under emulation."""


@dataclass
class Pip:
    """The image's pip, and an index for it on loopback."""

    candidate: Candidate
    python: str
    folder: str
    port: str

    def command(self, python: str, package: str, *options: str) -> str:
        """Return the command that installs a package for an interpreter."""
        # With a folder, pip refuses what images choose as the usual place.
        settings = "PIP_USER=0 PIP_REQUIRE_VIRTUALENV=0 " if options else ""
        without = "-u PIP_PREFIX -u PIP_ROOT " if options else ""
        index = f"http://127.0.0.1:{self.port}/simple"  # another index would be asked, too
        return (
            f"env {without}no_proxy='*' PIP_EXTRA_INDEX_URL={index} {settings}{python} -m pip "
            "install --no-input --no-cache-dir --retries 0 --disable-pip-version-check --proxy= "
            f"--index-url {index} {' '.join(options)} {package}"
        )

    def install(self, package: str, *options: str, env: str = "") -> CommandResult:
        """Install a package into a folder of its own, which no distribution forbids (PEP 668)."""
        target = f"--target {self.folder}/{package}"
        return self.candidate.run(
            f"{env} {self.command(self.python, package, target, *options)}", timeout=SECONDS
        )

    def word_of(self, package: str) -> str:
        """Return what an installed package says beside this run's nonce; empty if it is wrong."""
        said = self.candidate.run(
            "PYTHONPATH=%s %s -c %s",
            f"{self.folder}/{package}", self.python, f"import {package} as p; print(p.word)",
        )  # fmt: skip
        words = last_line(said.stdout).split()
        return " ".join(words[1:]) or "yes" if words[:1] == [self.candidate.nonce] else ""


@pytest.fixture(scope="module")
def facts(candidate: Candidate) -> dict[str, Any]:
    """Return what the image's interpreter says of itself; empty if there is none that runs."""
    name = next((each for each in ("python3", "python") if candidate.has(each)), "")
    if not name:
        return {}
    places = " ".join(["%s"] * (len(MODULES) + 1))
    answer = candidate.run(
        f"{name} -c %s {places}", LOOK, candidate.nonce, *MODULES, shown=f"{name} -c …"
    )
    with contextlib.suppress(ValueError, IndexError, AttributeError, RecursionError):
        found: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
        if found.get("word") == candidate.nonce:
            return {**found, "name": name}
    return {}


@pytest.fixture(scope="module")
def pip(candidate: Candidate, facts: dict[str, Any]) -> Iterator[Pip]:
    """Serve an index of packages on the candidate's loopback."""
    folder, name = f"/tmp/certify-{candidate.nonce}", facts["name"]
    served = candidate.run(
        f"mkdir -m 755 %s && {name} -c %s %s %s %s",
        folder, INDEX, folder, candidate.nonce, BACKEND,
        shown="(serves an index of packages on 127.0.0.1)",
    )  # fmt: skip
    started = re.fullmatch(r"(\d+) (\d+)", last_line(served.stdout))
    if not started:
        unknown(f"no index could be served inside the container: {served.stderr.strip()[-300:]}")
    yield Pip(candidate, name, folder, started[1])
    candidate.run("kill %s; rm -rf %s", started[2], folder)


@check(
    "python.runs",
    title="Python",
    needs=("image.shell",),
    remedy="Build FROM an image with a complete Python, or compile it with the development files "
    "of what is missing at hand (libssl-dev, zlib1g-dev, libsqlite3-dev, libffi-dev, …).",
)
def test_runs(candidate: Candidate, facts: dict[str, Any], note: Note) -> None:
    """Python runs, with the modules of the standard library that a build may leave out.

    Why: a Python that was compiled without a library builds without an error, and fails at the
    first download, database or archive.

    How: python3, or else python, prints its version and imports ssl, zlib, bz2, lzma, sqlite3 and
    ctypes.
    """
    if not facts:
        candidate.require_on_path("python3", "python")
        candidate.fail_if_by_variable(
            "Python does not run", lambda env: candidate.run(f"{env} python3 -c ''").rc == 0
        )
        if candidate.run("python3 -S -c ''").rc == 0:
            proven(
                "Python ends before it runs anything: a sitecustomize, or a file *.pth, in the "
                "image ends it",
                remedy="Remove that file from site-packages or dist-packages in the image: "
                "python3 -S -m site names the folders.",
            )
    assert facts, "there is no python3 or python that runs"
    missing = ", ".join(facts["missing"])
    problem = f"Python {facts['version']} lacks modules of its standard library: {missing}"
    if missing:
        imports = f"{facts['name']} -c 'import {missing}'"
        candidate.fail_if_by_variable(
            problem, lambda env: candidate.run(f"{env} {imports}").rc == 0
        )
    assert not missing, problem
    note(f"{facts['version']}")


@check(
    "python.support",
    title="Python's support",
    needs=("python.runs",),
    remedy="Build FROM an image with a series of Python that still gets security updates.",
)
def test_support(candidate: Candidate, facts: dict[str, Any], note: Note) -> None:
    """The series of Python still gets security updates.

    Why: nobody repairs an old series, and packages stop to support it.

    How: compares its number with certify's own table. A Python of the distribution, in /usr/bin,
    is supported as long as the distribution.
    """
    packaged = facts["path"].startswith("/usr/bin/")
    note(candidate.require_support("python", "Python", facts["version"], packaged=packaged))


@check(
    "python.pip",
    title="pip",
    needs=("python.runs",),
    remedy="Install pip for the image's Python (python -m ensurepip, or the distribution's "
    "python3-pip).",
)
def test_pip(pip: Pip) -> None:
    """Pip installs packages unattended: one with only source, and one with wheels.

    Why: that is what every Dockerfile for Python does first.

    How: pip installs both from an index that certify serves on 127.0.0.1 in the container, and
    Python imports them. They go into a folder of their own, which no distribution forbids.
    """
    for package in ("certify_source", "certify_wheel"):
        answer = pip.install(package)
        said = (answer.stderr.strip() or f"exit code {answer.rc}").splitlines()[-1]
        if answer.rc != 0:
            pip.candidate.fail_if_by_variable(
                "pip cannot install a package",
                lambda env: pip.install(package, env=env).rc == 0,  # noqa: B023 - used at once
            )
            if pip.install(package, env="env PIP_CONFIG_FILE=/dev/null").rc == 0:
                proven(
                    "pip cannot install a package because of its configuration in the image",
                    remedy="Remove what forbids it from /etc/pip.conf in the image (pip config "
                    "debug names further files): no-index, no-binary, only-binary, require-hashes.",
                )
        assert answer.rc == 0, f"pip cannot install a package: {said}"
        assert pip.word_of(package), "pip installed a package that Python cannot import"


@check(
    "python.extension",
    title="extensions in C",
    needs=("python.pip",),
    remedy="Build FROM an image with glibc, for which nearly every package has a wheel, or install "
    "a compiler and Python's header files (Debian: gcc python3-dev; Alpine: gcc musl-dev "
    "python3-dev).",
)
def test_extension(pip: Pip, note: Note) -> None:
    """A package with an extension in C can be installed.

    Why: numpy, cryptography, psycopg and many others are such. Most bring wheels for glibc, fewer
    for musl; what has no wheel is compiled, or cannot be installed.

    How: pip installs a small extension from source, and a package with one wheel for each libc.
    """
    fits = pip.word_of("certify_wheel")
    libc = {"manylinux_2_17": "glibc", "musllinux_1_1": "musl"}.get(fits, "no libc")
    begun = time.monotonic()
    built = pip.install("certify_c", "--no-binary", ":all:")
    seconds = time.monotonic() - begun
    if built.rc == 0:
        assert pip.word_of("certify_c"), "an extension was compiled, and Python cannot import it"
        note(f"compiles in {seconds:.1f} s; wheels for {libc}")
        return
    lacks = "Python's header files are" if "Python.h" in built.stderr else "a compiler is"
    assert libc == "glibc", (
        f"nothing compiles, as {lacks} missing, and wheels made for glibc do not fit"
        f"{' musl' if libc == 'musl' else ''}: packages with no other wheel cannot be installed"
    )
    note(f"wheels for glibc; nothing compiles, as {lacks} missing")


@check(
    "python.certificates",
    title="Python's certificates",
    needs=("python.runs",),
    remedy="Install ca-certificates in the image.",
)
def test_certificates(candidate: Candidate, facts: dict[str, Any], note: Note) -> None:
    """Python has certificates to trust.

    Why: without them every HTTPS request of the standard library fails.

    How: counts the certificates that the ssl module loads by default.
    """
    count = (
        "import os, ssl; loaded = ssl.create_default_context().cert_store_stats()['x509_ca']; "
        "folder = ssl.get_default_verify_paths().capath; "
        "print(loaded or len(os.listdir(folder or '/nowhere')))"
    )
    answer = candidate.run("%s -c %s", facts["name"], count)
    found = last_line(answer.stdout) if answer.rc == 0 else "0"
    assert found.isdecimal() and int(found), "the ssl module finds no certificate to trust"
    note(found)


@check(
    "python.zones",
    title="Python's time zones",
    needs=("python.runs",),
    remedy="Install tzdata in the image (or the package tzdata of PyPI).",
)
def test_zones(candidate: Candidate, facts: dict[str, Any]) -> None:
    """Python knows time zones.

    Why: zoneinfo reads them from the image, and raises an error where they are missing.

    How: asks for noon in Berlin in summer.
    """
    noon = (
        "import datetime as d, zoneinfo as z; print(d.datetime(2024, 7, 1, 12, tzinfo="
        "z.ZoneInfo('Europe/Berlin')).utcoffset())"
    )
    answer = candidate.run("%s -c %s", facts["name"], noon)
    assert last_line(answer.stdout) == "2:00:00", "zoneinfo does not know Europe/Berlin"


@check(
    "python.user",
    title="a venv of a user's own",
    needs=("python.pip",),
    remedy="Install the module venv with ensurepip (Debian: python3-venv), and leave /tmp writable "
    "for everybody.",
)
def test_user(candidate: Candidate, facts: dict[str, Any], pip: Pip) -> None:
    """A user other than root makes a venv, and installs into it.

    Why: programs should not run as root, and neither should their installation.

    How: does so as the user nobody, below /tmp.
    """
    venv = f"/tmp/certify-venv-{candidate.nonce}"
    theirs = candidate.host_as(candidate.nobody)
    try:
        made = theirs.run("HOME=/nonexistent %s -m venv %s", pip.python, venv, timeout=SECONDS)
        problem = "the user nobody cannot make a venv"
        closed = theirs.run(CLOSED, facts["path"]).stdout.split() if made.rc != 0 else []
        if closed:
            proven(
                f"{problem}: Python is in {facts['path'].rpartition('/')[0]}, and {closed[-1]} is "
                f"closed to other users than root ({closed[0]})",
                remedy="Install Python where everybody may read it (with uv: ENV "
                f"UV_PYTHON_INSTALL_DIR=/opt/python), or open it: chmod 755 {closed[-1]}.",
            )
        assert made.rc == 0, problem
        command = f"HOME=/nonexistent {pip.command(f'{venv}/bin/python', 'certify_wheel')}"
        answer = theirs.run(command, timeout=SECONDS)
        problem = "the user nobody cannot install a package into a venv"
        if answer.rc != 0:
            candidate.fail_if_by_variable(
                problem, lambda env: theirs.run(f"{env} {command}", timeout=SECONDS).rc == 0
            )
        assert answer.rc == 0, problem
    finally:
        candidate.run("rm -rf %s", venv)


@check(
    "python.unbuffered",
    title="unbuffered output",
    needs=("python.runs",),
    remedy="Set ENV PYTHONUNBUFFERED=1 in the image.",
)
def test_unbuffered(candidate: Candidate) -> None:
    """What Python prints reaches the log at once.

    Why: in a container Python keeps some kilobytes back, and loses them when it is killed.

    How: looks whether the image sets PYTHONUNBUFFERED.
    """
    env = dict(each.partition("=")[::2] for each in candidate.image_configuration.get("Env") or ())
    assert env.get("PYTHONUNBUFFERED"), "the image does not set PYTHONUNBUFFERED"
