"""The process that runs the checks: whatever it does, its parent hears of it and outlives it."""

from __future__ import annotations

import contextlib
import socket
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from certify.model.errors import SuiteBroken
from certify.model.result import Image
from certify.suite import runner as runner_module
from certify.suite.check_server import CheckServer
from certify.suite.job import Job
from certify.suite.runner import Runner
from tests.support.waiting import eventually

JOB = Job(
    container="c" * 64,
    image=Image(reference="debian:12"),
    launch="init",
    engine_platform="linux/amd64",
)
LATER = 60.0
HEAD = """\
import json, os, signal, socket, sys, threading
from certify.suite.serving import serve
end = serve(socket.socket(fileno=int(sys.argv[-1])))
def tell(**event): end.sendall(json.dumps(event).encode() + b"\\n")
def wait(): end.recv(1 << 20)
"""

Child = Callable[[str], Runner]


@pytest.fixture
def child() -> Iterator[Child]:
    """Runners whose processes run a program of ours instead of the checks."""
    with contextlib.ExitStack() as servers:

        def make(body: str) -> Runner:
            program = HEAD + textwrap.dedent(body)
            server = servers.enter_context(
                contextlib.closing(CheckServer(sys.executable, "-P", "-c", program))
            )
            return Runner(server=server)

        yield make


def pid_of(runner: Runner) -> int:
    assert runner._process.pid is not None
    return runner._process.pid


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def in_(seconds: float) -> float:
    return time.monotonic() + seconds


# What is heard


def test_events_come_one_by_one_until_done(child: Child) -> None:
    body = """
        wait()
        tell(event="running", check="image.os")
        end.sendall(b'{"event": "fact", "name": "os", "value": "\\xc3')
        end.sendall(b'\\xa4"}\\n{"event": "finding"}\\n{"event": "do')
        end.sendall(b'ne", "code": 1}\\n{"event": "too late"}\\n')
    """
    with child(body) as runner:
        runner.begin(JOB, None)
        events = list(runner.events(in_(LATER)))
    assert events == [
        {"event": "running", "check": "image.os"},
        {"event": "fact", "name": "os", "value": "ä"},
        {"event": "finding"},
        {"event": "done", "code": 1},
    ]


def test_many_events_at_once(child: Child) -> None:
    body = """
        wait()
        for number in range(5000): tell(event="finding", evidence="x" * 100, number=number)
        tell(event="done")
    """
    with child(body) as runner:
        runner.begin(JOB, None)
        events = list(runner.events(in_(LATER)))
    assert [each.get("number") for each in events] == [*range(5000), None]


def test_an_event_arrives_before_the_next_is_sent(child: Child) -> None:
    body = """
        wait()
        tell(event="first")
        wait()
        tell(event="done")
    """
    with child(body) as runner:
        runner.begin(JOB, None)
        events = runner.events(in_(LATER))
        assert next(events) == {"event": "first"}
        runner.begin(JOB, None)  # anything that the child waits for
        assert next(events) == {"event": "done"}


# What goes wrong


@pytest.mark.parametrize(
    "end", ["sys.exit(1)", "sys.exit(0)", "os._exit(7)", "os.abort()", "raise ValueError('odd')"]
)
def test_the_output_of_a_child_that_ends_early_is_evidence(child: Child, end: str) -> None:
    body = f"""
        wait()
        print("to stdout", flush=True)
        print("to stderr \\033[31m", file=sys.stderr, flush=True)
        {end}
    """
    with child(body) as runner:
        runner.begin(JOB, None)
        with pytest.raises(SuiteBroken, match="The process that runs the checks broke down") as it:
            list(runner.events(in_(LATER)))
    assert "to stdout" in it.value.evidence
    assert "to stderr" in it.value.evidence
    assert ("ValueError: odd" in it.value.evidence) == ("ValueError" in end)
    assert "\x1b" not in it.value.evidence
    assert it.value.remedy


def test_events_before_the_end_arrive(child: Child) -> None:
    body = """
        wait()
        tell(event="finding")
        os.kill(os.getpid(), signal.SIGKILL)
    """
    with child(body) as runner:
        runner.begin(JOB, None)
        events = runner.events(in_(LATER))
        assert next(events) == {"event": "finding"}
        with pytest.raises(SuiteBroken):
            next(events)


def test_a_child_that_ends_before_it_has_a_job(child: Child) -> None:
    with child("sys.exit('no way')") as runner:
        assert runner._process.ends_within(LATER)
        with pytest.raises(SuiteBroken, match="ended early") as broken:
            runner.begin(JOB, None)
    assert broken.value.evidence == "no way"


def test_much_output_is_kept_in_part(child: Child) -> None:
    body = """
        wait()
        print("first"); print("x" * 1_000_000); print("last", flush=True)
        os._exit(1)
    """
    with child(body) as runner:
        runner.begin(JOB, None)
        with pytest.raises(SuiteBroken) as broken:
            list(runner.events(in_(LATER)))
    assert broken.value.evidence.startswith("first")
    assert broken.value.evidence.endswith("last")
    assert len(broken.value.evidence) <= 4000


