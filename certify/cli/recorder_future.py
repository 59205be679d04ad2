"""The recorder of a run, which a thread makes while the container of the image boots."""

from __future__ import annotations

from concurrent.futures import Future
from contextlib import AbstractContextManager
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from certify.cli.storage import Storage
from certify.util.threads import in_thread

if TYPE_CHECKING:
    from certify.publish.recorder import Recorder


class RecorderFuture(AbstractContextManager["RecorderFuture"]):
    """A recorder that a thread makes; leaving the block closes its ledger.

    A ledger whose address was given is opened first, so that nothing runs if that is wrong.
    """

    def __init__(self, storage: Storage) -> None:
        self._recorder: Future[Recorder] = Future()
        if storage.ledger is None:
            self._recorder = in_thread(partial(_make_recorder, storage), "certify-recorder")
        else:  # here, where Ctrl-C ends the wait for a database
            self._recorder.set_result(_make_recorder(storage))

    def has_failed(self) -> bool:
        """Return True if there will be no recorder, so that a run would be in vain."""
        return self._recorder.done() and self._recorder.exception() is not None

    def get(self) -> Recorder:
        """Return the recorder, once it is made. Raises the error of the ledger."""
        return self._recorder.result()

    def __exit__(self, kind: type[BaseException] | None, *_error: object) -> None:
        # A thread that was importing may never end: an interrupt in the middle of an import of this
        # one can leave a module's lock held (importlib._bootstrap).
        if kind is KeyboardInterrupt and not self._recorder.done():
            return
        if self._recorder.exception() is None:
            self.get().ledger.close()


def _make_recorder(storage: Storage) -> Recorder:
    # Imported here, beside what the main thread does: they take as long as a launch.
    from certify.publish.recorder import Recorder  # noqa: PLC0415

    import_module("certify.cli.run_report")
    return Recorder(storage.open_ledger(), storage.reports, own=True, layout=storage.layout)
