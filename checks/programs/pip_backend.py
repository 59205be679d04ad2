"""The build backend (PEP 517) of the packages of pip_index.py: it needs nothing but Python.

It is run by the Python of an image, however old: what is newer than 3.7 has no place here.
"""

import shlex
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path


def build_wheel(
    folder: str, config_settings: object = None, metadata_directory: object = None
) -> str:
    """Build the package in the working directory: of NAME.c if there is one, else of NAME.py."""
    name = Path("PKG-INFO").read_text("utf-8").partition("Name: ")[2].splitlines()[0]
    is_extension = Path(name + ".c").exists()
    module = compiled(name) if is_extension else name + ".py"
    tag = tag_of_extensions() if is_extension else "py3-none-any"
    files = {module: Path(module).read_bytes()}
    info = name + "-1.0.dist-info/"
    files[info + "METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode()
    files[info + "WHEEL"] = f"Wheel-Version: 1.0\nTag: {tag}\n".encode()
    files[info + "RECORD"] = "".join(f"{path},,\n" for path in [*files, info + "RECORD"]).encode()
    wheel = f"{name}-1.0-{tag}.whl"
    with zipfile.ZipFile(Path(folder) / wheel, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return wheel


def compiled(name: str) -> str:
    """Compile an extension as setuptools would, and return the name of its file."""
    module = f"{name}{sysconfig.get_config_var('EXT_SUFFIX')}"
    linker = shlex.split(sysconfig.get_config_var("LDSHARED") or "cc -shared")
    paths = sysconfig.get_paths()
    headers = ["-I" + paths["include"], "-I" + paths["platinclude"]]
    subprocess.check_call([*linker, "-fPIC", *headers, name + ".c", "-o", module])
    return module


def tag_of_extensions() -> str:
    """Return the tag of what is compiled for this Python on this platform."""
    python = f"cp{sys.version_info[0]}{sys.version_info[1]}"
    platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    return f"{python}-{python}{sys.abiflags}-{platform}"
