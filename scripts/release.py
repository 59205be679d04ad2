"""Makes a release in ``dist/VERSION``: sdist, wheel, image, checksums, and their signature.

``python -m scripts.release --key release.key`` signs with a key of ``certify keys new``. The
version is that of pyproject.toml; a tag must name it, and CHANGELOG.md must have a section for it.
These variables matter: ``RELEASE_REPOSITORY`` and ``RELEASE_IMAGE`` (hatch_build.py), ``BASE`` and
pip's ``PIP_…`` for the image (Dockerfile), ``CERTIFY_PASSPHRASE`` for the key.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from certify.cli.passphrase import passphrase_reader
from certify.model.errors import CertifyError
from certify.signing.keys import PrivateKey, public_pem, read_private

ROOT = Path(__file__).parents[1]
SUMS = "SHA256SUMS"
BUILD_VARIABLES = (
    "BASE", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX",
    "PIP_TRUSTED_HOST", "RELEASE_IMAGE", "RELEASE_REPOSITORY",
)  # fmt: skip
"""The variables that the image's build gets if they are set."""


def main() -> None:
    """Make a release, or say why there is none."""
    parser = argparse.ArgumentParser(prog="make release", description=__doc__)
    parser.add_argument("--key", type=Path, help="sign the checksums with this private key")
    parser.add_argument("--out", type=Path, help="folder; default: dist/VERSION")
    parser.add_argument("--no-image", action="store_true", help="build no image")
    options = parser.parse_args()
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    check(version, (ROOT / "CHANGELOG.md").read_text("utf-8"), tags())
    key = read_private(options.key, passphrase_reader(None)) if options.key else None
    folder = (options.out or ROOT / "dist" / version).absolute()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT))
    if options.no_image or not engine_answers():
        say("without an image" + ("" if options.no_image else ": no engine answers"))
    else:
        save_image(f"{os.environ.get('RELEASE_IMAGE') or 'certify'}:{version}", folder, version)
    finish(folder, key)
    say(f"{version} is in {folder}" + ("" if key else ", unsigned: --key FILE signs it"))


def check(version: str, changelog: str, tagged: list[str]) -> None:
    """Exit if the changelog has no section for a version, or the commit is tagged as another."""
    if not re.search(rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$", changelog, re.M):
        sys.exit(f"release: CHANGELOG.md has no section `## [{version}] - YYYY-MM-DD`")
    if tagged and f"v{version}" not in tagged:
        sys.exit(f"release: the commit is tagged {', '.join(tagged)}, pyproject.toml has {version}")
    if not tagged:
        say(f"the commit is not tagged v{version}: this is a trial")


def tags() -> list[str]:
    """Return the tags of the commit that are versions; none outside of a checkout."""
    command = ["git", "-C", str(ROOT), "tag", "--points-at", "HEAD", "v*"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()


def engine_answers() -> bool:
    """Return True if the docker command reaches an engine."""
    return not subprocess.run(["docker", "version"], capture_output=True, check=False).returncode


def save_image(name: str, folder: Path, version: str) -> None:
    """Build the image, and save it as a file that `docker load` reads."""
    words = [
        word for each in BUILD_VARIABLES if each in os.environ for word in ("--build-arg", each)
    ]
    run("docker", "build", "--tag", name, *words, str(ROOT))
    with (
        gzip.open(folder / f"certify-{version}-image.tar.gz", "wb") as packed,
        subprocess.Popen(["docker", "save", name], stdout=subprocess.PIPE) as saving,
    ):
        assert saving.stdout is not None
        shutil.copyfileobj(saving.stdout, packed)
    if saving.returncode:
        sys.exit("release: docker save failed; see above")


def finish(folder: Path, key: PrivateKey | None) -> None:
    """Write the checksums of all files, and with a key their signature and its public half."""
    files = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    sums = "".join(lines).encode()
    (folder / SUMS).write_bytes(sums)
    if key is not None:
        if isinstance(key, ec.EllipticCurvePrivateKey):
            signature = key.sign(sums, ec.ECDSA(SHA256()))
        else:
            signature = key.sign(sums)
        (folder / f"{SUMS}.sig").write_bytes(base64.encodebytes(signature))
        (folder / "release.pub").write_bytes(public_pem(key.public_key()))


def run(*command: str) -> None:
    """Run a command, and exit if it fails."""
    if code := subprocess.run(command, stdout=sys.stderr, check=False).returncode:
        sys.exit(f"release: {' '.join(command[:3])} … failed with {code}")


def say(text: str) -> None:
    """Print a line."""
    sys.stderr.write(f"==> release: {text}\n")


if __name__ == "__main__":
    try:
        main()
    except CertifyError as error:
        sys.exit(f"release: {error}")
