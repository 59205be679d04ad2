"""Write ``certify/engine/seccomp.json`` from ``scripts/seccomp.toml`` (``scripts/docs`` does)."""

from __future__ import annotations

import errno
import json
import tomllib
from pathlib import Path
from typing import Any

RULES = Path(__file__).with_suffix(".toml")
PROFILE = Path(__file__).parents[1] / "certify/engine/seccomp.json"
# 32-bit programs of the same family run, too; x32, which nobody uses, does not.
_ARCHITECTURES = {
    "X86_64": ("X86",), "AARCH64": ("ARM",), "PPC64LE": (), "S390X": ("S390",), "RISCV64": (),
}  # fmt: skip


def rules() -> dict[str, list[dict[str, Any]]]:
    """Return the data."""
    return tomllib.loads(RULES.read_text("utf-8"))


def allowed_names() -> set[str]:
    """Return the system calls that are allowed, some of them only with certain arguments."""
    return {name for rule in rules()["rule"] for name in rule["names"].split()}


def profile(data: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Return the profile as Docker reads it: everything is refused but what a rule allows."""
    calls: list[dict[str, Any]] = []
    conditions = {rule["names"]: rule.get("when", ()) for rule in data["rule"]}
    for rule in data["rule"]:
        names, shift = sorted(rule["names"].split()), rule.get("shift", 0)
        call = {"names": names, "action": "SCMP_ACT_ALLOW"}
        alternatives = conditions[rule.get("like", rule["names"])]
        calls += [call | {"args": [_argument(a, shift) for a in each]} for each in alternatives]
        if not alternatives:
            calls.append(call)
    for refused in data["refused"]:
        if answer := refused.get("answer"):
            names = sorted(refused["names"].split())
            number = getattr(errno, answer)
            calls.append({"names": names, "action": "SCMP_ACT_ERRNO", "errnoRet": number})
    return {
        "defaultAction": "SCMP_ACT_ERRNO",
        "archMap": [
            {
                "architecture": f"SCMP_ARCH_{name}",
                "subArchitectures": [f"SCMP_ARCH_{each}" for each in others],
            }
            for name, others in _ARCHITECTURES.items()
        ],
        "syscalls": calls,
    }


def _argument(condition: dict[str, int], shift: int) -> dict[str, Any]:
    index, value = condition["argument"] + shift, condition["value"]
    if "mask" in condition:
        mask = condition["mask"]
        return {"index": index, "value": mask, "valueTwo": value, "op": "SCMP_CMP_MASKED_EQ"}
    return {"index": index, "value": value, "op": "SCMP_CMP_EQ"}


def text() -> str:
    """Return the content of the file, one rule a line."""
    made = profile(rules())
    calls = ",\n".join(f"    {json.dumps(each)}" for each in made.pop("syscalls"))
    head = json.dumps(made, indent=2).removesuffix("\n}")
    return f'{head},\n  "syscalls": [\n{calls}\n  ]\n}}\n'


if __name__ == "__main__":
    PROFILE.write_text(text(), "utf-8")
