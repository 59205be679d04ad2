"""Machine-code programs of every architecture, run here or by an emulator."""

from __future__ import annotations

import io
import json
import platform
import shutil
import socket
import struct
import subprocess
import tarfile
import threading
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.engine.probe.programs import (
    ARCHITECTURES,
    NO_MOUNT,
    REFUSED,
    TEXT_LIMIT,
    UnsupportedArchitecture,
    connect,
    copy_file,
    echo,
    exchange,
    fetch,
    image_archive,
    mount_tmpfs,
    serve,
    shell_printf,
)

PATIENCE = 20.0
LOOPBACK = "127.0.0.1"
PAGE = b"HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\nready\n"
REQUEST = b"GET / HTTP/1.0\r\n\r\n"
EMULATORS = {
    "amd64": "qemu-x86_64",
    "arm64": "qemu-aarch64",
    "arm": "qemu-arm",
    "386": "qemu-i386",
    "riscv64": "qemu-riscv64",
    "ppc64le": "qemu-ppc64le",
    "s390x": "qemu-s390x",
}
NATIVE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine())
TEXTS = {
    "empty": b"",
    "plain": b"hello\n",
    "bytes": bytes(range(256)),
    "longest": bytes(range(256)) * 16,
}
wherever_it_runs = pytest.mark.parametrize(
    "architecture",
    [
        pytest.param(
            architecture,
            marks=pytest.mark.skipif(
                architecture != NATIVE and not shutil.which(emulator),
                reason=f"no {emulator} here: apt-get install qemu-user",
            ),
        )
        for architecture, emulator in EMULATORS.items()
    ],
)


def command(architecture: str, program: bytes, directory: Path) -> list[str]:
    """How to run a program here."""
    file = directory / f"{architecture}-{uuid.uuid4().hex}"
    file.write_bytes(program)
    file.chmod(0o755)
    return [str(file)] if architecture == NATIVE else [EMULATORS[architecture], str(file)]


def run(architecture: str, program: bytes, directory: Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        command(architecture, program, directory),
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )


def free_port() -> int:
    with socket.create_server((LOOPBACK, 0)) as listener:
        return int(listener.getsockname()[1])


def request(port: int, message: bytes = REQUEST) -> bytes:
    with socket.create_connection((LOOPBACK, port), timeout=PATIENCE) as connection:
        connection.sendall(message)
        return b"".join(iter(lambda: connection.recv(65536), b""))


@contextmanager
def serving(
    architecture: str, text: bytes, directory: Path, port: int | None = None
) -> Iterator[int]:
    """The port of a running server, which must still run in the end."""
    port = port or free_port()
    with subprocess.Popen(command(architecture, serve(architecture, port, text), directory)) as it:
        try:
            deadline = time.monotonic() + PATIENCE
            while True:
                try:
                    request(port)
                    break
                except ConnectionRefusedError:
                    assert it.poll() is None, "the server ended"
                    assert time.monotonic() < deadline, "the server never listened"
            yield port
            assert it.poll() is None, "the server ended"
        finally:
            it.kill()


