"""What programs in Go need of their base image: builds, static ones and those with C."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from testinfra.backend.base import CommandResult

from certify.suite import Candidate, Note, check, proven

SECONDS = 300
"""Time for a build, which compiles Go's runtime first."""
PT_INTERP = 3
"""The kind of program header that names a dynamic linker (elf(5))."""
FILES = {
    "go.mod": "module certify.invalid/main\n\ngo 1.16\n\nrequire certify.invalid/word v1.0.0\n\n"
    "replace certify.invalid/word => ./word\n",
    "main.go": 'package main\n\nimport "certify.invalid/word"\n\n'
    "func main() { println(word.Word) }\n",
    "word/go.mod": "module certify.invalid/word\n\ngo 1.16\n",
    "word/word.go": "package word\n\nconst Word = %r\n",
    "c/go.mod": "module certify.invalid/c\n\ngo 1.16\n",
    "c/main.go": "package main\n\n// static int twice(int n) { return 2 * n; }\n"
    'import "C"\n\nfunc main() { println(C.twice(21)) }\n',
}


@dataclass
class Go:
    """The image's go, and modules for it."""

    candidate: Candidate
    folder: str

    def build(
        self, place: str, *, user: str = "", settings: str = "", env: str = ""
    ) -> CommandResult:
        """Build a program without a network, as a user; run it. ``env`` precedes the commands.

        Root has its own home and cache, and what ``go env -w`` wrote there. A user has the cache
        that the image chose, and must be able to write there.
        """
        made = f"{self.folder}/made-{user or 'root'}-{place.strip('./') or 'main'}"
        cache = f"${{GOCACHE:-{self.folder}/cache}}"
        home = f"HOME={self.folder} GOCACHE={cache}" if user else ""
        commands = (
            f"cd {self.folder}/{place} && export {home} "
            f'GOFLAGS="$(go env GOFLAGS) -mod=mod" GOPROXY=off GOTOOLCHAIN=local {settings} && '
            f"(umask 0; go build -o {made} .) && {made} 2>&1"
        )
        return self.candidate.host_as(user).run(f"{env} sh -c %s", commands, timeout=SECONDS)

    def fail_by_settings(
        self, problem: str, place: str, settings: str, good: Callable[[], bool] = lambda: True
    ) -> None:
        """Fail with a problem if the image's settings of Go bring it about; else return.

        ``good`` tells whether what was built is as it should be.
        """

        def works(env: str) -> bool:
            return self.build(place, settings=settings, env=env).rc == 0 and good()

        self.candidate.fail_if_by_variable(problem, works)
        if works("env GOENV=off"):
            proven(
                f"{problem} because of what `go env -w` wrote in the image: without it, it works",
                remedy="Remove the file that `go env GOENV` names (/root/.config/go/env) from the "
                "image.",
            )


@pytest.fixture(scope="module")
def version(candidate: Candidate) -> str:
    """Return the version of the image's Go; empty if there is none that runs."""
    answer = candidate.run("go env GOVERSION")
    said = answer.stdout.strip()
    return said.removeprefix("go") if answer.rc == 0 and said.startswith("go") else ""


@pytest.fixture(scope="module")
def go(candidate: Candidate) -> Iterator[Go]:
    """Write two programs into the candidate."""
    folder = f"/tmp/certify-{candidate.nonce}"
    write = "mkdir -m 1777 %s && cd %s && mkdir -m 1777 word c cache"
    words = [folder, folder]
    for path, text in FILES.items():
        write += " && printf %%s %s >%s"
        words += [text.replace("%r", f'"{candidate.nonce}"'), path]
    candidate.run(write, *words, shown="(writes two programs in Go)")
    yield Go(candidate, folder)
    candidate.run("chmod -R u+w %s; rm -rf %s", folder, folder)


def is_static(program: bytes) -> bool:
    """Return True if a program of 64 bits names no dynamic linker (elf(5))."""
    if program[:5] != b"\x7fELF\x02":
        return False
    order = "little" if program[5] == 1 else "big"
    table, size, count = (
        int.from_bytes(program[start:end], order)  # type: ignore[arg-type]
        for start, end in ((32, 40), (54, 56), (56, 58))
    )
    kinds = (program[table + n * size : table + n * size + 4] for n in range(count))
    return all(int.from_bytes(kind, order) != PT_INTERP for kind in kinds)  # type: ignore[arg-type]


