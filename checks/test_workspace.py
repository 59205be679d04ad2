"""A person at work in the image: a user of their own, sudo, bash, downloads, git."""

import re
from functools import partial
from typing import NoReturn

import pytest

from certify.suite import PROBE_PORT, Candidate, Note, check, not_applicable, proven, unknown

KILLED = 137
"""Exit code of a process that was killed."""
CERTIFICATE_VARIABLES = ("CURL_CA_BUNDLE", "SSL_CERT_FILE")
"""Variables that name the file of certificates for curl, which fails without it."""
CLOSED_CERTIFICATES = r"""
for f in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/ca-bundle.pem
do
  [ ! -s $f ] || find -L $f ${f%/*} -maxdepth 0 \( -type f ! -perm -4 -o -type d ! -perm -1 \)
done 2>/dev/null"""
"""Prints the bundles of CA certificates, and their folders, that are closed to other users."""
WITHOUT_PROXY = "unset http_proxy HTTP_PROXY all_proxy ALL_PROXY; no_proxy=127.0.0.1"
"""Comes before a wget that asks certify's own server, which no proxy reaches. GNU's knows no ``*``
in no_proxy, which counts for a proxy of its configuration, too; busybox does not read it."""
OWN_CONFIGURATION = {
    "curl": ("curl -q -", "~/.curlrc, $XDG_CONFIG_HOME/.curlrc or ~/.config/curlrc"),
    "wget": (f"{WITHOUT_PROXY} wget --no-config -", "/etc/wgetrc or ~/.wgetrc"),
}
"""Commands that start a program without its own configuration, and the files of that."""
DENIES_SESSIONS = """\
cd /etc/pam.d && set -- su common-session system-auth && ! grep -qs pam_systemd "$@" \
&& grep -lsE '^-?session[[:space:]].*pam_deny' "$@\""""
"""Prints the files by which PAM may deny sessions; none where su would start a user's manager."""
SESSION_DENIED = "Cannot make/remove an entry for the specified session"
"""The answer of pam_deny (PAM_SESSION_ERR); limits that a launch withholds give another one."""


def _fetches(candidate: Candidate, command: str, word: str, env: str = "") -> bool:
    """Return True if the command prints the word, with ``env …`` before it if there is one."""
    words = (f"{env} sh -c %s", command) if env else (command,)
    return word in candidate.run(*words, timeout=20).stdout


def fail_without_login(candidate: Candidate, shell: str) -> None:
    """Fail if the login shell of the candidate's user runs no command, with the reason."""
    theirs = candidate.host_as(candidate.user)
    # A line of its own: what a login shell reads may print a title or a prompt before it.
    said = "false; echo; echo certify"

    def runs(option: str) -> bool:
        asked = theirs.run("cd ~ && %s %s %s", shell, option, said, timeout=30)
        if asked.rc == KILLED and not candidate.transcript[-1].timed_out:
            unknown("the user's login shell was killed")
        return "certify" in asked.stdout.splitlines()

    if runs("-lc"):
        return
    if shell.endswith("/bash") and "certify" not in candidate.run("bash -lc %s", said).stdout:
        candidate.defer_to("workspace.bash", "needs workspace.bash: no login shell of bash runs")
    problem = f"a user was created, but its login shell, {shell}, runs no command"
    if runs("-c"):
        proven(
            f"{problem}: /etc/profile, or a file from /etc/skel, ends it or holds it up",
            remedy="Remove what ends the shell of a user from /etc/profile, /etc/profile.d and "
            "/etc/skel in the image; programs that people see belong behind `[ ! -t 0 ] ||`.",
        )
    if theirs.run("[ -x %s ]", shell).rc == 1:
        proven(
            f"{problem}: other users than root may not execute it",
            remedy=f"Let everybody execute it in the image: chmod 755 {shell}.",
        )
    pytest.fail(problem)


