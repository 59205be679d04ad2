"""The engines of a command: this host's own, and others for some platforms."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from functools import partial

from certify.engine import image_marks, reaper
from certify.engine.client import Engine
from certify.engine.errors import translate_errors
from certify.engine.probe.image import probe_image
from certify.engine.probe.programs import ARCHITECTURES, echo
from certify.model.errors import EngineUnavailable, LaunchRefused, Trouble
from certify.model.platform import normalize_platform
from certify.util.text import one_line


class Engines:
    """Engines by platform; each of the others is connected to when it is first needed."""

    def __init__(
        self,
        own: Engine | EngineUnavailable,
        addresses: Mapping[str, str] | None = None,
        stack: contextlib.ExitStack | None = None,
    ) -> None:
        """Take this host's engine, or the reason that there is none.

        ``addresses`` are those of the others, as :func:`address_for` reads them; their connections
        are closed with the ``stack``.
        """
        self.own = own
        self._addresses = dict(addresses or {})
        self._stack = stack or contextlib.ExitStack()
        self._opened: dict[str, Engine | EngineUnavailable] = {}
        self._runs: dict[str, frozenset[str]] = {}

    def for_platform(self, platform: str | None) -> Engine | EngineUnavailable:
        """Return the engine for a platform, or the reason that it is unavailable."""
        address = address_for(self._addresses, platform)
        if address and address not in self._opened:
            self._opened[address] = self._open(address)
        return self._opened[address] if address else self.own

    def requested(self, platform: str | None) -> str | None:
        """Return what to ask a platform's engine for: None if the platform is its own."""
        engine = self.for_platform(platform)
        native = not isinstance(engine, Trouble) and normalize_platform(engine.platform) == platform
        return None if native else platform

    def unable(self, platforms: Iterable[str]) -> dict[str, Trouble]:
        """Return the platforms whose programs no engine here runs, all with the same reason.

        Certify's own program of each architecture is tried.
        """
        lacking = [each for each in platforms if not self._can_run(each)]
        one = len(lacking) == 1
        trouble = LaunchRefused(
            f"No engine here runs programs for {', '.join(lacking)}:"
            f" there is no emulation for {'it' if one else 'them'}.",
            remedy="Name an engine of that architecture with --engine ARCH=ADDRESS, or set up"
            " emulation (binfmt_misc with qemu-user-static); `certify doctor` lists what runs.",
        )
        return dict.fromkeys(lacking, trouble)

    def _can_run(self, platform: str) -> bool:
        engine, architecture = self.for_platform(platform), platform.split("/")[1]
        if isinstance(engine, Trouble) or architecture not in ARCHITECTURES:
            return True  # a launch will show
        if architecture == engine.architecture:
            return True
        if architecture not in self._runs.get(engine.address, ()):
            with contextlib.suppress(LaunchRefused), probe_image(engine) as probe:
                if probe.run(echo(architecture, probe.word)).output == probe.word:
                    known = self._runs.get(engine.address, frozenset())
                    self._runs[engine.address] = known | {architecture}
        return architecture in self._runs.get(engine.address, ())

    def _open(self, address: str) -> Engine | EngineUnavailable:
        try:
            engine = self._stack.enter_context(Engine.connect(address))
            engine.in_background(partial(remove_orphans, engine))
        except EngineUnavailable as error:
            return EngineUnavailable(f"{one_line(address)}: {error.message}", remedy=error.remedy)
        return engine


def address_for(addresses: Mapping[str, str], platform: str | None) -> str:
    """Return the address of a platform's engine, or an empty text for this host's own.

    An engine for ``linux/ARCH`` is for all variants that have no other.
    """
    general = "/".join((platform or "").split("/")[:2])
    return addresses.get(platform or "", addresses.get(general, ""))


@contextlib.contextmanager
def open_engines(addresses: Mapping[str, str] | None = None) -> Iterator[Engines]:
    """Connect to this host's engine; where there is none, results report the reason.

    What runs left that were killed is removed in the background.
    """
    with contextlib.ExitStack() as closing:
        own: Engine | EngineUnavailable
        try:
            own = closing.enter_context(Engine.connect())
            own.in_background(partial(remove_orphans, own))
        except EngineUnavailable as error:
            own = error
        yield Engines(own, addresses, closing)


def remove_orphans(engine: Engine) -> None:
    """Remove what runs left on an engine that were killed."""
    with translate_errors("its images"):
        listed = engine.client.api.images()  # once: an engine goes through all of them each time
    reaper.remove_orphans(engine, images=listed)
    image_marks.remove_orphans(engine, images=listed)
