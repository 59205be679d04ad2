"""Loads files of the shipped checks as modules, for tests of what is in them."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

from certify.suite.catalogue import suite_directory


def load_checks(name: str) -> ModuleType:
    """Return the module of a file of checks, such as ``test_dockerd``."""
    path = suite_directory() / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"checks_{name}", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look it up
    spec.loader.exec_module(module)
    return module
