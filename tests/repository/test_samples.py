"""The lists of images and the folders of the samples fit together; nothing is built here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from certify.sweep.listing import Entry, parse_listing

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "samples"
NAMES = sorted(folder.name for folder in SAMPLES.iterdir() if folder.is_dir())
PROFILES = {path.stem for path in (ROOT / "certify/judge/profiles").glob("*.toml")}


def entries(path: Path) -> tuple[Entry, ...]:
    return parse_listing(path.read_text(), str(path), known_profiles=PROFILES)


@pytest.mark.parametrize("path", [ROOT / "images.txt", SAMPLES / "images.txt"], ids=str)
def test_every_line_of_the_lists_is_one_image_under_known_profiles(path: Path) -> None:
    listed = entries(path)
    assert listed
    for entry in listed:
        assert entry.reference is not None, f"line {entry.line}: a demo needs no glob"


def test_the_demo_lists_every_sample_once() -> None:
    listed = [str(entry.reference) for entry in entries(SAMPLES / "images.txt")]
    names = [
        found[1]
        for reference in listed
        if (found := re.search(r"certify-sample/([a-z-]+):latest$", reference))
    ]
    assert sorted(names) == NAMES
    assert len(names) == len(listed)


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_says_why_it_exists_and_stands_on_other_samples_only(name: str) -> None:
    text = (SAMPLES / name / "Dockerfile").read_text()
    assert text.startswith("# ")
    parents = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    known = {"scratch", "certify-sample/base:bookworm"}
    known |= {f"certify-sample/{other}:latest" for other in NAMES if other != name}
    assert parents
    assert set(parents) <= known, "scripts/samples would not know what to build first"
