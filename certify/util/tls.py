"""Whom connections trust: what the system does, and certificates in a folder as Docker has them."""

from __future__ import annotations

import functools
import ssl
from pathlib import Path


@functools.cache
def system_trust() -> ssl.SSLContext:
    """Return what the system trusts. Nobody may change it: to read it takes 20 ms, so all share it.

    A client that trusts anyone needs a context of its own; urllib3 turns the check off in it.
    """
    return ssl.create_default_context()


def trust(folder: Path, *, verify: bool = True) -> ssl.SSLContext:
    """Return what the system and a folder trust; without ``verify`` one that trusts anyone.

    The folder has authorities ``*.crt``, and ``*.cert`` with ``*.key`` for a server that wants to
    know its clients by certificate. Raises ValueError for a file that cannot be used.
    """
    authorities, pairs = sorted(folder.glob("*.crt")), sorted(folder.glob("*.cert"))
    if verify and not authorities and not pairs:
        return system_trust()
    if verify:
        context = ssl.create_default_context()
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    file = folder
    try:
        for file in authorities:
            context.load_verify_locations(file)
        for file in pairs:
            context.load_cert_chain(file, file.with_suffix(".key"))
    except (OSError, ssl.SSLError) as error:
        raise ValueError(f"{file} cannot be used: {error}") from error
    return context
