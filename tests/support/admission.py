"""What Kubernetes and Kyverno make of a policy in CEL: whom it admits.

The expressions are evaluated by cel-python. It has no extended string functions; those that the
policies use are given to it here, as Kubernetes documents them.
"""

from __future__ import annotations

from functools import cache
from typing import Any, cast

import yaml
from celpy import Environment, Runner
from celpy.adapter import json_to_cel
from celpy.celtypes import ListType, StringType, Value
from celpy.evaluation import CELEvalError, CELFunction

from certify.approved.enforcement import NAME, NAMESPACE, policy_files
from tests.factories import a_list

_FILES, _ = policy_files(a_list())
ADMISSION, BINDING = yaml.safe_load_all(_FILES["kubernetes/policy.yaml"])
KYVERNO = yaml.safe_load(_FILES["kyverno/policy.yaml"])
CONFIG_MAPS: list[dict[str, Any] | None] = []


def split(text: StringType, separator: StringType) -> ListType:
    return ListType([StringType(each) for each in str(text).split(separator)])


def replace(text: StringType, old: StringType, new: StringType) -> StringType:
    return StringType(str(text).replace(old, new))


def join(texts: ListType, separator: StringType) -> StringType:
    return StringType(separator.join(map(str, cast("list[Value]", texts))))


@cache
def compiled(expression: str) -> Runner:
    def get(_resource: Value, *asked: StringType) -> Value:
        assert asked == ("v1", "configmaps", NAMESPACE, NAME)
        return json_to_cel(CONFIG_MAPS[-1])

    environment = Environment()
    functions: dict[str, CELFunction] = {
        "split": split,
        "replace": replace,
        "join": join,
        "Get": get,
    }
    return environment.program(environment.compile(expression), functions=functions)


def refused(
    spec: dict[str, Any],
    pod: dict[str, Any],
    old: dict[str, Any] | None,
    config_map: dict[str, Any] | None,
) -> str | None:
    """What is said to whoever makes the pod, or changes the old one into it; null admits it."""
    CONFIG_MAPS[:] = [config_map]
    known: dict[str, Any] = {
        "object": pod,
        "oldObject": old,
        "request": {"operation": "UPDATE" if old else "CREATE"},
        "params": config_map,
        "resource": {},
        "variables": {},
    }
    try:
        for each in spec["variables"]:
            known["variables"][each["name"]] = evaluated(each["expression"], known)
        for each in spec["validations"]:
            if not evaluated(each["expression"], known):
                return str(evaluated(each["messageExpression"], known))
    except (CELEvalError, TypeError) as error:
        return f"it cannot be told: {error.args[0]}"  # so failurePolicy decides
    return None


def evaluated(expression: str, known: dict[str, Any]) -> Any:
    return compiled(expression).evaluate({name: json_to_cel(known[name]) for name in known})
