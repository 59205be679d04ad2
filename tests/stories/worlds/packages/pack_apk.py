"""Makes an Alpine package of one folder, and its index: by each key, and unsigned.

``pack_apk.py VERSION FOLDER REPOSITORY KEY...``. A package is two tar files, the first without the
end of an archive; a signed index has a third one with its signature before it.
"""

import base64
import gzip
import hashlib
import io
import subprocess
import sys
import tarfile
from collections.abc import Iterable
from pathlib import Path

END = 2 * tarfile.BLOCKSIZE


def packed(files: dict[str, bytes], *, end: bool, folders: Iterable[str] = ()) -> bytes:
    """Return a compressed tar file, with or without the end of an archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name in folders:
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(entry)
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o755
            entry.pax_headers = {"APK-TOOLS.checksum.SHA1": hashlib.sha1(content).hexdigest()}
            archive.addfile(entry, io.BytesIO(content))
        size = archive.offset
    return gzip.compress(buffer.getvalue()[: size + (END if end else 0)] + bytes(END if end else 0))


def main(version: str, folder: str, repository: str, *keys: str) -> None:
    """Write the package and its indexes."""
    name, root, target = Path(folder).name, Path(folder), Path(repository)
    target.mkdir(parents=True)
    files = {
        str(each.relative_to(root)): each.read_bytes() for each in root.rglob("*") if each.is_file()
    }
    folders = sorted(str(each.relative_to(root)) for each in root.rglob("*") if each.is_dir())
    data = packed(files, end=True, folders=folders)
    information = {
        "pkgname": name, "pkgver": f"{version}-r0", "pkgdesc": name, "url": "none", "size": "1",
        "arch": "x86_64", "license": "none", "datahash": hashlib.sha256(data).hexdigest(),
    }  # fmt: skip
    lines = "".join(f"{key} = {value}\n" for key, value in information.items())
    control = packed({".PKGINFO": lines.encode()}, end=False)
    (target / f"{name}-{version}-r0.apk").write_bytes(control + data)
    checksum = base64.b64encode(hashlib.sha1(control).digest()).decode()
    entry = f"C:Q1{checksum}\nP:{name}\nV:{version}-r0\nA:x86_64\nS:{len(control + data)}\nI:1\n"
    entry += f"T:{name}\nU:none\nL:none\n\n"
    index = packed({"DESCRIPTION": b"world\n", "APKINDEX": entry.encode()}, end=True)
    file = target / "APKINDEX.tar.gz"
    unsigned = target / "APKINDEX.tar.gz.unsigned"
    unsigned.write_bytes(index)
    for number, key in enumerate(map(Path, keys)):
        command = ["openssl", "dgst", "-sha1", "-sign", str(key), str(unsigned)]
        signature = subprocess.run(command, check=True, capture_output=True).stdout
        signed = packed({f".SIGN.RSA.{key.name}.pub": signature}, end=False) + index
        (target / f"{file.name}.{key.stem}" if number else file).write_bytes(signed)


main(*sys.argv[1:])
