"""The layout and tools that images of WebDevOps promise to the images built on them."""

import re

from testinfra.host import Host

from certify.suite import Candidate, Note, check, unknown

# The family and the distribution, as docker-image-info names them, by ID of os-release(5).
FAMILIES = {
    "debian": ("Debian", "Debian"),
    "ubuntu": ("Debian", "Ubuntu"),
    "alpine": ("Alpine", "Alpine"),
    "centos": ("RedHat", "CentOS"),
}
INSTALLERS = {"apt": "apt-install", "apk": "apk-install"}
FOLDERS = (
    "/opt/docker",
    "/opt/docker/bin",
    "/opt/docker/bin/service.d",
    "/opt/docker/etc",
    "/opt/docker/etc/supervisor.d",
    "/opt/docker/provision/roles",
    "/opt/docker/provision/entrypoint.d",
    "/opt/docker/provision/onbuild.d",
    "/opt/docker/provision/bootstrap.d",
)
BASE_PROGRAMS = ("supervisord", "wget", "curl")
APP_PROGRAMS = ("wget", "curl", "git", "zip", "unzip", "rsync", "ssh")
LOCALE = "en_US.utf8"
USER, UID, HOME, SHELL = "application", "1000", "/home/application", "/bin/bash"


@check(
    "webdevops.bootstrap",
    title="bootstrap scripts",
    needs=("image.shell", "packages.manager"),
    remedy="Build FROM webdevops/bootstrap, or install the scripts of "
    "github.com/webdevops/Docker-Image-Baselayout, go-replace and gosu.",
)
def test_bootstrap(candidate: Candidate, note: Note) -> None:
    """The scripts that images are built with are there, and work.

    Why: the Dockerfiles of all further tiers, and those of the images built on them, call these
    by name, on every distribution.

    How: the distribution's install script is on the PATH; docker-image-info names what
    /etc/os-release names; go-replace replaces a word in a file; gosu runs a command as another
    user.
    """
    manager = candidate.package_manager
    assert manager is not None
    installer = INSTALLERS.get(manager.name, "yum-install")
    assert candidate.has(installer), f"{installer} is not in the image"
    _names_the_distribution(candidate)

    word, path = candidate.nonce, f"/run/certify/replace-{candidate.nonce}"
    candidate.run("echo 'a word here' >%s", path)
    replaced = candidate.run("go-replace -s word -r %s %s && cat %s", word, path, path)
    assert replaced.rc == 0 and f"a {word} here" in replaced.stdout, (
        "go-replace is not in the image, or does not replace a word in a file"
    )
    became = candidate.run("gosu 65534:65534 id -u")
    assert became.rc == 0 and became.stdout.strip() == "65534", (
        "gosu is not in the image, or does not run a command as another user"
    )
    note(f"{installer}, docker-image-info, go-replace, gosu")


def _names_the_distribution(candidate: Candidate) -> None:
    release = candidate.os_release or {}
    name = release.get("ID", "")
    wanted = FAMILIES.get(name, ("", name))  # of any other only the name is known
    major = release.get("VERSION_ID", "").partition(".")[0]
    for question, expected in zip(
        ("family", "dist", "dist-version"), (*wanted, major), strict=True
    ):
        said = candidate.run("docker-image-info %s", question)
        assert said.rc == 0 and said.stdout.strip(), (
            f"docker-image-info does not know the {question}"
        )
        assert expected.lower() in said.stdout.lower(), (
            f"docker-image-info {question} says {said.stdout.strip()!r}, not {expected!r}"
        )


@check(
    "webdevops.clean",
    title="clean caches",
    needs=("image.shell", "packages.manager"),
    remedy="End each RUN that installs with the package manager's cleaning (Debian, Ubuntu: "
    "apt-get clean && rm -rf /var/lib/apt/lists/*), or with docker-image-cleanup.",
)
def test_clean(candidate: Candidate) -> None:
    """No package lists and no downloaded packages are left in the image.

    Why: everybody who builds on the image pulls them too, and they are outdated the day after.

    How: looks where the package manager keeps them, and ignores the files that the engine lists
    as added since the container was created.
    """
    manager = candidate.package_manager
    assert manager is not None
    look = f'for f in {" ".join(manager.caches)}; do [ ! -s "$f" ] || echo "$f"; done'
    looked = candidate.run(look)
    if looked.rc != 0:
        unknown(f"the shell could not look for caches: exit code {looked.rc}")
    found = sorted(set(looked.stdout.splitlines()) - candidate.added_files())
    assert not found, f"{len(found)} left, such as {found[0]}\n" + "\n".join(found[:10])


