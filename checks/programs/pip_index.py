"""An index of packages for pip, on a free port of 127.0.0.1, which prints its port and process.

It has three packages: one with only source; one with a wheel for each libc, and one for any; and
one with an extension in C. Each holds the word on the command line. Their build backend is their
own (pip_backend.py, whose text follows the word), so that nothing else has to be fetched.

It is run by the Python of an image, however old: what is newer than 3.7 has no place here.
"""

import http.server
import io
import os
import platform
import sys
import tarfile
import zipfile
from pathlib import Path

META = "Metadata-Version: 2.1\nName: %s\nVersion: 1.0\n"
PYPROJECT = """\
[build-system]
requires = []
build-backend = "pip_backend"
backend-path = ["."]
"""
EXTENSION = """
#include <Python.h>
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "certify_c", NULL, -1, NULL};
PyMODINIT_FUNC PyInit_certify_c(void) {
    PyObject *made = PyModule_Create(&module);
    if (made) PyModule_AddStringConstant(made, "word", "%s");
    return made;
}
"""


def place(root: str, name: str) -> Path:
    """Make the folder of a package in the index, and return it."""
    folder = Path(root, "simple", name.replace("_", "-"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def add_source(root: str, name: str, suffix: str, text: str, backend: str) -> None:
    """Add a package of one file with source."""
    files = {
        name + suffix: text,
        "PKG-INFO": META % name,
        "pyproject.toml": PYPROJECT,
        "pip_backend.py": backend,
    }
    with tarfile.open(place(root, name) / f"{name}-1.0.tar.gz", "w:gz") as archive:
        for path, content in files.items():
            entry = tarfile.TarInfo(f"{name}-1.0/{path}")
            entry.size = len(content.encode())
            archive.addfile(entry, io.BytesIO(content.encode()))


def add_wheel(root: str, name: str, tag: str, text: str) -> None:
    """Add a wheel of one module."""
    info = name + "-1.0.dist-info/"
    files = {
        name + ".py": text,
        info + "METADATA": META % name,
        info + "WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {tag}\n",
    }
    files[info + "RECORD"] = "".join(f"{path},,\n" for path in [*files, info + "RECORD"])
    with zipfile.ZipFile(place(root, name) / f"{name}-1.0-{tag}.whl", "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)


def serve(root: str) -> None:
    """Serve a folder in a process of its own, and print its port and number."""
    server = http.server.HTTPServer(
        ("127.0.0.1", 0),
        lambda *request: http.server.SimpleHTTPRequestHandler(*request, directory=root),
    )
    child = os.fork()
    if child:
        sys.stdout.write(f"{server.server_port} {child}\n")
        sys.stdout.flush()
        os._exit(0)
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(nothing, number)
    server.serve_forever()


def main(root: str, word: str, backend: str) -> None:
    """Make the packages in a folder, and serve it."""
    add_source(root, "certify_source", ".py", f"word = '{word}'\n", backend)
    add_source(root, "certify_c", ".c", EXTENSION % word, backend)
    for libc in ("manylinux_2_17", "musllinux_1_1"):
        tag = f"py3-none-{libc}_{platform.machine()}"
        add_wheel(root, "certify_wheel", tag, f"word = '{word} {libc}'\n")
    add_wheel(root, "certify_wheel", "py3-none-any", f"word = '{word} none'\n")
    serve(root)


main(*sys.argv[1:])
