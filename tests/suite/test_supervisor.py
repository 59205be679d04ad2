from __future__ import annotations

import string
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.engine.session import KILLED, CommandLost, SessionLost, Shell, ShellResult
from certify.suite.claims import CheckUnknown
from certify.suite.supervisor import (
    Process,
    Supervisor,
    configuration,
    find_supervisord,
    parse_processes,
    parse_status,
)

LISTING = (
    "= 1 (entrypoint) S 0 1 1 0 -1\nUid: 0\nGid: 0\nargv /bin/sh\037/entrypoint\037\n"
    "= 7 (a ) (b) R 1 7 1 0 -1\nUid: 1000\nGid: 1001\nargv app\037--name\037two words\037\n"
    "= 9 (kernel) S 2 9 9 0 -1\nUid: 0\nGid: 0\nargv \n"
)


def a_process(
    pid: int, parent: int, *argv: str, name: str = "", state: str = "S", user: int = 0
) -> Process:
    return Process(pid, name or argv[0].rpartition("/")[2], state, parent, user, user, argv)


def test_processes_with_odd_names_are_parsed() -> None:
    assert parse_processes(LISTING) == (
        Process(1, "entrypoint", "S", 0, 0, 0, ("/bin/sh", "/entrypoint")),
        Process(7, "a ) (b", "R", 1, 1000, 1001, ("app", "--name", "two words")),
        Process(9, "kernel", "S", 2, 0, 0, ("",)),
    )


@pytest.mark.parametrize(
    "cut",
    ["= 7 (app) S", "= 7 (app) S 1 7 1\nUid: 0", "= 7 (app) S 1 7 1\nUid: 0\nGid: 0\n", ""],
)
def test_a_process_that_ended_while_it_was_read_is_left_out(cut: str) -> None:
    assert [each.pid for each in parse_processes(LISTING + cut)] == [1, 7, 9]


@given(st.text(string.printable + "\037é"))
def test_any_listing_can_be_parsed(text: str) -> None:
    parse_processes(text)
    parse_processes(LISTING + "= " + text)
    parse_status(text)


PYTHON = ("/usr/bin/python3", "/usr/bin/supervisord", "-n")


@pytest.mark.parametrize(
    ("processes", "pid"),
    [
        ([a_process(1, 0, *PYTHON, name="supervisord")], 1),
        ([a_process(1, 0, "sh"), a_process(5, 1, *PYTHON, name="supervisord")], 5),
        ([a_process(1, 0, "tini"), a_process(5, 1, "sh"), a_process(6, 5, *PYTHON)], 6),
        ([a_process(1, 0, "python3", "-m", "supervisor.supervisord")], 1),
        ([a_process(1, 0, "/bin/sh", "-c", "supervisord"), a_process(8, 1, *PYTHON)], 8),
        # Started by somebody beside the image's own command, as `docker exec` does.
        ([a_process(1, 0, "sleep"), a_process(5, 0, *PYTHON, name="supervisord")], None),
        # Dead, or only called so.
        ([a_process(1, 0, *PYTHON, name="supervisord", state="Z")], None),
        ([a_process(1, 0, "/bin/sh", "/usr/bin/supervisord", name="supervisord")], None),
        ([a_process(1, 0, "tail", "-f", "/var/log/supervisord.log")], None),
        ([a_process(2, 3, *PYTHON), a_process(3, 2, "sh")], None),
        ([], None),
    ],
)
def test_supervisord_is_pid_1_or_descends_from_it(
    processes: list[Process], pid: int | None
) -> None:
    found = find_supervisord(tuple(processes))
    assert (found.pid if found else None) == pid


@pytest.mark.parametrize(
    ("argv", "file"),
    [
        ("supervisord -n", None),
        ("supervisord -c /etc/s.conf -n", "/etc/s.conf"),
        ("supervisord -n --configuration /etc/s.conf", "/etc/s.conf"),
        ("supervisord --configuration=/etc/s.conf", "/etc/s.conf"),
        ("supervisord -c/etc/s.conf", "/etc/s.conf"),
        ("supervisord -c", None),
    ],
)
def test_supervisorctl_is_given_supervisords_own_configuration(argv: str, file: str | None) -> None:
    assert configuration(tuple(argv.split())) == file


