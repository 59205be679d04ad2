"""The generated pages of the documentation say what the code says."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from certify.cli.main import main
from certify.judge.profiles import load, parse_profile, shipped
from certify.suite.catalogue import claims
from scripts.handbook import checks_page, profiles_page

DOCS = Path(__file__).parents[2] / "docs"
PROFILES = [load(name) for name in shipped()]
PAGES = {
    "checks.md": checks_page(claims(), PROFILES),
    "profiles.md": profiles_page(PROFILES),
}


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_up_to_date(name: str) -> None:
    assert (DOCS / name).read_text("utf-8") == PAGES[name], "run scripts/docs"


def test_every_check_and_every_profile_has_its_heading() -> None:
    assert set(re.findall(r"^### (.+)$", PAGES["checks.md"], re.MULTILINE)) == set(claims())
    assert set(re.findall(r"^### (.+)$", PAGES["profiles.md"], re.MULTILINE)) == set(shipped())


def test_every_link_leads_to_a_heading() -> None:
    for name, text in PAGES.items():
        for page, anchor in re.findall(r"\]\(([a-z.-]*)#([a-z0-9_-]+)\)", text):
            headings = re.findall(r"^#+ (.+)$", PAGES[page or name], re.MULTILINE)
            anchors = {heading.lower().replace(".", "").replace(" ", "-") for heading in headings}
            assert anchor in anchors


def test_the_example_of_a_profile_is_one() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGES["profiles.md"], re.DOTALL)
    mine = parse_profile(example, "example.toml", known=set(claims()))
    assert mine.extends == "plain"
    assert mine.level("packages.install") == "recommended"


def test_the_site_of_the_documentation_is_built_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    ended = subprocess.run(command, cwd=DOCS.parent, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert {page.stem for page in DOCS.glob("[a-z]*.md")} <= {
        p.stem for p in tmp_path.glob("*.html")
    }


def test_every_page_is_in_the_index() -> None:
    index = (DOCS / "README.md").read_text("utf-8")
    assert {page.name for page in DOCS.glob("[a-z]*.md")} == set(
        re.findall(r"\]\(([a-z-]+\.md)\)", index)
    )


JOBS = {
    "nightly sweep with an alert": ("first-night.md", "Every night"),
    "why inconclusive": ("first-night.md", "Why inconclusive"),
    "own profile, own check, waiver": (
        "first-night.md",
        "A profile, a check and a waiver of your own",
    ),
    "upgrade from an older ledger": ("first-night.md", "The ledger of an older version"),
    "GitHub": ("ci.md", "A pull request on GitHub"),
    "GitLab": ("ci.md", "A merge request on GitLab"),
    "signed list": ("gates.md", "A signed list"),
    "its check in a provisioner": ("gates.md", "In a provisioner"),
    "gate in a cluster": ("gates.md", "In a cluster"),
}


@pytest.mark.parametrize("job", JOBS)
def test_each_job_has_a_page_whose_commands_a_test_runs(job: str) -> None:
    name, heading = JOBS[job]
    section = (DOCS / name).read_text("utf-8").partition(f"\n## {heading}")[2].partition("\n## ")[0]
    assert "```" in section
    stories = (DOCS.parent / "tests/stories").glob("test_*.py")
    called = re.compile(rf'(run_page|blocks)\(\s*"{re.escape(name)}"')
    assert any(called.search(each.read_text("utf-8")) for each in stories)


def commands() -> list[tuple[str, list[str]]]:
    """Every command line of certify's in the documentation, with the page that has it."""
    found = []
    for page in [DOCS.parent / "README.md", *sorted(DOCS.glob("**/*.md"))]:
        text = page.read_text("utf-8")
        for kind, body in re.findall(r"^```(sh|console)\n(.*?)^```", text, re.M | re.S):
            for line in body.replace("\\\n", " ").splitlines():
                if kind == "sh" or line.startswith("$ "):
                    found += [(page.name, each) for each in commands_in(line.removeprefix("$ "))]
    return found


def commands_in(line: str) -> list[list[str]]:
    reader = shlex.shlex(line.replace("=$(", "; "), posix=True, punctuation_chars=True)
    reader.whitespace_split = True
    commands: list[list[str]] = [[]]
    for word in reader:
        if set(word) <= set("();<>|&"):
            commands.append([])
        else:
            commands[-1].append(word)
    return [each[1:] for each in commands if each[:1] == ["certify"]]


@pytest.mark.parametrize(("page", "words"), commands(), ids=str)
def test_every_command_of_the_documentation_has_its_options(page: str, words: list[str]) -> None:
    command: click.Command = main
    while isinstance(command, click.Group):
        name = words.pop(0) if words and words[0] in command.commands else "run"
        command = command.commands[name]
    taken = {option for each in command.params for option in (*each.opts, *each.secondary_opts)}
    options = words[: words.index("--")] if "--" in words else words
    for word in options:
        if word.startswith("--"):
            assert word.partition("=")[0] in {*taken, "--help"}, f"{page}: {words}"