@check(
    "webdevops.layout",
    title="base layout",
    needs=("image.shell",),
    remedy="Build FROM webdevops/base, or make the folder that is named, owned by root and "
    "writable by nobody else; install supervisor, wget and curl.",
)
def test_layout(candidate: Candidate, host: Host) -> None:
    """The folders below /opt/docker are there and root's own, and so are the base's programs.

    Why: images that build on the base put their scripts and programs into these folders, and what
    anybody else could write there would run as root.

    How: type, owner and mode of each folder; supervisord, wget and curl are on the PATH.
    """
    for path in FOLDERS:
        folder = host.file(path)
        assert folder.is_directory, f"{path} is not there, or no folder"
        assert folder.user == "root", f"{path} is owned by {folder.user}, not by root"
        assert not folder.mode & 0o022, f"{path} is writable by others than root"
    missing = [name for name in BASE_PROGRAMS if not candidate.has(name)]
    assert not missing, f"{', '.join(missing)} not in the image"


@check(
    "webdevops.user",
    title="user application",
    needs=("image.shell",),
    remedy="Create it: useradd --create-home --uid 1000 --user-group -s /bin/bash application.",
)
def test_user(candidate: Candidate) -> None:
    """The user `application` has uid 1000, a group and a home of its own, and bash.

    Why: services and deployments run as this user, and volumes are owned by this number.

    How: its line in /etc/passwd, its group in /etc/group, and, as that user, a file in its home.
    """
    entry = _line(candidate, "/etc/passwd", USER)
    assert entry, f"there is no user {USER}"
    _, _, uid, gid, _, home, shell = (*entry, *[""] * 7)[:7]
    assert uid == UID, f"{USER} has uid {uid}, not {UID}"
    assert (_line(candidate, "/etc/group", USER) or ["", "", ""])[2] == gid, (
        f"the group of {USER} is not {USER}"
    )
    assert home == HOME, f"the home of {USER} is {home}, not {HOME}"
    assert shell == SHELL, f"the shell of {USER} is {shell}, not {SHELL}"
    worked = candidate.host_as(USER).run("cd %s && echo written >certify && rm certify", HOME)
    assert worked.rc == 0, f"{USER} cannot write to {HOME}"


def _line(candidate: Candidate, path: str, name: str) -> list[str] | None:
    """Return the fields of a line of passwd(5) or group(5); None if there is no such line."""
    text = (candidate.read_file(path) or b"").decode("utf-8", "replace")
    lines = (line.split(":") for line in text.splitlines())
    return next((fields for fields in lines if fields[0] == name and len(fields) > 2), None)


@check(
    "webdevops.tools",
    title="tools",
    needs=("image.shell",),
    remedy="Install what is missing (Debian, Ubuntu: wget curl git zip unzip rsync openssh-client "
    f"locales), and generate the locale {LOCALE}.",
)
def test_tools(candidate: Candidate, note: Note) -> None:
    """The tools that deployments call for are in the image, and so are languages.

    Why: applications are fetched, unpacked and synchronised by these, and print in the language
    of their users.

    How: each is on the PATH and tells its version; `locale -a`, where the C library has it, lists
    en_US.utf8.
    """
    missing = [name for name in APP_PROGRAMS if not candidate.has(name)]
    assert not missing, f"{', '.join(missing)} not in the image"
    broken = [name for name in APP_PROGRAMS if not _runs(candidate, name)]
    assert not broken, f"{', '.join(broken)} in the image, but cannot run"
    if candidate.has("locale"):  # musl has none, and needs none
        listed = candidate.run("locale -a").stdout
        found = re.search(rf"^{LOCALE}$", listed, re.MULTILINE | re.IGNORECASE)
        assert found, f"the locale {LOCALE} has not been generated"
    note(" ".join(APP_PROGRAMS))


def _runs(candidate: Candidate, name: str) -> bool:
    """Return True if a program starts at all; the option for its version differs."""
    return candidate.run("%s --version || %s -V || %s -v", name, name, name).rc not in (126, 127)