@check(
    "workspace.user",
    title="user",
    needs=("image.shell",),
    provides="user",
    remedy="Install useradd (Debian, Ubuntu: passwd; Fedora: shadow-utils), and leave /etc/passwd "
    "and /home writable.",
)
def test_user(candidate: Candidate, note: Note) -> None:
    """A user with a home and a login shell can be created, and can work.

    Why: platforms create a user of their own for the person, and run everything as that user.

    How: creates one with useradd (or adduser), then, as that user, writes to its home, executes a
    script there, and runs a command in its login shell. Where a file of PAM denies sessions, su has
    to open one nevertheless.
    """
    user = candidate.user
    candidate.fail_if_closed("/home")
    shell = "/bin/bash" if candidate.has("/bin/bash") else "/bin/sh"
    for program in ("useradd", "adduser"):
        if not candidate.has(program) and candidate.has(f"/usr/sbin/{program}"):
            proven(
                f"{program} is in /usr/sbin, which is not on the image's PATH",
                remedy="Add /usr/local/sbin, /usr/sbin and /sbin to ENV PATH in the image.",
            )
    if candidate.has("useradd"):
        made = candidate.run("useradd --create-home --shell %s %s", shell, user)
    else:
        assert candidate.has("adduser"), "neither useradd nor adduser is in the image"
        made = candidate.run("adduser -D -s %s %s", shell, user)
        assert made.rc == 0, "a user cannot be created: there is no useradd, and adduser failed"
    assert made.rc == 0, "a user cannot be created"
    if {"/etc", "/etc/"} & {*(candidate.image_configuration.get("Volumes") or ())}:
        proven(
            "a user was created, but `docker exec --user` does not find it: the image declares a "
            "VOLUME over /etc, where engines do not look",
            remedy="Remove /etc from VOLUME in the image's Dockerfile.",
        )
    theirs = candidate.host_as(user)
    worked = theirs.run(
        'cd ~ && echo written >mine && read -r word <mine && echo "$word" && id -u && pwd'
    )
    env = candidate.image_configuration.get("Env") or ()
    if worked.rc != 0 and any(each.startswith("HOME=") for each in env):
        proven(
            "the image's ENV HOME sends every user to one folder, and a new one cannot write there",
            remedy="Remove ENV HOME from the image's Dockerfile: /etc/passwd has a home for each.",
        )
    assert worked.rc == 0 and worked.stdout.startswith("written"), (
        "a user was created, but cannot write to its own home"
    )
    assert worked.stdout.split()[1] != "0", "a user was created, but it is root"
    executed = theirs.run("cd ~ && echo '#!/bin/sh' >own && chmod u+x own && ./own && rm own")
    if executed.rc == 126:
        proven(
            "a user was created, but may execute nothing in its home, where editors and agents put "
            "their programs: it is mounted with noexec",
            remedy="Remove noexec from the mount of /home, or of what is above it: a line of "
            "/etc/fstab, or a unit in /etc/systemd/system in the image.",
        )
    fail_without_login(candidate, shell)
    home = worked.stdout.split("\n")[2]
    candidate.run("echo %s >/run/certify/users-file", f"{home}/mine")  # for systemd.restart
    denied = candidate.run(DENIES_SESSIONS).stdout.split()
    if denied and SESSION_DENIED in candidate.run("su %s -c 'id -u'", user).stderr:
        proven(
            f"a user was created, but PAM opens no session for it: /etc/pam.d/{denied[0]} has "
            "pam_deny",
            remedy="Restore the files in /etc/pam.d of the distribution (Debian, Ubuntu: "
            "pam-auth-update --force).",
        )
    note(f"uid {worked.stdout.split()[1]}")


