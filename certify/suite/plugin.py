"""The pytest plugin: ``pytest checks --image debian:12`` certifies by itself.

Without ``--image`` it does nothing, so it does not disturb other test suites.
``certify`` runs the same suite in a child process (:mod:`certify.suite.worker`).
"""

from __future__ import annotations

import pytest

CONDUCTOR = "certify-conductor"
"""The name under which a run's conductor is registered."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of ``pytest checks``; ``certify run`` has the same and more."""
    group = parser.getgroup("certify", "certify a container image")
    group.addoption("--image", metavar="REF", help="certify this image: launch it, run the checks")
    group.addoption(
        "--profile", metavar="NAME", default="devspace", help="launch and budgets of this profile"
    )
    group.addoption("--isolation", metavar="NAME", default="auto", help="see certify run --help")
    group.addoption("--pull", metavar="WHEN", default="missing", help="missing, always or never")


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Launch the image of ``--image``, unless a conductor is already registered."""
    if not config.getoption("--image") or config.pluginmanager.has_plugin(CONDUCTOR):
        return
    from certify.suite.standalone import launch_conductor  # noqa: PLC0415 - slow, and mostly unused

    config.pluginmanager.register(launch_conductor(config), CONDUCTOR)
