"""What programs in Python need of their base image: pip, extensions in C, certificates, zones."""

import contextlib
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from testinfra.backend.base import CommandResult

from certify.suite import Candidate, Note, check, end_of_support, not_applicable, unknown

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
# An index with three packages, and its server: one with only source; one with a wheel for each
# libc, and one for any; and one with an extension in C. Their build backend is their
# own, so that nothing else has to be fetched.
INDEX = r'''
import http.server, io, os, platform, sys, tarfile, zipfile
root, word = sys.argv[1:]
BACKEND = """
import os, shlex, subprocess, sys, sysconfig, zipfile
def build_wheel(folder, config_settings=None, metadata_directory=None):
    name, tag, files = NAME, "py3-none-any", {}
    if os.path.exists(name + ".c"):
        built = name + sysconfig.get_config_var("EXT_SUFFIX")
        tool = shlex.split(sysconfig.get_config_var("LDSHARED") or "cc -shared")
        paths = sysconfig.get_paths()
        subprocess.check_call([*tool, "-fPIC", "-I" + paths["include"], "-I" + paths["platinclude"],
                               name + ".c", "-o", built])
        python = "cp%d%d" % sys.version_info[:2]
        tag = "-".join((python, python + sys.abiflags,
                        sysconfig.get_platform().replace("-", "_").replace(".", "_")))
        files[built] = open(built, "rb").read()
    else:
        files[name + ".py"] = open(name + ".py", "rb").read()
    info = name + "-1.0.dist-info/"
    meta = "Metadata-Version: 2.1\\nName: " + name + "\\nVersion: 1.0\\n"
    files[info + "METADATA"] = meta.encode()
    files[info + "WHEEL"] = b"Wheel-Version: 1.0\\nTag: " + tag.encode() + b"\\n"
    files[info + "RECORD"] = "".join(f + ",,\\n" for f in [*files, info + "RECORD"]).encode()
    wheel = f"{name}-1.0-{tag}.whl"
    with zipfile.ZipFile(os.path.join(folder, wheel), "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return wheel
"""
C = """
#include <Python.h>
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "certify_c", NULL, -1, NULL};
PyMODINIT_FUNC PyInit_certify_c(void) {
    PyObject *made = PyModule_Create(&module);
    if (made) PyModule_AddStringConstant(made, "word", "%s");
    return made;
}
""" % word
META = "Metadata-Version: 2.1\nName: %s\nVersion: 1.0\n"
def place(name):
    folder = os.path.join(root, "simple", name.replace("_", "-"))
    os.makedirs(folder, exist_ok=True)
    return folder
def sdist(name, suffix, text):
    files = {name + suffix: text, "PKG-INFO": META % name,
             "backend.py": BACKEND.replace("NAME", repr(name)),
             "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\n'
                               'backend-path = ["."]\n'}
    with tarfile.open(os.path.join(place(name), name + "-1.0.tar.gz"), "w:gz") as archive:
        for path, content in files.items():
            entry = tarfile.TarInfo(f"{name}-1.0/{path}")
            entry.size = len(content.encode())
            archive.addfile(entry, io.BytesIO(content.encode()))
def wheel(name, tag, text):
    info = name + "-1.0.dist-info/"
    files = {name + ".py": text, info + "METADATA": META % name,
             info + "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: " + tag + "\n"}
    files[info + "RECORD"] = "".join(f + ",,\n" for f in [*files, info + "RECORD"])
    with zipfile.ZipFile(os.path.join(place(name), f"{name}-1.0-{tag}.whl"), "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
sdist("certify_source", ".py", "word = '%s'\n" % word)
sdist("certify_c", ".c", C)
machine = platform.machine()
for libc in ("manylinux_2_17", "musllinux_1_1"):
    wheel("certify_wheel", "py3-none-%s_%s" % (libc, machine), "word = '%s %s'\n" % (word, libc))
wheel("certify_wheel", "py3-none-any", "word = '%s none'\n" % word)
server = http.server.HTTPServer(("127.0.0.1", 0), lambda *a: http.server.SimpleHTTPRequestHandler(
    *a, directory=root))
child = os.fork()
if child:
    print(server.server_port, child)
    os._exit(0 if not sys.stdout.flush() else 1)
os.setsid()
nothing = os.open(os.devnull, os.O_RDWR)
for number in range(3):
    os.dup2(nothing, number)
server.serve_forever()
'''
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
        return (
            f"no_proxy='*' {python} -m pip install --no-input --no-cache-dir --retries 0 "
            f"--disable-pip-version-check --index-url http://127.0.0.1:{self.port}/simple "
            f"{' '.join(options)} {package}"
        )

    def install(self, package: str, *options: str) -> CommandResult:
        """Install a package into a folder of its own, which no distribution forbids (PEP 668)."""
        target = f"--target {self.folder}/{package}"
        return self.candidate.run(
            self.command(self.python, package, target, *options), timeout=SECONDS
        )

    def word_of(self, package: str) -> str:
        """Return what an installed package says beside this run's nonce; empty if it is wrong."""
        said = self.candidate.run(
            "PYTHONPATH=%s %s -c %s",
            f"{self.folder}/{package}", self.python, f"import {package} as p; print(p.word)",
        )  # fmt: skip
        words = said.stdout.split()
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
    with contextlib.suppress(ValueError, IndexError, AttributeError):
        found: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
        if found.get("word") == candidate.nonce:
            return {**found, "name": name}
    return {}