def test_the_status_of_programs() -> None:
    said = (
        "app                              RUNNING   pid 7, uptime 0:00:03\n"
        "jobs:first                       EXITED    Nov 20 11:22 PM\n"
        "web                              FATAL     Exited too quickly (process log may have …)\n"
        "later                            STOPPED   Not started\n"
    )
    status = parse_status(said)
    assert status is not None
    assert {name: state for name, (state, _) in status.items()} == {
        "app": "RUNNING", "jobs:first": "EXITED", "web": "FATAL", "later": "STOPPED",
    }  # fmt: skip
    assert status["app"][1] == "pid 7, uptime 0:00:03"
    assert parse_status("") == {}


@pytest.mark.parametrize(
    "said",
    [
        "unix:///var/run/supervisor.sock no such file",
        "http://localhost:9001 refused connection",
        "app RUNNING pid 7\nerror: <class 'OSError'>",
        "app RUNNINGS",
    ],
)
def test_other_output_is_no_status(said: str) -> None:
    assert parse_status(said) is None


# What is not answered


class Ends:
    """Shells whose every command ends alike."""

    def __init__(self, end: ShellResult | Exception) -> None:
        self.end = end
        self.users: list[str] = []

    def __call__(self, user: str) -> Shell:
        self.users.append(user)
        return cast(Shell, self)

    def run(self, _command: str, **_options: object) -> ShellResult:
        if isinstance(self.end, Exception):
            raise self.end
        return self.end


DAEMON, PROGRAM = a_process(1, 0, *PYTHON, name="supervisord"), a_process(7, 1, "app", user=1000)
LOST = CommandLost(ShellResult("x", KILLED, b"", b"", 0.1, shell_lost=True))
NO_SHELL = SessionLost("no shell answers")
LATE = ShellResult("x", KILLED, LISTING.encode(), b"", 5.0, timed_out=True)
WAS_KILLED = ShellResult("x", KILLED, b"", b"", 0.1)


@pytest.mark.parametrize(
    ("end", "raised"),
    [
        (LOST, CommandLost),
        (NO_SHELL, SessionLost),
        (LATE, CheckUnknown),
        (WAS_KILLED, CheckUnknown),
    ],
    ids=["lost", "no shell", "late", "killed"],
)
def test_a_command_without_an_end_raises(
    end: ShellResult | Exception, raised: type[Exception]
) -> None:
    supervisor = Supervisor(Ends(end))
    for ask in (
        supervisor.processes,
        supervisor.daemon,
        lambda: supervisor.programs(DAEMON),
        lambda: supervisor.status(DAEMON),
        lambda: supervisor.written_files(PROGRAM),
        lambda: supervisor.output_target(PROGRAM, 1),
        lambda: supervisor.write_to_pipe(DAEMON, "pipe:[1]", "word"),
    ):
        with pytest.raises(raised):
            ask()


def test_a_denied_process_shows_nothing() -> None:
    shells = Ends(ShellResult("x", 1, b"", b"Permission denied", 0.1))
    supervisor = Supervisor(shells)
    assert supervisor.written_files(PROGRAM) == ()
    assert supervisor.output_target(PROGRAM, 1) == ""
    assert not supervisor.write_to_pipe(DAEMON, "pipe:[1]", "word")
    assert shells.users == ["1000:1000", "1000:1000", ""]


@pytest.mark.parametrize(
    ("end", "has_settled"), [(LOST, False), (LATE, False), (WAS_KILLED, False), (NO_SHELL, True)]
)
def test_a_command_without_an_end_is_unsettled_and_a_missing_shell_settled(
    end: ShellResult | Exception, has_settled: bool
) -> None:
    assert Supervisor(Ends(end)).has_settled() is has_settled