@contextmanager
def answering(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """The port of a Python server for one connection."""

    def once() -> None:
        connection, _ = listener.accept()
        with connection:
            answer(connection)

    with socket.create_server((LOOPBACK, 0)) as listener:
        listener.settimeout(PATIENCE)
        thread = threading.Thread(target=once)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(PATIENCE)
        assert not thread.is_alive()


def reset(connection: socket.socket) -> None:
    """Hang up so that the other side gets an error."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@wherever_it_runs
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_echo_prints_the_text(architecture: str, text: bytes, tmp_path: Path) -> None:
    done = run(architecture, echo(architecture, text), tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, text, b"")


@pytest.mark.skipif(NATIVE is None, reason="no program for this machine itself")
@settings(max_examples=25, deadline=None)
@given(text=st.binary(max_size=TEXT_LIMIT))
def test_echo_prints_any_text(text: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert NATIVE
    done = run(NATIVE, echo(NATIVE, text), tmp_path_factory.mktemp("say"))
    assert (done.returncode, done.stdout) == (0, text)


def one_of_each(architecture: str) -> list[bytes]:
    return [
        echo(architecture, b"hello\n"),
        serve(architecture, 80, PAGE),
        fetch(architecture, LOOPBACK, 80, REQUEST),
    ]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_programs_are_small_and_always_the_same(architecture: str) -> None:
    programs = one_of_each(architecture)
    assert max(map(len, programs)) < 1024
    assert programs == one_of_each(architecture)


@wherever_it_runs
def test_serve_answers_one_client_after_another(architecture: str, tmp_path: Path) -> None:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with serving(architecture, PAGE, tmp_path) as port:
        for _ in range(3):
            with direct.open(f"http://{LOOPBACK}:{port}/", timeout=PATIENCE) as answer:
                assert answer.read() == b"ready\n"
        for _ in range(3):
            assert request(port, b"x" * 4096) == PAGE


@wherever_it_runs
def test_serve_and_fetch_talk(architecture: str, tmp_path: Path) -> None:
    with serving(architecture, PAGE, tmp_path) as port:
        for _ in range(2):
            done = run(architecture, fetch(architecture, LOOPBACK, port, REQUEST), tmp_path)
            assert (done.returncode, done.stdout, done.stderr) == (0, PAGE, b"")


@wherever_it_runs
def test_serve_outlives_rude_clients(architecture: str, tmp_path: Path) -> None:
    with serving(architecture, TEXTS["longest"], tmp_path) as port:
        for _ in range(3):
            with socket.create_connection((LOOPBACK, port), timeout=PATIENCE) as silent:
                silent.shutdown(socket.SHUT_WR)
                assert silent.recv(1)
            with socket.create_connection((LOOPBACK, port), timeout=PATIENCE) as rude:
                reset(rude)
            assert request(port) == TEXTS["longest"]


@wherever_it_runs
def test_serve_takes_its_port_again_at_once(architecture: str, tmp_path: Path) -> None:
    """The connections that it closed are in TIME_WAIT, which is what SO_REUSEADDR is for."""
    with serving(architecture, PAGE, tmp_path) as port:
        assert request(port) == PAGE
    with serving(architecture, PAGE, tmp_path, port):
        assert request(port) == PAGE


@wherever_it_runs
def test_serve_gives_up_a_port_that_is_taken(architecture: str, tmp_path: Path) -> None:
    with socket.create_server(("", 0)) as listener:
        done = run(architecture, serve(architecture, listener.getsockname()[1], b""), tmp_path)
    assert (done.returncode, done.stdout) == (1, b"")


@wherever_it_runs
def test_copy_file_copies_all(architecture: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(content := bytes(range(256)) * 100)
    done = run(architecture, copy_file(architecture, str(path)), tmp_path)
    assert (done.returncode, done.stdout) == (0, content)
    done = run(architecture, copy_file(architecture, str(tmp_path / "none")), tmp_path)
    assert (done.returncode, done.stdout) == (1, b"")


@wherever_it_runs
def test_fetch_sends_the_request_and_copies_all(architecture: str, tmp_path: Path) -> None:
    request, payload = TEXTS["longest"], bytes(range(256)) * 1000
    received: list[bytes] = []

    def answer(connection: socket.socket) -> None:
        received.append(connection.recv(len(request), socket.MSG_WAITALL))
        connection.sendall(payload)

    with answering(answer) as port:
        done = run(architecture, fetch(architecture, LOOPBACK, port, request), tmp_path)
    assert received == [request]
    assert (done.returncode, done.stdout, done.stderr) == (0, payload, b"")


@wherever_it_runs
def test_fetch_ends_well_when_the_connection_breaks(architecture: str, tmp_path: Path) -> None:
    def answer(connection: socket.socket) -> None:
        connection.recv(len(REQUEST), socket.MSG_WAITALL)
        reset(connection)

    with answering(answer) as port:
        done = run(architecture, fetch(architecture, LOOPBACK, port, REQUEST), tmp_path)
    assert (done.returncode, done.stdout) == (0, b"")


@wherever_it_runs
def test_fetch_fails_where_nobody_listens(architecture: str, tmp_path: Path) -> None:
    with socket.socket() as bound:
        bound.bind((LOOPBACK, 0))
        program = fetch(architecture, LOOPBACK, bound.getsockname()[1], REQUEST)
        done = run(architecture, program, tmp_path)
    assert (done.returncode, done.stdout) == (1, b"")


@wherever_it_runs
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_exchange_copies_the_reply(architecture: str, text: bytes, tmp_path: Path) -> None:
    asked: list[bytes] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((LOOPBACK, 0))
        server.settimeout(PATIENCE)

        def answer() -> None:
            message, client = server.recvfrom(65536)
            asked.append(message)
            server.sendto(text, client)

        thread = threading.Thread(target=answer)
        thread.start()
        port = server.getsockname()[1]
        done = run(architecture, exchange(architecture, LOOPBACK, port, b"\0?\xff"), tmp_path)
        thread.join(PATIENCE)
    assert asked == [b"\0?\xff"]
    assert (done.returncode, done.stdout, done.stderr) == (0, text, b"")


@wherever_it_runs
def test_exchange_fails_where_nobody_listens(architecture: str, tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind((LOOPBACK, 0))
        port = bound.getsockname()[1]
    done = run(architecture, exchange(architecture, LOOPBACK, port, b"?"), tmp_path)
    assert (done.returncode, done.stdout) == (1, b"")


@wherever_it_runs
def test_connect_exits_0_only_if_somebody_listens(architecture: str, tmp_path: Path) -> None:
    with socket.create_server((LOOPBACK, 0)) as listener:
        port = listener.getsockname()[1]
        done = run(architecture, connect(architecture, LOOPBACK, port), tmp_path)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    done = run(architecture, connect(architecture, LOOPBACK, port), tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (REFUSED, b"", b"")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_network_programs_are_small(architecture: str) -> None:
    assert len(exchange(architecture, LOOPBACK, 53, b"?")) < 1024
    assert len(connect(architecture, LOOPBACK, 443)) < 1024


def test_exchanges_that_cannot_be_made_are_refused() -> None:
    with pytest.raises(UnsupportedArchitecture):
        exchange("mips", LOOPBACK, 53, b"?")
    with pytest.raises(UnsupportedArchitecture):
        connect("mips", LOOPBACK, 53)
    with pytest.raises(ValueError, match="4097 bytes"):
        exchange("amd64", LOOPBACK, 53, bytes(TEXT_LIMIT + 1))
    with pytest.raises(ValueError, match="not a TCP port"):
        connect("amd64", LOOPBACK, 0)
    with pytest.raises(ValueError, match="Expected 4 octets"):
        connect("amd64", "registry.invalid", 443)


# Privileges

ALONE = ("unshare", "--user", "--map-root-user", "--mount")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder to mount on. Mounts are seen in a namespace alone, and are gone with it."""
    if subprocess.run([*ALONE, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine gives no user namespaces")
    folder = tmp_path / "place"
    folder.mkdir()
    return folder


@wherever_it_runs
def test_mount_tmpfs_mounts_and_writes(architecture: str, place: Path, tmp_path: Path) -> None:
    words = command(architecture, mount_tmpfs(architecture, b"word", str(place)), tmp_path)
    done = subprocess.run([*ALONE, *words], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"word", b"")


@wherever_it_runs
def test_mount_tmpfs_ends_if_the_mount_is_refused(architecture: str, tmp_path: Path) -> None:
    nowhere = str(tmp_path / "no" / "such" / "folder")
    done = run(architecture, mount_tmpfs(architecture, b"word", nowhere), tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (NO_MOUNT, b"", b"")


def test_there_is_an_emulator_for_each() -> None:
    assert tuple(EMULATORS) == ARCHITECTURES


def test_an_unknown_architecture_is_named_with_the_known() -> None:
    message = "'mips'; supported: amd64, arm64, arm, 386, riscv64, ppc64le, s390x$"
    with pytest.raises(UnsupportedArchitecture, match=message):
        echo("mips", b"")
    with pytest.raises(UnsupportedArchitecture, match=message):
        serve("mips", 80, b"")
    with pytest.raises(UnsupportedArchitecture, match=message):
        fetch("mips", LOOPBACK, 80, b"")


@pytest.mark.parametrize("port", [-1, 0, 65536])
def test_impossible_ports_are_refused(port: int) -> None:
    with pytest.raises(ValueError, match="not a TCP port"):
        serve("amd64", port, b"")
    with pytest.raises(ValueError, match="not a TCP port"):
        fetch("amd64", LOOPBACK, port, b"")


def test_long_texts_and_odd_addresses_are_refused() -> None:
    long = bytes(TEXT_LIMIT + 1)
    with pytest.raises(ValueError, match="4097 bytes"):
        echo("amd64", long)
    with pytest.raises(ValueError, match="4097 bytes"):
        serve("amd64", 80, long)
    with pytest.raises(ValueError, match="4097 bytes"):
        fetch("amd64", LOOPBACK, 80, long)
    for address in ("localhost", "::1", "127.1", ""):
        with pytest.raises(ValueError, match=r"Expected 4 octets|cannot be empty"):
            fetch("amd64", address, 80, b"")


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513])
def test_the_archive_holds_one_executable_and_no_more(size: int) -> None:
    program = b"\x7f" * size
    archive = image_archive(program, "start")
    assert archive == image_archive(program, "start")
    assert len(archive) == 512 * (1 + -(-size // 512) + 2)
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        (member,) = tar.getmembers()
        content = tar.extractfile(member)
        assert content is not None
        assert content.read() == program
    assert member.isreg()
    assert (member.name, member.mode, member.mtime) == ("start", 0o755, 0)
    assert (member.uid, member.gid, member.uname, member.gname) == (0, 0, "", "")


@pytest.mark.parametrize("name", ["", ".", "..", "/probe", "bin/probe", "a\0b", "x" * 101])
def test_odd_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        image_archive(b"", name)


@pytest.fixture(params=["dash", "bash", "busybox", "sh"])
def shell(request: pytest.FixtureRequest) -> list[str]:
    if not shutil.which(request.param):
        pytest.skip(f"no {request.param} here")
    return [request.param, "sh"] if request.param == "busybox" else [request.param]


def printed(shell: list[str], script: str) -> bytes:
    done = subprocess.run([*shell, "-c", script], capture_output=True, timeout=PATIENCE, check=True)
    assert not done.stderr
    return done.stdout


def test_printf_prints_every_byte_anywhere(shell: list[str]) -> None:
    everything = bytes(range(256))
    assert printed(shell, shell_printf(everything)) == everything
    # each one alone and so first, and each before a digit
    pieces = [bytes([byte]) + rest for byte in range(256) for rest in (b"", b"7")]
    assert printed(shell, "\n".join(map(shell_printf, pieces))) == b"".join(pieces)


@pytest.mark.parametrize(
    "data", [b"", b"%s%%d%n", b"\\n\\", b"it's '", b"-n", b"--", b"-- x", b"\x0008", b"\xc3\xa9\n"]
)
def test_printf_prints_traps(shell: list[str], data: bytes) -> None:
    assert printed(shell, shell_printf(data)) == data


@settings(max_examples=30, deadline=None)
@given(data=st.binary(max_size=200))
def test_printf_prints_anything_in_sh(data: bytes) -> None:
    assert printed(["sh"], shell_printf(data)) == data


def test_printf_escapes_no_more_than_it_must() -> None:
    assert shell_printf(b'echo "$HOME" `id` !\n') == "printf 'echo \"$HOME\" `id` !\\012'"
    assert shell_printf(b"100% \\ it's") == "printf '100%% \\\\ it\\047s'"
    assert shell_printf(b"-1-") == "printf '\\0551-'"
    assert shell_printf(bytes(range(256))).isprintable()


class Engine:
    """The docker command, remembering what to remove."""

    def __init__(self) -> None:
        self.made: list[list[str]] = []

    def __call__(self, *words: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            ["docker", *words], input=data, capture_output=True, timeout=60, check=False
        )

    def image(self, program: bytes, architecture: str) -> str:
        name = f"certify-test-probe:{uuid.uuid4().hex}"
        how = ("--platform", f"linux/{architecture}", "--change", 'ENTRYPOINT ["/probe"]')
        done = self("import", *how, "-", name, data=image_archive(program))
        assert done.returncode == 0, done.stderr
        self.made.append(["rmi", "-f", name])
        return name

    def start(self, image: str) -> str:
        name = f"certify-test-probe-{uuid.uuid4().hex}"
        self.made.append(["rm", "-f", name])
        done = self("run", "-d", "--name", name, image)
        assert done.returncode == 0, done.stderr
        return name


@pytest.fixture
def engine() -> Iterator[Engine]:
    if not shutil.which("docker"):
        pytest.skip("no docker command here")
    engine = Engine()
    if engine("version").returncode:
        pytest.skip("no container engine answers")
    yield engine
    for words in reversed(engine.made):
        assert engine(*words).returncode == 0


@pytest.fixture
def own(engine: Engine) -> str:
    """The engine's own architecture."""
    return engine("version", "--format", "{{.Server.Arch}}").stdout.decode().strip()


@pytest.mark.engine
def test_an_engine_runs_echo(engine: Engine, own: str) -> None:
    image = engine.image(echo(own, TEXTS["bytes"]), own)
    done = engine("run", "--rm", "--network", "none", "--read-only", "--cap-drop", "ALL", image)
    assert (done.returncode, done.stdout, done.stderr) == (0, TEXTS["bytes"], b"")


@pytest.mark.engine
def test_an_engine_runs_serve_and_fetch(engine: Engine, own: str) -> None:
    server = engine.start(engine.image(serve(own, 80, PAGE), own))
    (facts,) = json.loads(engine("inspect", server).stdout)
    address = facts["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]
    client = engine.image(fetch(own, address, 80, REQUEST), own)
    deadline = time.monotonic() + PATIENCE
    while (done := engine("run", "--rm", client)).returncode == 1:
        assert time.monotonic() < deadline, "the server never listened"
    assert (done.returncode, done.stdout, done.stderr) == (0, PAGE, b"")
    assert engine("run", "--rm", client).stdout == PAGE
