"""The output of the doctor for people and for programs."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from certify.doctor.render import conclusion, examination_json, print_sign
from certify.model.examination import Health, Sign

OK = Sign(name="cpus", status=Health.OK, text="2")
WARN = Sign(name="clock", status=Health.WARN, text="behind " * 30, remedy="Set it. " * 20)
FAIL = Sign(name="disk", status=Health.FAIL, text="\x1b[2J0 bytes\nfree", remedy="Make room.")


def shown(sign: Sign) -> list[str]:
    out = io.StringIO()
    print_sign(sign, Console(file=out, width=80, highlight=False))
    return out.getvalue().splitlines()


def test_a_sign_that_is_ok_is_one_line() -> None:
    assert shown(OK) == ["✓ cpus                 2"]


def test_text_and_remedy_are_wrapped_in_their_column() -> None:
    lines = shown(WARN)
    assert max(map(len, lines)) <= 80
    first, *rest = lines
    assert first.startswith("! clock                behind behind")
    assert all(line.startswith(" " * 23) for line in rest)
    assert sum(line.startswith(" " * 23 + "→ Set it.") for line in rest) == 1


def test_a_text_of_the_host_does_not_control_the_terminal() -> None:
    (first, remedy) = shown(FAIL)
    assert first.startswith("✗ disk") and "\x1b" not in first
    assert remedy.strip() == "→ Make room."


@pytest.mark.parametrize(
    ("signs", "fit", "sentence"),
    [
        ([OK], True, "Images can be certified here."),
        ([OK, WARN], True, "Images can be certified here; 1 warning."),
        ([WARN, WARN], True, "Images can be certified here; 2 warnings."),
        ([OK, FAIL], False, "Images cannot be certified here until what failed is fixed."),
    ],
)
def test_the_conclusion(signs: list[Sign], fit: bool, sentence: str) -> None:
    assert conclusion(signs, fit=fit) == sentence


def test_json_has_every_sign() -> None:
    text = examination_json([OK, WARN])
    assert text.endswith("}\n")
    found = json.loads(text)
    assert found["schema"] == "certify/doctor/v1"
    assert [each["status"] for each in found["checks"]] == ["ok", "warn"]