@check(
    "workspace.sudo",
    title="sudo",
    needs=("workspace.user",),
    provides="sudo",
    remedy="Install sudo, with the default /etc/sudoers that includes /etc/sudoers.d.",
)
def test_sudo(candidate: Candidate) -> None:
    """The user becomes root with sudo, without a password.

    Why: people install what they need; platforms write the rule at launch.

    How: writes a NOPASSWD rule to /etc/sudoers.d; `sudo -n id -u`, as the user, says 0, and so
    does root's own login shell. Root runs a program as the user, as platforms start their agent.
    """
    assert candidate.has("sudo"), "sudo is not in the image"
    user = candidate.user
    file, grant = f"/etc/sudoers.d/{user}", "printf '%%s ALL=(ALL) NOPASSWD:ALL\\n' %s >%s"
    rule = candidate.run(f"{grant} && chmod 440 %s", user, file, file)
    assert rule.rc == 0, "a rule cannot be written to /etc/sudoers.d"

    def becomes_root(sudo: str) -> bool:
        return bool(candidate.host_as(user).run(f"{sudo} -n id -u").stdout.strip() == "0")

    if not becomes_root("sudo"):
        candidate.fail_if_hidden("sudo", becomes_root)
        pytest.fail("the user may not become root without a password")
    # At line feeds only: a carriage return before one belongs to the name of the shell.
    accounts = (candidate.read_file("/etc/passwd") or b"").decode("utf-8", "replace").split("\n")
    shells = [line.rpartition(":")[2] for line in accounts if line.startswith("root:")]
    shell = (shells or [""])[0] or "/bin/sh"
    if shell.endswith("\r"):
        proven(
            "root's login shell does not exist: the lines of /etc/passwd end as those of Windows "
            "do, and the carriage return counts as part of its name",
            remedy="Write the file with line feeds alone: sed -i 's/\\r$//' /etc/passwd.",
        )
    worked = candidate.host_as(user).run("sudo -n %s -c 'id -u'", shell)
    runs = worked.rc == 0 and worked.stdout.strip() == "0"
    dead = f"root's login shell, {shell}, runs nothing, so `sudo -i` and `su -` end at once"
    if not runs and shell.endswith("/bash") and candidate.run("bash -c :").rc != 0:
        candidate.defer_to("workspace.bash", f"needs workspace.bash: {dead}")
    listed = "" if runs else candidate.host_as(user).run("sudo -n -l").stdout
    if re.search(r"\bnoexec\b", listed, re.IGNORECASE):
        proven(
            "the user becomes root, but no program that sudo starts may start another (noexec), so "
            "neither `sudo -i` nor `sudo apt-get` works",
            remedy="Remove `Defaults noexec` from /etc/sudoers and /etc/sudoers.d in the image.",
        )
    if not runs and worked.rc != KILLED:
        proven(
            dead,
            remedy="Give root a login shell that is there and runs commands: usermod --shell "
            "/bin/bash root.",
        )
    assert runs, dead
    as_user = candidate.run("sudo -n -u %s id -u", user)
    problem = "root may not run a program as the user with sudo, as platforms start their agent"
    if as_user.rc == 1:  # sudo's own answer; other codes may have other causes
        proven(
            problem,
            remedy="Keep the line `root ALL=(ALL:ALL) ALL` in /etc/sudoers in the image, and no "
            "`Defaults !root_sudo`.",
        )
    assert as_user.rc == 0, problem


def fail_by_profile(candidate: Candidate) -> NoReturn:
    """Fail since bash does not run as a login shell, though it runs as another, with the reason."""
    asked = candidate.run("bash -lc 'case $- in *e*) echo; echo errexit ;; esac'")
    if "errexit" in asked.stdout.splitlines():
        proven(
            "the first command that fails ends each login shell: /etc/profile, or a file that it "
            "reads, has `set -e`",
            remedy="Remove `set -e` (set -euo pipefail, set -o errexit) from /etc/profile and "
            "/etc/profile.d in the image: what they set stays for the whole session.",
        )
    proven(
        "bash does not run as a login shell: /etc/profile, or a file that it reads, ends it",
        remedy="Remove what ends the shell, or replaces it (exec), from /etc/profile and "
        "/etc/profile.d in the image.",
    )


