"""Defaults of options from files and variables, in the order of their strength."""

from __future__ import annotations

import os
import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from certify.cli.certification_options import certification_options
from certify.cli.defaults import SHARED, TOP, default_map
from certify.cli.main import COMMANDS, main
from certify.cli.storage import storage_options, writing_options
from certify.ledger.store import Ledger
from tests.factories import a_certificate


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(text: str, name: str = "certify.toml") -> None:
    Path(name).write_text(text)


def of(name: str) -> dict[str, object]:
    return default_map(name, COMMANDS[name], COMMANDS)


def run(*words: str, **variables: str) -> Result:
    return CliRunner().invoke(main, list(words), env=variables)


def test_the_shared_options_are_those_of_the_groups() -> None:
    groups = []
    for decorate in (storage_options, writing_options, certification_options):
        options = click.command(decorate(lambda **_: None)).params
        groups.append({max(each.opts, key=len)[2:].replace("-", "_") for each in options})
    groups[1] -= groups[0]
    assert [set(group) for group in SHARED] == groups


def test_a_table_is_stronger_than_the_top_and_a_variable_than_both(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write('memory = "1g"\ncpus = 2\n\n[sweep]\nmemory = "2g"\njobs = 3\nfail_on = "never"\n')
    monkeypatch.setenv("CERTIFY_SWEEP_FAIL_ON", "newly-rejected")
    assert of("sweep") == {"memory": "2g", "cpus": 2, "jobs": 3, "fail_on": "newly-rejected"}
    assert of("run") == {"memory": "1g", "cpus": 2}
    monkeypatch.setenv("CERTIFY_MEMORY", "3g")
    monkeypatch.setenv("CERTIFY_PROFILE", "plain ./mine.toml")
    assert of("run") == {"memory": "3g", "cpus": 2, "profiles": ["plain", "./mine.toml"]}


def test_a_shared_setting_reaches_no_other_option_of_that_name() -> None:
    write('profile = "plain"\nmemory = "1g"\nchecks = "more"\nreports = "out"\n')
    assert of("matrix").keys() == {"reports"}, "its --profile is a filter"
    assert of("checks") == of("doctor") == of("schedule") == {}
    assert of("verify") == {"reports": "out"}


def test_the_command_line_is_the_strongest(folder: Path) -> None:
    for name in ("file", "variable", "line"):
        with Ledger.open(str(folder / f"{name}.db")) as ledger:
            ledger.record(a_certificate(image={"reference": f"example/{name}:1"}))
    write('ledger = "file.db"\n[matrix]\nformat = "csv"\n')
    assert "example/file:1," in run("matrix").stdout, "as CSV"
    assert "example/variable:1" in run("matrix", CERTIFY_LEDGER="variable.db").stdout
    line = run("matrix", "--ledger", "line.db", "--format", "json", CERTIFY_LEDGER="variable.db")
    assert '"example/line:1"' in line.stdout


def test_paths_are_relative_to_the_file_that_names_them(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(
        'reports = "out"\nledger = "postgresql://db.example/certify"\n'
        'profile = ["plain", "./mine.toml"]\n[sweep]\nlist = "all.txt"\n'
    )
    (folder / "below" / "it").mkdir(parents=True)
    monkeypatch.chdir(folder / "below" / "it")
    assert of("sweep") == {
        "reports": "../../out",
        "ledger": "postgresql://db.example/certify",
        "profiles": ["plain", "../../mine.toml"],
        "listing": "../../all.txt",
    }


@pytest.mark.parametrize(
    ("text", "command", "key", "below", "beside"),
    [
        ('ledger = "sqlite:///x.db"', "run", "ledger", "sqlite:///../x.db", "sqlite:///x.db"),
        ('ledger = "~/x.db"', "run", "ledger", "/home/me/x.db", "/home/me/x.db"),
        ('reports = "~/out"', "run", "reports", "/home/me/out", "/home/me/out"),
        ('[verify]\napproved = "lists/a.json"', "verify", "approved", "../lists/a.json", None),
        ('[verify]\napproved = "https://h/a.json"', "verify", "approved", "https://h/a.json", None),
        ('[publish]\npolicy = "~/p.toml"', "publish", "policy", "/home/me/p.toml", None),
    ],
)
def test_every_kind_of_path_is_relative_to_its_file(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    command: str,
    key: str,
    below: str,
    beside: str | None,
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    write(text)
    assert of(command)[key] == (beside or below.removeprefix("../"))
    (folder / "below").mkdir()
    monkeypatch.chdir(folder / "below")
    assert of(command)[key] == below


def test_a_path_in_a_variable_starts_where_the_command_is_called(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write('ledger = "x.db"')
    (folder / "below").mkdir()
    monkeypatch.chdir(folder / "below")
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("CERTIFY_LEDGER", "sqlite:///y.db")
    monkeypatch.setenv("CERTIFY_REPORTS", "~/out")
    monkeypatch.setenv("CERTIFY_PROFILE", "plain ~/mine.toml")
    assert of("run") == {
        "ledger": "sqlite:///y.db",
        "reports": "/home/me/out",
        "profiles": ["plain", "/home/me/mine.toml"],
    }


def test_pyproject_toml_has_a_table_for_it(folder: Path) -> None:
    write('[project]\nname = "x"\n[tool.certify]\nmemory = "1g"\n', "pyproject.toml")
    assert of("run") == {"memory": "1g"}
    write('[project]\nname = "x"\n[tool.certify.sweep]\njobs = true\n', "pyproject.toml")
    ended = run("sweep")
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert ended.stderr.startswith("certify: pyproject.toml:4: tool.certify.sweep.jobs: must be")
    write("")
    assert of("sweep") == {}, "the nearest file alone holds, certify.toml before pyproject.toml"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('\nmemory = "lots"', "certify.toml:2: memory: 'lots' is not a size"),
        ("profile = [true]", "certify.toml:1: profile: must be text or a number"),
        ("memory = {}", "certify.toml:1: memory: must be text or a number"),
        ("[sweep]\njobs = 0", "certify.toml:2: sweep.jobs: 0 is not in the range"),
        ("[sweep]\nforce = 'so'", "certify.toml:2: sweep.force: 'so' is not a valid boolean"),
        ("[sweep]\njob = 1", "certify.toml:2: sweep.job: is not known here; did you mean 'jobs'?"),
        ("legder = 'x'", "certify.toml:1: legder: is not known here; did you mean 'ledger'?"),
        ("[matrx]", "certify.toml:1: matrx: is not known here; did you mean 'matrix'?"),
        ("sweep = 3", "certify.toml:1: sweep: "),
        ("memory = ", "certify.toml: this is not TOML: "),
    ],
)
def test_a_mistake_is_named_with_file_line_and_key(text: str, expected: str) -> None:
    write(text)
    for command in ("sweep", "settings"):
        ended = run(command)
        assert (ended.exit_code, ended.stdout) == (2, ""), ended.output
        assert expected in ended.stderr
        assert "`certify help settings.md`" in ended.stderr or "not TOML" in expected


def test_a_file_that_is_not_text_is_wrong_usage(folder: Path) -> None:
    (folder / "certify.toml").write_bytes(b"\xff\xfe")
    ended = run("matrix")
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert "certify.toml: this is not text in UTF-8" in ended.stderr


def test_a_mistake_in_a_variable_is_named() -> None:
    ended = run("sweep", CERTIFY_SWEEP_JOBS="many", CERTIFY_MEMORY="lots")
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert "CERTIFY_SWEEP_JOBS: 'many' is not" in ended.stderr
    assert "CERTIFY_MEMORY: 'lots' is not a size" in ended.stderr


def test_other_variables_are_left_alone_but_typos_are_told() -> None:
    cluster = {"CERTIFY_PORT": "tcp://10.0.0.1:443", "CERTIFY_SWEEP_SERVICE_HOST": "10.0.0.1"}
    assert "setting" not in run("matrix", **cluster).stderr
    typo = run("matrix", CERTIFY_LEGDER="x").stderr
    assert "certify: CERTIFY_LEGDER is no setting; did you mean CERTIFY_LEDGER?" in typo
    typo = run("matrix", CERTIFY_MATRIX_FORMT="csv").stderr
    assert "CERTIFY_MATRIX_FORMT is no setting; did you mean CERTIFY_MATRIX_FORMAT?" in typo
    assert of("run") == {}


@pytest.mark.parametrize(
    ("bare", "value", "meant"),
    [
        ("CERTIFY_SWEEP", "images.txt", "CERTIFY_SWEEP_LIST or the like"),
        ("CERTIFY_SWEEP", '{"jobs":0}', "CERTIFY_SWEEP_LIST or the like"),
        ("CERTIFY_VERIFY", "1", "CERTIFY_VERIFY_APPROVED or the like"),
        ("CERTIFY_RUN", "foo", "CERTIFY_RUN_FORMAT or the like, or CERTIFY_RUNS"),
        ("CERTIFY_PROFILES", "plain", "CERTIFY_PROFILES_FORMAT or the like, or CERTIFY_PROFILE"),
        ("CERTIFY_KEYS", "[", ""),
    ],
)
@pytest.mark.parametrize(
    "others", [{}, {"CERTIFY_MEMORY": "8g"}, {"CERTIFY_SWEEP_JOBS": "3", "CERTIFY_VERIFY_KEY": "k"}]
)
def test_a_variable_named_as_a_command_is_told_and_left_alone(
    bare: str, value: str, meant: str, others: dict[str, str], folder: Path
) -> None:
    question = f"; did you mean {meant}?" if meant else ""
    told = f"certify: {bare} is no setting, but the name of a command{question}\n"
    Ledger.open(str(folder / "reports" / "certify.db")).close()
    for command in ("matrix", "settings"):
        ended = run(command, **{bare: value}, **others)
        assert (ended.exit_code, ended.stderr) == (0, told)
        assert all(each in ended.stdout for each in others.values() if command == "settings")


def test_the_variable_that_is_named_instead_of_a_command_is_a_setting() -> None:
    keys = {row.split()[0] for row in run("settings", "--all").stdout.splitlines()}
    for name in COMMANDS:
        if name not in TOP:
            found = run("matrix", **{f"CERTIFY_{name.upper()}": "x"}).stderr
            for meant in re.findall(rf"CERTIFY_{name.upper()}_([A-Z_]+)", found):
                assert f"{name}.{meant.lower()}" in keys
            assert f"CERTIFY_{name.upper()} is no setting, but the name of a command" in found


def test_the_file_of_another_user_is_not_used(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write('checks = "theirs"\n')
    (folder / "mine").mkdir()
    owner = (folder / "certify.toml").stat().st_uid
    monkeypatch.chdir(folder / "mine")
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    assert of("run") == {"checks": "../theirs"}, "it belongs to the owner of this folder"
    if owner == 0:
        os.chown(folder / "certify.toml", 4321, -1)
        assert of("run") == {}
        assert "it belongs to another user" in capsys.readouterr().err


def test_the_example_of_the_documentation_holds(folder: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "settings.md").read_text("utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    write(example)
    assert run("settings").exit_code == 0
    assert of("sweep") | {"profiles": None} == {
        "ledger": "postgresql://certify@db.example/certify",
        "reports": "/var/lib/certify/reports",
        "profiles": None,
        "memory": "8g",
        "listing": "nightly.txt",
        "jobs": 4,
        "fail_on": "newly-rejected",
    }