# What never ends


def test_a_deadline_is_an_event(child: Child) -> None:
    with child("wait(); tell(event='finding'); threading.Event().wait()") as runner:
        runner.begin(JOB, None)
        events = runner.events(in_(LATER))
        assert next(events) == {"event": "finding"}
        assert list(runner.events(in_(0.05))) == [{"event": "deadline"}]
        pid = pid_of(runner)
    eventually(lambda: not Path(f"/proc/{pid}").exists())


def test_a_passed_deadline_is_an_event_at_once(child: Child) -> None:
    with child("threading.Event().wait()") as runner:
        runner.begin(JOB, None)
        assert list(runner.events(in_(-1))) == [{"event": "deadline"}]


STUBBORN = """
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    below = os.fork()
    if below: tell(event="up", below=below)
    threading.Event().wait()
"""


def test_a_child_that_ignores_signals_is_gone_with_its_children(
    child: Child, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "_CLEANUP_SECONDS", 0.5)
    with child(STUBBORN) as runner:
        events = runner.events(in_(LATER))
        up = next(events)
        pids = [pid_of(runner), up["below"]]
        assert all(Path(f"/proc/{pid}").exists() for pid in pids)
    assert _is_over(pids[0])
    eventually(lambda: _is_over(pids[1]))


def _is_over(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True
    return stat.rpartition(")")[2].split()[0] == "Z"


@pytest.mark.parametrize("error", [RuntimeError("mine"), KeyboardInterrupt()], ids=repr)
def test_a_child_is_gone_after_an_exception(child: Child, error: BaseException) -> None:
    runner = child("threading.Event().wait()")
    with pytest.raises(type(error)), runner:
        pid = pid_of(runner)
        raise error
    assert _is_over(pid)


@pytest.mark.parametrize("error", [RuntimeError("mine"), KeyboardInterrupt()], ids=repr)
def test_the_child_ends_before_its_container_is_removed(child: Child, error: BaseException) -> None:
    gone = []

    @contextlib.contextmanager
    def launched() -> Iterator[None]:
        try:
            yield
        finally:
            gone.append(_is_over(pid))

    with child("tell(event='finding'); threading.Event().wait()") as runner:
        pid = pid_of(runner)
        with pytest.raises(type(error)), launched():
            for _event in runner.events(in_(LATER)):
                raise error
        with launched():
            assert list(runner.events(in_(-1))) == [{"event": "deadline"}]
    assert gone == [True, True]


def test_a_child_may_remove_what_it_made_before_it_ends(child: Child, tmp_path: Path) -> None:
    removed = tmp_path / "removed"
    body = f"""
        import pathlib, time
        from certify.util.signals import defer_signals
        with defer_signals():
            tell(event="making")
            time.sleep(1)
            pathlib.Path({str(removed)!r}).touch()
        threading.Event().wait()
    """
    with child(body) as runner:
        events = runner.events(in_(LATER))
        assert next(events) == {"event": "making"}
    assert removed.exists()


def test_no_descriptor_is_left_open(child: Child) -> None:
    before = open_descriptors()
    runner = child("wait(); tell(event='done')")
    with runner:
        runner.begin(JOB, None)
        list(runner.events(in_(LATER)))
    runner._server.close()
    assert open_descriptors() == before


# What the child is given


@pytest.fixture(scope="module")
def receiver() -> Iterator[CheckServer]:
    """A server whose processes tell the job that they got; its imports pass once."""
    body = """
        message, notify = Channel(end).receive_job()
        said = notify.recv(100).decode() if notify else None
        tell(event="done", said=said, blocks=notify and notify.getblocking(), message=message)
    """
    program = "from certify.suite.worker import Channel\n" + HEAD + textwrap.dedent(body)
    with contextlib.closing(CheckServer(sys.executable, "-P", "-c", program)) as server:
        yield server


@pytest.mark.parametrize(
    ("with_socket", "size"), [(True, 0), (False, 70_000), (True, 70_000), (True, 500_000)]
)
def test_a_job_of_any_size_arrives_with_the_socket(
    receiver: CheckServer, with_socket: bool, size: int
) -> None:
    job = JOB.model_copy(update={"start_error": "ü" * size})
    ours, inits = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours, inits, Runner(server=receiver) as runner:
        inits.send(b"READY=1")
        runner.begin(job, ours if with_socket else None, ["/a folder/mine"])
        (told,) = runner.events(in_(LATER))
    assert (told["said"], told["blocks"]) == (("READY=1", False) if with_socket else (None, None))
    assert Job.model_validate(told["message"]["job"]) == job
    assert told["message"]["own_checks"] == ["/a folder/mine"]
