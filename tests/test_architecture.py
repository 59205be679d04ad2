"""The house's rules: which way imports go, and how long a module may be."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "certify"

# A place may import from its own row and from every row below it.
ROWS = (
    {"certify.cli", "certify.__main__"},
    {"certify.publication", "certify.sweeping"},
    {"certify.sweep"},
    {"certify.answers", "certify.keeping"},
    {"certify.certification", "certify.fixing", "certify.seen", "certify.timing"},
    {"certify.suite"},
    {"certify.engine", "certify.ledger", "certify.publish", "certify.signing"},
    {"certify.judge", "certify.images"},
    {"certify.errors"},
    {"certify.approved", "certify.interruption", "certify.watching"},
    {"certify.model"},
    {"certify.terms", "certify.safetext", "certify.tomltext", "certify"},
)
PURE = (
    "certify.judge", "certify.publish", "certify.images.reference", "certify.images.listing",
    "certify.signing.gate", "certify.signing.statements",
)  # fmt: skip


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if "checks" not in path.parts)


def name_of(path: Path) -> str:
    dotted = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    return dotted.removesuffix(".__init__")


def place_of(module: str) -> str:
    """The place in ROWS that a module belongs to: the longest that is a prefix of it."""
    places = [
        place
        for row in ROWS
        for place in row
        if module == place or (module.startswith(f"{place}.") and place != "certify")
    ]
    assert places, f"{module} has no place in the house; see docs/architecture.md"
    return max(places, key=len)


def row_of(module: str) -> int:
    place = place_of(module)
    return next(number for number, row in enumerate(ROWS) if place in row)


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            submodules = [f"{node.module}.{alias.name}" for alias in node.names]
            for dotted in submodules:
                as_path = ROOT / Path(*dotted.split("."))
                real = as_path.is_dir() or as_path.with_suffix(".py").is_file()
                yield dotted if real else node.module


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_imports_run_one_way(path: Path) -> None:
    module = name_of(path)
    for imported in imports(path):
        if imported.split(".")[0] == "certify":
            assert row_of(module) <= row_of(imported), f"{module} imports {imported}, upwards"


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_only_the_engine_talks_to_docker(path: Path) -> None:
    module = name_of(path)
    foreign = {imported.split(".")[0] for imported in imports(path)}
    if not module.startswith("certify.engine"):
        assert "docker" not in foreign, f"{module} imports docker; the door is certify.engine"
    if module.startswith(PURE):
        assert not {"docker", "subprocess", "requests", "dxf"} & foreign


@pytest.mark.parametrize("path", sorted((ROOT / "checks").glob("*.py")), ids=lambda p: p.name)
def test_checks_import_only_what_the_plugin_hands_them(path: Path) -> None:
    for imported in imports(path):
        top = imported.split(".")[0]
        assert top != "certify" or imported.startswith("certify.suite"), imported
        assert top not in {"docker", "subprocess"}, imported


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_no_module_outgrows_a_screenful_of_thought(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 340, f"{name_of(path)}: split it"
