"""Recording beside the work: a thread that records results, and tries again while it may help."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from uuid import uuid4

from certify.ledger.outbox import FOLDER, Outbox
from certify.ledger.store import Ledger
from certify.model.errors import LedgerUnavailable, NotRecordable
from certify.model.result import Result
from certify.util.text import counted

PATIENCE_SECONDS = 90.0
"""The longest wait at the end of a command for a ledger that fails, but may recover."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
_POLL_SECONDS = 0.2


class Recording:
    """Records results in the order in which they are added; whoever adds them never waits.

    Until a result is in the ledger, a file holds it (:mod:`certify.ledger.outbox`).
    """

    def __init__(self, ledger: Ledger, folder: Path) -> None:
        self._ledger = ledger
        self._outbox = Outbox(folder / FOLDER, ledger.name)
        self._waiting: deque[tuple[str, Callable[[], object]]] = deque()
        """The work to do, in order, with the names of recordings."""
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._given_up = False
        self._trouble: LedgerUnavailable | None = None
        """The trouble of the last attempt, if it failed."""
        self.refused: list[str] = []
        """The messages about results that the ledger does not take."""

    def add(self, result: Result) -> str:
        """Keep a result in a file, and have it recorded; return the name of its recording."""
        recording = uuid4().hex
        with suppress(OSError):  # then it is only in memory until it is recorded
            self._outbox.keep(recording, result)
        with self._changed:
            self._given_up = False
            self._waiting.append((recording, partial(self._ledger.record, result, recording)))
            self._changed.notify_all()
            self._begin()
        return recording

    def once_recorded(self, action: Callable[[], object]) -> None:
        """Have a change made to the ledger after all that was added before is recorded.

        It is made once, or not at all if the ledger fails.
        """
        with self._changed:
            self._waiting.append(("", action))
            self._changed.notify_all()
            self._begin()

    def finish(self, patience: float = PATIENCE_SECONDS) -> list[str]:
        """Wait until all is recorded; return messages about what is not, and is given up.

        The wait ends early if the ledger's trouble is not of the kind that passes. Signals are
        heard meanwhile. What is given up stays in its files; once something was, nobody waits any
        more.
        """
        end = time.monotonic() + patience
        with self._changed:
            while self._waiting and not self._given_up:
                if time.monotonic() > end or not self._may_recover():
                    break
                self._changed.wait(_POLL_SECONDS)
            left = [recording for recording, _ in self._waiting if recording]
            self._given_up = bool(left)
        messages, self.refused = self.refused, []
        if left:
            said = self._trouble.message if self._trouble else "the ledger does not answer"
            messages.append(said)
            kept = sum(map(self._outbox.has, left))
            if kept:
                messages.append(
                    f"{counted(kept, 'result')} wait in {self._outbox.folder}:"
                    " the next command with this ledger records them"
                )
        else:
            self._outbox.remove_if_empty()
        return messages

    def _may_recover(self) -> bool:
        return self._trouble is None or self._trouble.passing

    def _run(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting and not self._given_up)
                recording, record = self._waiting[0]
            try:
                record()
                self._trouble = None
            except NotRecordable as error:
                self.refused.append(error.message)
            except LedgerUnavailable as error:
                if not recording:
                    self._next()
                    continue
                with self._changed:
                    self._trouble = error
                    self._changed.notify_all()
                    self._changed.wait(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
                continue
            pause = _FIRST_PAUSE
            if recording:
                with suppress(OSError):  # recorded again, it would be one all the same
                    self._outbox.drop(recording)
            self._next()

    def _begin(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()

    def _next(self) -> None:
        with self._changed:
            self._waiting.popleft()
            self._changed.notify_all()