@check(
    "go.runs",
    title="Go",
    needs=("image.shell",),
    remedy="Build FROM an image with Go, with go on its PATH (ENV PATH=/usr/local/go/bin:$PATH).",
)
def test_runs(candidate: Candidate, version: str, note: Note) -> None:
    """Go runs.

    Why: without it there is nothing to build programs in Go with.

    How: go prints its version.
    """
    if not version and not candidate.has("go"):
        place = candidate.run("ls /usr/local/go/bin/go /usr/lib/go/bin/go 2>/dev/null").stdout
        assert not place, f"{place.split()[0]} is not on the image's PATH"
    if not version:
        candidate.require_on_path("go")
        candidate.fail_if_by_variable(
            "Go does not run", lambda env: candidate.run(f"{env} go env GOVERSION").rc == 0
        )
    assert version, "there is no go that runs"
    note(version)


@check(
    "go.support",
    title="Go's support",
    needs=("go.runs",),
    remedy="Build FROM an image with one of the two newest releases of Go.",
)
def test_support(candidate: Candidate, version: str, note: Note) -> None:
    """The release of Go still gets security updates.

    Why: a program holds the standard library that it was built with, with all its faults.

    How: compares its number with certify's own table. A Go of the distribution, in /usr/lib, is
    supported as long as the distribution.
    """
    packaged = candidate.run("go env GOROOT").stdout.strip().startswith("/usr/lib")
    note(candidate.require_support("go", "Go", version, packaged=packaged))


@check(
    "go.static",
    title="static programs",
    needs=("go.runs",),
    remedy="Install Go completely, with its standard library and compiler.",
)
def test_static(go: Go, note: Note) -> None:
    """Go builds a static program, without a network.

    Why: a static program is all that its image needs to hold (FROM scratch).

    How: builds a program of two modules with CGO_ENABLED=0, runs it, and reads its headers.
    """
    begun = time.monotonic()
    answer = go.build(".", settings="CGO_ENABLED=0")
    seconds = time.monotonic() - begun
    if answer.rc != 0:
        go.fail_by_settings("go builds no program that runs", ".", "CGO_ENABLED=0")
    assert answer.rc == 0, "go cannot build a program"
    assert answer.stdout.strip() == go.candidate.nonce, "a program that go built does not work"

    def made_static() -> bool:
        return is_static(go.candidate.read_file(f"{go.folder}/made-root-main") or b"")

    dynamic = "a program that was built with CGO_ENABLED=0 is not static"
    if not made_static():
        go.fail_by_settings(dynamic, ".", "CGO_ENABLED=0", made_static)
        pytest.fail(dynamic)
    program = go.candidate.read_file(f"{go.folder}/made-root-main") or b""
    note(f"in {seconds:.0f} s, {len(program) / 1e6:.1f} MB")


@check(
    "go.cgo",
    title="programs with C",
    needs=("go.static",),
    remedy="Install gcc and libc's header files (Debian: gcc libc6-dev; Alpine: gcc musl-dev).",
)
def test_cgo(go: Go) -> None:
    """Go builds a program with C in it.

    Why: some packages (sqlite3, …) wrap a library in C.

    How: builds a program with one function in C, with CGO_ENABLED=1, and runs it.
    """
    compiler = (go.candidate.run("go env CC").stdout.split() or ["gcc"])[0]
    assert go.candidate.has(compiler), f"no C compiler: {compiler} is not in the image"
    answer = go.build("c", settings="CGO_ENABLED=1")
    if answer.rc != 0:
        go.fail_by_settings("go cannot build a program with C", "c", "CGO_ENABLED=1")
    assert answer.rc == 0 and answer.stdout.strip() == "42", "go cannot build a program with C"


@check(
    "go.certificates",
    title="Go's certificates",
    needs=("go.runs",),
    remedy="Install ca-certificates in the image.",
)
def test_certificates(candidate: Candidate) -> None:
    """Go has certificates to trust.

    Why: without them no module can be downloaded.

    How: looks for the files that Go's package crypto/x509 reads.
    """
    places = (
        "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/ca-bundle.pem", "/etc/pki/tls/cacert.pem",
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/ssl/cert.pem",
    )  # fmt: skip
    found = candidate.run(" || ".join(f"[ -s {place} ]" for place in places))
    assert found.rc == 0, "there are no certificates where Go looks for them"


@check(
    "go.user",
    title="builds as a user",
    needs=("go.static",),
    remedy="Leave Go's folders readable for everybody, and /tmp writable.",
)
def test_user(go: Go) -> None:
    """A user other than root builds a program.

    Why: a build should not run as root.

    How: does so as the user nobody, below /tmp.
    """
    problem = "the user nobody cannot build a program"

    def works(env: str) -> bool:
        answer = go.build(".", user=go.candidate.nobody, settings="CGO_ENABLED=0", env=env)
        return bool(answer.rc == 0 and answer.stdout.strip() == go.candidate.nonce)

    if not works(""):
        go.candidate.fail_if_by_variable(problem, works)
        pytest.fail(problem)