@pytest.fixture(scope="module")
def pip(candidate: Candidate, facts: dict[str, Any]) -> Iterator[Pip]:
    """Serve an index of packages on the candidate's loopback."""
    folder, name = f"/tmp/certify-{candidate.nonce}", facts["name"]
    served = candidate.run(
        f"mkdir -m 755 %s && {name} -c %s %s %s", folder, INDEX, folder, candidate.nonce,
        shown="(serves an index of packages on 127.0.0.1)",
    )  # fmt: skip
    started = re.fullmatch(r"(\d+) (\d+)", served.stdout.strip())
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
def test_runs(facts: dict[str, Any], note: Note) -> None:
    """Python runs, with the modules of the standard library that a build may leave out.

    Why: a Python that was compiled without a library builds without an error, and fails at the
    first download, database or archive.

    How: python3, or else python, prints its version and imports ssl, zlib, bz2, lzma, sqlite3 and
    ctypes.
    """
    assert facts, "there is no python3 or python that runs"
    missing = ", ".join(facts["missing"])
    assert not missing, (
        f"Python {facts['version']} lacks modules of its standard library: {missing}"
    )
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
    last = end_of_support({"ID": "python", "VERSION_ID": facts["version"]})
    if facts["path"].startswith("/usr/bin/") and candidate.end_of_support:
        last = max(last or candidate.end_of_support, candidate.end_of_support)
    if last is None:
        not_applicable(f"nobody has named a day on which Python {facts['version']} ends")
    assert datetime.now(UTC).date() <= last, f"support of {facts['version']} ended on {last}"
    note(f"until {last}")


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
    found = answer.stdout.strip() if answer.rc == 0 else "0"
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
    assert answer.stdout.strip() == "2:00:00", "zoneinfo does not know Europe/Berlin"


@check(
    "python.user",
    title="a venv of a user's own",
    needs=("python.pip",),
    remedy="Install the module venv with ensurepip (Debian: python3-venv), and leave /tmp writable "
    "for everybody.",
)
def test_user(candidate: Candidate, pip: Pip) -> None:
    """A user other than root makes a venv, and installs into it.

    Why: programs should not run as root, and neither should their installation.

    How: does so as the user nobody, below /tmp.
    """
    venv = f"/tmp/certify-venv-{candidate.nonce}"
    theirs = candidate.host_as("nobody")
    try:
        made = theirs.run("HOME=/nonexistent %s -m venv %s", pip.python, venv, timeout=SECONDS)
        assert made.rc == 0, "the user nobody cannot make a venv"
        command = f"HOME=/nonexistent {pip.command(f'{venv}/bin/python', 'certify_wheel')}"
        answer = theirs.run(command, timeout=SECONDS)
        assert answer.rc == 0, "the user nobody cannot install a package into a venv"
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
