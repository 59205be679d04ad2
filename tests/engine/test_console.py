"""The last words of an init that ended: asked of a copy with a terminal, which is removed."""

from __future__ import annotations

import pytest

from certify.engine.client import Engine
from certify.engine.console import last_words
from certify.engine.launch import Plan
from certify.engine.launcher import launched
from tests.conftest import SAMPLES
from tests.engine.waiting import eventually

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("nothing_left")]


def test_an_init_that_speaks_to_its_console_alone_is_heard(engine: Engine) -> None:
    plan = Plan("init", engine.isolation("auto"), apparmor=engine.apparmor)
    with launched(engine, f"{SAMPLES}/busybox", plan) as started:
        candidate = started.candidate
        eventually(lambda: candidate.state().running)
        speaks = "#!/bin/sh\\necho 'I give up' >/dev/console\\nexit 7\\n"
        written = candidate.shell().run(
            f'mkdir /sbin; printf "{speaks}" >/sbin/init; chmod 755 /sbin/init'
        )
        assert written.rc == 0, written
        candidate.stop(timeout=0)
        candidate.start()
        eventually(lambda: not candidate.state().running)
        assert candidate.state().exit_code == 7
        assert "I give up" not in candidate.logs()
        assert "I give up" in last_words(engine, candidate.id)
        made = engine.client.api.images(filters={"label": f"certify.run={started.name[8:]}"})
        assert made == []


def test_a_container_that_is_gone_has_none(engine: Engine) -> None:
    assert last_words(engine, "certify-no-such-container") == ""
