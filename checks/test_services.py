"""Under launch `image`: the image's own command runs services under supervisord."""

import re

import pytest

from certify.suite import Candidate, Note, Process, check, unknown

STDOUT, STDERR = 1, 2
LOGS = "/var/log/"
OWN_LOG = "supervisord.log"
LOG_LINES, LOG_SHOWN = 20_000, 4_000
"""Lines of the container's log that are read, and characters that are shown."""


def running(candidate: Candidate) -> tuple[Process, tuple[Process, ...]]:
    """Return supervisord and its programs, as the kernel lists them."""
    daemon = candidate.supervisor.daemon()
    if daemon is None:
        candidate.require_running()
        listed = "\n".join(map(str, candidate.supervisor.processes()))
        pytest.fail(f"the image's own command starts no supervisord\n{listed}\n{candidate.logs()}")
    return daemon, candidate.supervisor.programs(daemon)


@check(
    "services.supervisord",
    title="supervisord",
    needs=("image.shell",),
    remedy="Start supervisord in the foreground (nodaemon = true) by the image's entrypoint, and "
    "see in the container's log, or by `supervisorctl status`, why a program does not stay up.",
)
def test_supervisord(candidate: Candidate, note: Note) -> None:
    """The image's own command starts supervisord, and all programs that it should run do run.

    Why: an image of services is only as good as what runs in it when it is started as shipped.

    How: the image is started unchanged. The kernel's list of processes shows a supervisord that
    is PID 1 or descends from it, and its children; supervisorctl, if it answers, shows each
    program's state, and the process that it names must be such a child.
    """
    daemon, programs = running(candidate)
    status = candidate.supervisor.status(daemon)
    # A busy program's output soon hides the line that tells of another one's end.
    log = candidate.logs(LOG_LINES) + candidate.supervisor.own_log(daemon)
    if status is None:
        if not programs:
            unknown(
                "supervisord has no child, and supervisorctl does not answer, so nothing tells "
                "whether it has programs to run"
            )
        note(f"supervisord is PID {daemon.pid}; {len(programs)} of its programs run")
        return
    states = "\n".join(f"{name} {' '.join(each)}" for name, each in status.items())
    crashed = []
    for name in (name for name, each in status.items() if each.name == "EXITED"):
        ends = re.findall(
            rf"exited: {re.escape(name.rpartition(':')[2])} \(.*; (not )?expected\)", log
        )
        if not ends:
            unknown(f"{name} has ended, and no log of supervisord says whether that was expected")
        crashed += [name] if ends[-1] else []
    down = [name for name, each in status.items() if each.is_down] + crashed
    assert not down, f"supervisord runs, but not {', '.join(down)}\n{states}\n{log[-LOG_SHOWN:]}"
    children = {str(each.pid) for each in programs}
    for name, each in status.items():
        pid = re.match(r"pid (\d+)", each.description)
        assert not (each.is_up and pid) or pid[1] in children, (
            f"{name} is said to run, but the kernel knows no such child of supervisord\n{states}"
        )
    up = [name for name, each in status.items() if each.is_up]
    note(f"supervisord is PID {daemon.pid}; {', '.join(up) or 'no program is set to start'}")


@check(
    "services.logs",
    title="logs",
    needs=("services.supervisord",),
    remedy="Set stdout_logfile = /dev/stdout and stderr_logfile = /dev/stderr, each with "
    "…_logfile_maxbytes = 0, for every program, and let programs log there instead of to files.",
)
def test_logs(candidate: Candidate, note: Note) -> None:
    """The output of the programs is in the container's log, not in files.

    Why: platforms collect the container's log; a file inside is seen by nobody, grows until the
    disk is full, and is gone with the container.

    How: the kernel shows what supervisord and its programs have open to write to: supervisord no
    file but its own log, programs none below /var/log and none as their output. Then a fresh word
    is written into the pipe of each program's standard error (or output), and must come out in the
    container's log. A program that changed its user and cannot be examined, and one that discards
    its output, are judged by supervisord's files alone.
    """
    daemon, programs = running(candidate)
    supervisor = candidate.supervisor
    kept = [path for path in supervisor.written_files(daemon) if not path.endswith(OWN_LOG)]
    assert not kept, f"supervisord writes what programs print to {', '.join(kept)}"
    for program in programs:
        streams = [supervisor.output_target(program, number) for number in (STDOUT, STDERR)]
        own = [
            path
            for path in supervisor.written_files(program)
            if path.startswith(LOGS) or path in streams
        ]
        assert not own, f"a program logs to {', '.join(own)}\n{program}"
    assert programs, "supervisord runs no program, so nothing shows where their output goes"
    heard = [program for program in programs if _is_heard(candidate, daemon, program)]
    note(f"{len(heard)} of {len(programs)} programs were heard in the container's log")


def _is_heard(candidate: Candidate, daemon: Process, program: Process) -> bool:
    """Return True if a word in the program's name reached the log; False if it has no pipe."""
    wrote = False
    # Standard error first: the standard output of an event listener is a protocol.
    for number in (STDERR, STDOUT):
        word = f"certify-{candidate.nonce}-{program.pid}-{number}"
        pipe = candidate.supervisor.output_target(program, number)
        if pipe and candidate.supervisor.write_to_pipe(daemon, pipe, word):
            wrote = True
            if candidate.wait_for(lambda: word in candidate.logs(2000), seconds=5, pause=0.05):  # noqa: B023
                return True
    assert not wrote, f"what a program prints does not reach the container's log\n{program}"
    return False