@check(
    "workspace.bash",
    title="bash",
    needs=("image.shell",),
    provides="bash",
    remedy="Install bash.",
)
def test_bash(candidate: Candidate, note: Note) -> None:
    """bash runs, also as a login shell and by /usr/bin/env.

    Why: platforms start their agent with bash, and people expect it; most scripts begin with
    `#!/usr/bin/env`.

    How: `bash -lc` goes on after a command that fails, prints its version and the length of an
    array, and finds a program. `/usr/bin/env` starts bash.
    """
    # A line of its own: what a login shell reads may print a title or a prompt before it.
    script = 'false; a=(1 2 3); echo; echo "certify $BASH_VERSION ${#a[@]}"; command -v cat'
    answer = re.compile(r"^certify (\S+) 3$", re.MULTILINE)
    asked = candidate.run("bash -lc %s", script)
    said = answer.search(asked.stdout)
    if said and asked.rc != 0 and candidate.has("cat"):
        candidate.run("bash -lc 'echo \"$PATH\"'")
        proven(
            "bash finds no programs as a login shell: /etc/profile, or a file that it reads, takes "
            "/bin and /usr/bin from PATH",
            remedy="Remove what sets or unsets PATH from /etc/profile.d in the image, or let it "
            "add to $PATH.",
        )
    if not said and answer.search(candidate.run("bash -c %s", script).stdout):
        fail_by_profile(candidate)
    if asked.rc != 0:
        candidate.fail_if_by_variable(
            "bash does not run", lambda env: candidate.run(f"{env} bash -lc :").rc == 0
        )
    assert asked.rc == 0 or candidate.run("bash -c :").rc == 0, "bash does not run"
    assert said, "what is called bash is not bash"
    if candidate.run("/usr/bin/env bash -c :").rc in (126, 127):  # not executable, not found
        proven(
            "no script that begins with #!/usr/bin/env runs",
            remedy="Install coreutils in the image again, or link what it has elsewhere: "
            'ln -sf "$(command -v env)" /usr/bin/env.',
        )
    note(f"bash {said[1]}")


def fail_without_localhost(candidate: Candidate) -> None:
    """Fail since the name localhost is not resolved, with the reason."""
    candidate.fail_if_closed(reported_by="workspace.user")
    problem = "the name localhost is not resolved"
    if candidate.run("grep -qE '^hosts:.*files' /etc/nsswitch.conf").rc == 1:
        proven(
            f"{problem}: the line hosts: of /etc/nsswitch.conf in the image has no files",
            remedy="Write `hosts: files dns` in /etc/nsswitch.conf in the image.",
        )
    proven(
        f"{problem}: the image hides or overwrites the /etc/hosts of the engine",
        remedy="Find what mounts over /etc, or writes /etc/hosts when the image starts, and remove "
        "it.",
    )


@check(
    "workspace.download",
    title="download",
    needs=("image.shell",),
    provides="download",
    remedy="Install curl (or wget) and ca-certificates.",
)
def test_download(candidate: Candidate, note: Note) -> None:
    """A file can be downloaded with curl or wget, and HTTPS has certificates to trust.

    Why: platforms fetch their agent this way at each start.

    How: fetches a fresh word from certify's own HTTP server inside the container; looks for
    the bundle of CA certificates, which everybody has to be able to read, and whether getent, where
    there is one, resolves localhost. No other host is contacted.
    """
    word = f"download-{candidate.nonce}"
    head = f"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {len(word)}\r\n\r\n"
    server = candidate.add_server("http", head + word)
    url = f"http://127.0.0.1:{PROBE_PORT}/"
    tools = {
        "curl": f"curl -fsS --max-time 10 --noproxy '*' {url}",
        "wget": f"{WITHOUT_PROXY} wget -qO- {url}",
        "busybox": f"{WITHOUT_PROXY} busybox wget -qO- {url}",
    }
    # Platforms ask busybox for its wget only where neither of the others is there.
    present = [tool for tool in ("curl", "wget") if candidate.has(tool)]
    present = present or ["busybox"] * candidate.has("busybox")
    assert present, "neither curl nor wget is in the image"
    pid = candidate.run(f"{server} </dev/null >/dev/null 2>&1 & echo $!").stdout.strip()
    try:
        for tool in present:
            fetches = partial(_fetches, candidate, tools[tool], word)
            if candidate.wait_for(fetches, seconds=5, pause=0.05):
                continue
            problem = f"{tool} is in the image, but downloads nothing"
            candidate.fail_if_by_variable(problem, fetches)
            without, files = OWN_CONFIGURATION.get(tool, ("", ""))
            if without and _fetches(candidate, without + tools[tool].partition("-")[2], word):
                proven(
                    f"{problem} because of its configuration in the image: without it, it works",
                    remedy=f"Remove it from the image, or what it sets beyond the usual: {files}.",
                )
            pytest.fail(problem)
    finally:
        candidate.run("kill %s", pid)
    for name in CERTIFICATE_VARIABLES if "curl" in present else ():
        if candidate.run(f'[ -z "${{{name}-}}" ] || [ -r "${name}" ]').rc != 0:
            proven(
                f"HTTPS has no certificates because of the image's ENV {name}: it names a file "
                "that is not there",
                remedy=f"Remove ENV {name} from the image's Dockerfile.",
            )
    if candidate.is_missing("download"):
        candidate.fail_if_unusable("download")
        tools_named = " and ".join(present)
        pytest.fail(f"{tools_named} can download, but no CA certificates are there for HTTPS")
    if closed := candidate.run(CLOSED_CERTIFICATES).stdout.split():
        proven(
            f"HTTPS has no certificates for other users than root, to whom {closed[0]} is closed",
            remedy="Open it in the image: chmod 755 /etc/ssl /etc/ssl/certs, and chmod 644 the "
            "bundle in it.",
        )
    if candidate.has("getent") and candidate.run("getent hosts localhost").rc == 2:
        fail_without_localhost(candidate)
    note(" and ".join(present))


