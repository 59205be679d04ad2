"""Files without a name: found in the open files of a container's processes, and of nobody else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from certify.engine import unlinked_files
from certify.engine.unlinked_files import unlinked_bytes

MINE = "c0ffee" * 10


class Processes:
    """A folder of processes, whose open files are those of the test."""

    def __init__(self, folder: Path) -> None:
        self.proc, self.disk = folder / "proc", folder / "disk"
        self.proc.mkdir()
        self.disk.mkdir()

    def add(self, name: str, cgroup: str, *descriptors: int, root: str = "") -> None:
        """Add a process with some of this process's descriptors."""
        place = self.proc / name
        (place / "fd").mkdir(parents=True)
        (place / "cgroup").write_text(cgroup)
        (place / "root").symlink_to(root or self.disk)
        for each in descriptors:
            (place / "fd" / str(each)).symlink_to(f"/proc/{os.getpid()}/fd/{each}")


@pytest.fixture
def processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Processes:
    """No process yet."""
    made = Processes(tmp_path)
    monkeypatch.setattr(unlinked_files, "_PROC", made.proc)
    return made


def held(folder: Path, size: int, *, keep: bool = False) -> int:
    """Open a file of some bytes, by default without a name."""
    path = folder / f"file-{size}"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    os.write(descriptor, bytes(size))
    if not keep:
        path.unlink()
    return descriptor


@pytest.mark.parametrize(
    ("cgroup", "counts"),
    [
        (f"4:memory:/docker/{MINE}\n", True),
        (f"0::/system.slice/docker-{MINE}.scope/init.scope\n", True),
        (f"4:memory:/docker/{MINE}/docker/{'0' * 64}\n", True),
        (f"4:memory:/docker/{'0' * 64}\n", False),
        ("0::/\n", False),
    ],
)
def test_a_process_is_known_by_its_cgroup(processes: Processes, cgroup: str, counts: bool) -> None:
    file = held(processes.disk, 1 << 16)
    processes.add("41", cgroup, file)
    processes.add("self", f"0::/docker/{MINE}", file)
    assert unlinked_bytes(MINE, "/nowhere") == (1 << 16 if counts else 0)
    os.close(file)


def test_each_file_counts_once_and_only_without_a_name(processes: Processes) -> None:
    files = [held(processes.disk, 1 << 16), held(processes.disk, 1 << 17)]
    named = held(processes.disk, 1 << 18, keep=True)
    ends = os.pipe()
    processes.add("41", MINE, *files, named, *ends)
    processes.add("42", MINE, files[0])
    processes.add("43", MINE, 999_999)
    assert unlinked_bytes(MINE, "/nowhere") == (1 << 16) + (1 << 17)
    for each in (*files, named, *ends):
        os.close(each)


def test_memory_is_no_disk(processes: Processes) -> None:
    memory = os.memfd_create("held")
    os.write(memory, bytes(1 << 16))
    file = held(processes.disk, 1 << 16)
    processes.add("41", MINE, memory, file, root="/proc")
    assert unlinked_bytes(MINE, "/nowhere") == 0, "it is on neither disk"
    assert unlinked_bytes(MINE, str(processes.disk)) == 1 << 16, "it is on the engine's"
    os.close(memory)
    os.close(file)


def test_a_process_that_has_ended_holds_nothing(processes: Processes) -> None:
    (processes.proc / "41").mkdir()
    processes.add("42", MINE)
    (processes.proc / "42/fd").rmdir()
    assert unlinked_bytes(MINE, "") == 0
