"""The structure of the house, read from the syntax trees: rooms, floors, arrows, circles, purity.

A room is a folder (or a loose file) directly below ``certify/``; an arrow is an import from one
room into another. docs/architecture.md explains the plan.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "certify"

# From the top floor to the bottom. A room may import from the floors below its own.
FLOORS = (
    {"__main__"},
    {"cli"},
    {"sweep", "approved", "doctor"},
    {"certification", "publish"},
    {"suite", "signing", "fix"},
    {"engine", "ledger"},
    {"registry"},
    {"judge"},
    {"model"},
    {"util"},
)
MOST_ROOMS, MOST_FLOORS, MOST_ARROWS, MOST_LINES = 20, 10, 80, 300
THE_PACKAGE = "certify"
"""The package's own ``__init__``, with nothing in it but its version; anyone may import that."""

TALKS_TO_DOCKER = {
    "certify.engine": "docker",
    "certify.registry.credentials": "docker.auth",  # reads files of `docker login`, and no more
}
WRITES = {
    "certify.publish.writer",
    "certify.publish.recorder",
    "certify.publish.freshness",
    "certify.publish.junit_file",
    "certify.publish.image_writer",
    "certify.publish.helper",
}
"""Modules of ``publish/`` that are no renderers: they write and read ``reports/``."""
PURE = {
    "certify.judge", "certify.model", "certify.publish",
    "certify.sweep.listing", "certify.sweep.plan", "certify.sweep.render", "certify.sweep.results",
    "certify.approved.policy", "certify.approved.approval", "certify.approved.enforcement",
    "certify.approved.render", "certify.fix.rules", "certify.fix.dockerfile",
    "certify.doctor.signs", "certify.doctor.render",
    "certify.certification.launch_groups", "certify.signing.gate", "certify.signing.statements",
}  # fmt: skip
IMPURE_IMPORTS = {
    "docker", "subprocess", "requests", "httpx", "urllib3", "socket", "sqlite3", "sqlalchemy",
    "shutil", "tempfile", "threading", "multiprocessing", "pathlib.Path.write_text",
    "certify.util.files", "certify.util.http", "certify.util.signals", "certify.util.tls",
    "certify.engine", "certify.registry",
}  # fmt: skip
IMPURE_CALLS = {"open", "write_text", "write_bytes", "read_text", "read_bytes", "unlink", "mkdir"}
OWN_DATA = {"resources", "Path(__file__)"}
"""A pure module may read the data files that ship beside it."""


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if "checks" not in path.parts)


def name_of(path: Path) -> str:
    dotted = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    return dotted.removesuffix(".__init__")


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else THE_PACKAGE


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


@cache
def imports(path: Path) -> tuple[str, ...]:
    """Every module that a file imports, wherever in the file it does so."""
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, f"{path}: imports are absolute"
            for alias in node.names:
                dotted = f"{node.module}.{alias.name}"
                as_path = ROOT / Path(*dotted.split("."))
                real = as_path.is_dir() or as_path.with_suffix(".py").is_file()
                yield dotted if real else node.module


def arrows() -> dict[tuple[str, str], list[str]]:
    """Pairs of rooms of which the first imports from the second, and by which modules."""
    found: dict[tuple[str, str], list[str]] = {}
    for path in modules():
        module = name_of(path)
        for imported in imports(path):
            if imported.split(".")[0] == "certify" and room_of(imported) != room_of(module):
                found.setdefault((room_of(module), room_of(imported)), []).append(module)
    return {pair: by for pair, by in found.items() if THE_PACKAGE not in pair}


def circle_in(graph: Mapping[str, set[str]]) -> list[str]:
    """One circle of a graph, or an empty list."""
    done: set[str] = set()

    def walk(node: str, way: list[str]) -> list[str]:
        if node in way:
            return [*way[way.index(node) :], node]
        if node in done:
            return []
        for following in sorted(graph.get(node, ())):
            if circle := walk(following, [*way, node]):
                return circle
        done.add(node)
        return []

    return next(filter(None, (walk(node, []) for node in sorted(graph))), [])


def test_every_room_has_its_floor() -> None:
    rooms = {room_of(name_of(path)) for path in modules()} - {THE_PACKAGE}
    assert rooms == set().union(*FLOORS)
    assert len(rooms) <= MOST_ROOMS
    assert len(FLOORS) <= MOST_FLOORS


def test_imports_run_downwards() -> None:
    floor_of = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
    upwards = {pair: by for pair, by in arrows().items() if floor_of[pair[0]] >= floor_of[pair[1]]}
    assert not upwards


def test_few_rooms_know_each_other() -> None:
    assert len(arrows()) <= MOST_ARROWS, sorted(arrows())


def test_no_circle_of_files() -> None:
    graph = {name_of(path): set(imports(path)) for path in modules()}
    assert not circle_in(graph)


def test_only_the_engine_talks_to_docker() -> None:
    for module, imported in ((name_of(path), each) for path in modules() for each in imports(path)):
        if imported.split(".")[0] == "docker":
            doors = [door for door in TALKS_TO_DOCKER if module.startswith(door)]
            assert doors, f"{module} imports docker; the door is certify.engine"
            assert imported != "docker" or doors == ["certify.engine"], module


def is_pure(module: str) -> bool:
    return module not in WRITES and any(
        module == pure or module.startswith(f"{pure}.") for pure in PURE
    )


@pytest.mark.parametrize(
    "path", [path for path in modules() if is_pure(name_of(path))], ids=name_of
)
def test_what_judges_and_renders_touches_nothing(path: Path) -> None:
    """Such modules read no files but their own data, and write none."""
    module = name_of(path)
    for imported in imports(path):
        impure = [each for each in IMPURE_IMPORTS if f"{imported}.".startswith(f"{each}.")]
        assert not impure, f"{module} imports {imported}"
        assert imported not in WRITES, f"{module} imports {imported}"
    text = path.read_text("utf-8")
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Call):
            called = node.func
            name = called.id if isinstance(called, ast.Name) else getattr(called, "attr", "")
            if name in IMPURE_CALLS:
                line = ast.get_source_segment(text, node) or ""
                of_its_own = any(own in text for own in OWN_DATA) and name.startswith("read_")
                assert of_its_own, f"{module}: {line}"


@pytest.mark.parametrize("path", sorted((ROOT / "checks").glob("*.py")), ids=lambda p: p.name)
def test_checks_import_only_the_public_face_of_the_suite(path: Path) -> None:
    for imported in imports(path):
        top = imported.split(".")[0]
        assert top != "certify" or imported == "certify.suite", imported
        assert top not in {"docker", "subprocess"}, imported


def test_no_module_outgrows_a_screenful_of_thought() -> None:
    lines = {name_of(path): len(path.read_text("utf-8").splitlines()) for path in modules()}
    assert not {name: count for name, count in lines.items() if count > MOST_LINES}, "split them"


def test_a_module_is_tested_by_the_file_of_its_name() -> None:
    tests = {path.relative_to(ROOT / "tests") for path in (ROOT / "tests").rglob("test_*.py")}
    named = [path.relative_to(PACKAGE) for path in modules() if not path.stem.startswith("__")]
    unnamed = [path for path in named if path.with_name(f"test_{path.name}") not in tests]
    assert not unnamed
