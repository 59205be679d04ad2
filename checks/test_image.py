"""The image itself: an operating system to build on, for this platform, of a sane size."""

from datetime import UTC, datetime

from certify.suite import Candidate, Note, check, not_applicable, other_machine, unknown

GIB = 1024**3
# Prints a line for each fault, and never a hash: what checks print ends in reports.
PASSWORDS = r"""cd /etc && command -v ls >/dev/null || exit 3
for file in shadow shadow- gshadow gshadow-; do
  [ -e $file ] || continue
  case $(ls -Lld $file) in ???????r*) echo "everybody can read the hashes in /etc/$file" ;; esac
done
for file in passwd shadow; do
  [ -e $file ] || continue
  while IFS=: read -r name hash rest; do
    case $name in '' | [+#-]*) continue ;; esac
    case $file:$name:$hash in
      *:) echo "$name has an empty password" ;;
      passwd:*:[!x*!]*) echo "everybody can read the hash of $name in /etc/passwd" ;;
      shadow:root:[!*!]*) echo "root has a password" ;;
    esac
  done <$file
done
:"""


@check(
    "image.os",
    title="operating system",
    remedy="Build FROM a base image of a distribution. A single program without an operating "
    "system can run beside a workspace, but cannot be one.",
)
def test_os(candidate: Candidate, note: Note) -> None:
    """The image is an operating system to build on, and says which.

    Why: a workspace needs users, packages and an init; images that hold one program only
    (FROM scratch, distroless) can serve beside it, not carry it.

    How: /etc/os-release (or /usr/lib/os-release) is read through the engine and has an ID.
    """
    release = candidate.os_release
    assert release, (
        "not a base image: it has no /etc/os-release, so it does not say which operating "
        "system it holds"
    )
    assert release.get("ID"), "/etc/os-release names no ID, so the distribution is unknown"
    note(release.get("PRETTY_NAME") or release["ID"])


@check(
    "image.support",
    title="support",
    needs=("image.os",),
    remedy="Build FROM a release of the distribution that still gets security updates.",
)
def test_support(candidate: Candidate, note: Note) -> None:
    """The release of the distribution still gets security updates.

    Why: nobody repairs an old release, and one day its package sources move or disappear.

    How: the last day of support, by SUPPORT_END in /etc/os-release and by certify's own table of
    distributions; the later of both. Paid extensions do not count.
    """
    last = candidate.end_of_support
    if last is None:
        not_applicable("nobody has named a day on which the support of this release ends")
    assert datetime.now(UTC).date() <= last, f"support ended on {last}"
    note(f"until {last}")


@check(
    "image.platform",
    title="platform",
    remedy="Build the image for the platform that it is labelled with (docker build --platform).",
)
def test_platform(candidate: Candidate, note: Note) -> None:
    """The image is for the requested platform, and so are its programs.

    Why: an image that is labelled for one architecture and filled for another is started
    only to fail, or runs slowly in an emulator without anyone knowing.

    How: the platform in the image's configuration, and the machine in the ELF header of its
    shell, which is read through the engine.
    """
    platform = candidate.image.platform or ""
    expected = candidate.expected_platform
    assert platform.split("/")[:2] == expected.split("/")[:2], (
        f"the image is for {platform or 'an unknown platform'}, not for {expected}"
    )
    machine = other_machine(candidate.read_file("/bin/sh") or b"", platform.split("/")[1])
    assert not machine, f"the image says {platform}, but its /bin/sh is a program for {machine}"
    note(platform)


@check(
    "image.shell",
    title="shell",
    needs=("image.platform",),
    remedy="Install a POSIX shell as /bin/sh (dash, bash or busybox), for the image's own platform "
    "and with the library loader that it needs.",
)
def test_shell(candidate: Candidate) -> None:
    """A POSIX shell runs as /bin/sh.

    Why: platforms start a workspace with a shell script, and everything else goes through it.

    How: the container was started with /bin/sh, and its first line came back. Where the image's
    own command was started instead, /bin/sh runs beside it.
    """
    error = candidate.shell_error()
    if error and candidate.os_release is None:
        reason = "needs image.os, which failed: nothing to look for a shell in"
        candidate.defer_to("image.os", reason)
    runs = not error and candidate.shell_runs()
    if not runs and candidate.is_foreign:
        unknown(
            f"the host runs {candidate.engine_platform} and has no emulation for "
            f"{candidate.image.platform}"
        )
    assert not error, f"/bin/sh cannot be started\n{error}"
    assert runs, f"/bin/sh was started, and ran nothing\n{candidate.logs()}"


@check(
    "image.passwords",
    title="passwords",
    needs=("image.shell",),
    remedy="Lock accounts in the image (passwd -l NAME), and give /etc/shadow its usual mode: "
    "chmod 640 /etc/shadow.",
)
def test_passwords(candidate: Candidate) -> None:
    """Root is locked, no account has an empty password, and only root can read hashes.

    Why: whoever has the image has its passwords, for every workspace that is made from it.

    How: the second field of each line in /etc/passwd and /etc/shadow, and whether others may read
    /etc/shadow, /etc/gshadow and their backups.
    """
    looked = candidate.run(PASSWORDS, shown="(reads passwd, shadow and gshadow in /etc)")
    assert not looked.stdout, looked.stdout.splitlines()[0]
    if looked.rc != 0:
        unknown(f"the shell could not read /etc/passwd and /etc/shadow: exit code {looked.rc}")


