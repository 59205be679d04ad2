"""Certifies that a container image can carry a workspace.

``from certify import certify, load_profile``: see :mod:`certify.certification.api`. The types are
in the stub beside this file, for nothing is loaded before it is asked for.
"""

__version__: str

_OFFERED = ("certify", "load_profile", "Options", "Profile", "Result")


def __getattr__(name: str) -> object:
    """Return the version, or what programs call; finding it takes longer than many a command."""
    from importlib import import_module, metadata  # noqa: PLC0415

    if name in _OFFERED:
        return getattr(import_module("certify.certification.api"), name)
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return metadata.version("certify-images")
    except metadata.PackageNotFoundError:  # a bare checkout, not installed
        return "0+unknown"