@check(
    "workspace.git",
    title="git",
    needs=("image.shell",),
    provides="git",
    remedy="Install git.",
)
def test_git(candidate: Candidate, note: Note) -> None:
    """git can make a commit.

    Why: work begins with a clone and ends with a commit.

    How: in a fresh folder: init, commit, and the commit's hash.
    """
    assert candidate.has("git"), "git is not in the image"
    folder = f"/run/certify/git-{candidate.nonce}"

    def commits(env: str) -> bool:
        commands = (
            f"rm -rf {folder} && git init -q {folder} && cd {folder} && "
            "git -c user.name=certify -c user.email=certify@localhost "
            "commit -q --allow-empty -m first && git rev-parse HEAD"
        )
        return bool(candidate.run(f"{env} sh -c %s", commands).rc == 0)

    if not commits(""):
        problem = "git is in the image, but cannot make a commit"
        candidate.fail_if_by_variable(problem, commits)
        is_valid = candidate.run("git config --list --system >/dev/null").rc == 0
        if is_valid and commits("env GIT_CONFIG_NOSYSTEM=1 HOME=/nonexistent"):
            proven(
                f"{problem} because of its configuration in the image: without it, it works",
                remedy="Remove what hinders it (git config --list --show-origin shows it all): "
                "commit.gpgSign, core.hooksPath, init.templateDir, and what they name.",
            )
        pytest.fail(problem)
    note(candidate.run("git --version").stdout.strip())


@check(
    "workspace.locale",
    title="locale",
    needs=("image.shell",),
    remedy="Install the locale that ENV LANG or LC_ALL names, or set it to C.UTF-8, which every "
    "glibc since 2.35 has.",
)
def test_locale(candidate: Candidate, note: Note) -> None:
    """The locale that the image sets exists in it.

    Why: otherwise every perl, bash and python complains, and falls back to ASCII.

    How: `locale` prints no complaint. Under musl, every name is a locale.
    """
    pairs = [each.partition("=") for each in candidate.image_configuration.get("Env") or ()]
    variables = {name: value for name, _, value in pairs}
    # certify's own shell sets LC_ALL, so that messages are in English.
    asked = candidate.run("LC_ALL=%s locale charmap", variables.get("LC_ALL", ""))
    if asked.rc == 127:
        named = next(filter(None, map(variables.get, ("LC_ALL", "LC_CTYPE", "LANG"))), "")
        if named not in ("", "C", "POSIX", "C.UTF-8"):
            not_applicable(f"the image sets {named}, and has no program to ask about it")
        return note(named or "none is set")
    # Only lines about locales: a library that is preloaded and missing complains here too.
    complaints = [line for line in asked.stderr.splitlines() if "locale" in line.lower()]
    assert not complaints, f"the image sets a locale that it lacks: {complaints[0].strip()}"
    return note(asked.stdout.strip())


@check(
    "workspace.clock",
    title="time zone",
    needs=("image.shell",),
    remedy="Leave the time zone to the platform: no ENV TZ, and Etc/UTC in /etc/localtime.",
)
def test_clock(candidate: Candidate) -> None:
    """The clock shows UTC.

    Why: logs of several machines are compared line by line, and people elsewhere expect no zone
    but their own.

    How: the offset that `date` prints.
    """
    offset = candidate.run("date +%z").stdout.strip()
    assert offset == "+0000", f"the offset is {offset or 'unknown'}"