@check(
    "image.identity",
    title="identity",
    needs=("image.shell",),
    remedy="In the layer that makes them, empty /etc/machine-id (: >/etc/machine-id), and remove "
    "/var/lib/dbus/machine-id, SSH host keys, known_hosts and authorized_keys.",
)
def test_identity(candidate: Candidate) -> None:
    """The image holds nothing that each machine must have for itself.

    Why: with one id for all, logs, leases and D-Bus take workspaces for the same machine; with one
    host key, everybody who has the image can pose as all of them.

    How: looks for files that are older than the container: /etc/machine-id with an id,
    /var/lib/dbus/machine-id, private keys in /etc/ssh, and known_hosts or authorized_keys in homes.
    """
    # The engine makes /etc/hostname anew for each container, before anything runs in it.
    found = candidate.run(
        "for f in /etc/machine-id /var/lib/dbus/machine-id /etc/ssh/ssh_host_*_key "
        "/root/.ssh/known_hosts /root/.ssh/authorized_keys /home/*/.ssh/known_hosts "
        '/home/*/.ssh/authorized_keys; do [ -s "$f" ] && [ ! -L "$f" ] && '
        '[ "$f" -ot /etc/hostname ] && case $f in *machine-id) read -r id <"$f"; '
        'case $id in *[!0-9a-f]*) continue ;; esac ;; esac && echo "$f"; done; :'
    ).stdout.split()
    assert not found, f"the same in every workspace: {', '.join(found)}"


@check(
    "image.command",
    title="own command",
    needs=("image.shell",),
    remedy='End the entrypoint\'s script with exec "$@", or leave ENTRYPOINT out and use CMD.',
)
def test_command(candidate: Candidate, note: Note) -> None:
    """A command that is given when the image is started replaces its own.

    Why: people try an image with `docker run IMAGE sh`, and CI runs its steps that way.

    How: an image without an entrypoint runs whatever it is given. Otherwise another container,
    with the image's entrypoint, is given a command that prints a fresh word.
    """
    if not candidate.image_configuration.get("Entrypoint"):
        return note("no entrypoint")
    said = candidate.run_by_entrypoint("/bin/sh", "-c", f"echo {candidate.nonce}")
    ran = candidate.nonce in said.splitlines()
    assert ran, f"the entrypoint does not run the command that it is given\n{said}"
    return note("the entrypoint runs it")


@check(
    "image.libc",
    title="C library",
    needs=("image.shell",),
    remedy="If programs built for glibc must run (VS Code's server, CUDA, many Python wheels), "
    "use a distribution with glibc, or install a compatibility layer.",
)
def test_libc(candidate: Candidate, note: Note) -> None:
    """Programs that were built for glibc find their loader.

    Why: prebuilt tools that a platform brings, and wheels with C extensions, mostly need
    glibc; under musl they fail, or must be compiled.

    How: looks for the loaders of glibc and of musl where they are installed.
    """
    found = candidate.run(
        "for f in /lib*/ld-linux*.so.* /lib*/ld64.so.* /lib/*/ld-linux*.so.* /lib/ld-musl-*.so.*; "
        'do [ -e "$f" ] && echo "$f"; done'
    ).stdout.split()
    glibc = [path for path in found if "musl" not in path]
    assert glibc, f"no glibc, but {found[0]} (musl)" if found else "no C library's loader found"
    note(f"glibc ({glibc[0]})")


@check(
    "image.size",
    title="size",
    remedy="Clean package caches in the layer that fills them, and leave build tools to a stage "
    "that is not shipped (docker history shows what is large).",
)
def test_size(candidate: Candidate, note: Note) -> None:
    """The image is at most 2 GiB, unpacked.

    Why: on a fresh node the pull decides how long a person waits.

    How: the size that the engine reports for the image.
    """
    size = candidate.image.size_bytes or 0
    if not size and candidate.image.layers:
        unknown("the engine does not report the image's size")
    assert size <= 2 * GIB, f"{size / GIB:.1f} GiB, more than 2 GiB"
    note(f"{size / 1e6:.0f} MB")


@check(
    "image.layers",
    title="layers",
    remedy="Join RUN lines that belong together, or squash the image.",
)
def test_layers(candidate: Candidate, note: Note) -> None:
    """The image has at most 100 layers.

    Why: engines refuse more than 125 to 127, and a platform adds its own.

    How: counts the layers in the image's configuration.
    """
    layers = candidate.image.layers
    if layers is None:
        unknown("the engine does not report the image's layers")
    assert layers <= 100, f"{layers} layers, more than 100"
    note(f"{layers} layer{'s' if layers != 1 else ''}")
