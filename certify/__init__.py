"""Certifies that a container image can carry a workspace.

``from certify import certify, load_profile``: see :mod:`certify.certification.api`. The types are
in the stub beside this file, for nothing is loaded before it is asked for.
"""

__version__: str

_INSTALLED = "certify_images-*.dist-info"
_OFFERED = ("certify", "load_profile", "Options", "Profile", "Result")


def __getattr__(name: str) -> object:
    """Return the version, or what programs call; finding it takes longer than many a command."""
    if name in _OFFERED:
        from importlib import import_module  # noqa: PLC0415

        return getattr(import_module("certify.certification.api"), name)
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _named_version() or _recorded_version()


def _named_version() -> str | None:
    """Return the version in the name of the folder that an installer made, if there is one."""
    import sys  # noqa: PLC0415
    from pathlib import Path  # noqa: PLC0415

    places = (found for each in sys.path for found in Path(each).glob(_INSTALLED))
    return next((found.stem.partition("-")[2] for found in places), None)


def _recorded_version() -> str:
    """Return the version as Python finds it wherever it is, which takes longer."""
    from importlib import metadata  # noqa: PLC0415

    try:
        return metadata.version("certify-images")
    except metadata.PackageNotFoundError:  # a bare checkout, not installed
        return "0+unknown"
