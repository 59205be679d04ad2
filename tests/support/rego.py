"""A stand-in for Conftest: what the published policy says of a Dockerfile, by an engine of Rego."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from regopy import Interpreter


def parsed(dockerfile: str) -> list[dict[str, Any]]:
    """A Dockerfile as Conftest hands it over (its parser/docker/docker.go), an instruction a line.

    Flags of a sub-command are not in it, and what has none has null.
    """
    commands: list[dict[str, Any]] = []
    stage = -1
    for line in dockerfile.splitlines():
        if line.startswith("#"):
            instruction, words = "comment", [line.removeprefix("#").strip()]
        else:
            instruction, *words = line.split()
        command = instruction.lower()
        stage += command == "from"
        nested = words.pop(0) if command == "onbuild" else ""
        flags = [word for word in words if word.startswith("--")]
        values = [word for word in words if word not in flags]
        if command == "run":
            values = [" ".join(values)]
        commands.append(
            {
                "Cmd": command, "SubCmd": nested, "JSON": False,
                "Flags": (flags or None) if not nested else None,
                "Value": values, "Stage": max(stage, 0),
            }
        )  # fmt: skip
    return commands


def found(policy: str, data: str, commands: Any) -> list[str]:
    """What a policy denies, by a real engine of Rego."""
    engine = Interpreter()
    engine.add_module("certify", policy)
    engine.add_data_json(data)
    engine.set_input_term(json.dumps(commands))
    (denied,) = json.loads(str(engine.query("data.main.deny")))["expressions"]
    return sorted(denied)


def conftest(words: list[str]) -> int:
    """``conftest test --policy FOLDER --data FILE DOCKERFILE``."""
    test, _, policies, _, data, dockerfile = words
    assert test == "test"
    (policy,) = Path(policies).glob("*.rego")
    commands = parsed(Path(dockerfile).read_text("utf-8"))
    denied = found(policy.read_text("utf-8"), Path(data).read_text("utf-8"), commands)
    for each in denied:
        print(f"FAIL - {dockerfile} - main - {each}")  # noqa: T201 - as Conftest does
    return int(bool(denied))
