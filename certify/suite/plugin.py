"""The pytest plugin: ``pytest checks --image debian:12`` certifies by itself.

Without ``--image`` it does nothing, so that it can sit beside other suites.
``certify`` runs the same suite in a child process (:mod:`certify.suite.worker`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from certify.suite.conductor import Conductor

CONDUCTOR = "certify-conductor"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of ``pytest checks``; ``certify run`` has the same and more."""
    group = parser.getgroup("certify", "certify a container image")
    group.addoption("--image", metavar="REF", help="certify this image: launch it, run the checks")
    group.addoption(
        "--profile", metavar="NAME", default="devspace", help="launch and budgets of this profile"
    )
    group.addoption("--isolation", metavar="NAME", default="auto", help="see certify run --help")
    group.addoption("--pull", metavar="WHEN", default="missing", help="missing, always or never")


def conductor_of(config: pytest.Config) -> Conductor | None:
    """The conductor that was registered for this run, if any."""
    return config.pluginmanager.get_plugin(CONDUCTOR)


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Take over if an image was named."""
    if not config.getoption("--image") or conductor_of(config) is not None:
        return
    from certify.suite.standalone import conductor_for  # noqa: PLC0415 - costs, if unused

    config.pluginmanager.register(conductor_for(config), CONDUCTOR)
