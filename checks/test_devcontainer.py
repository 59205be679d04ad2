"""Development Containers: the steps of their tools before anybody works in an image."""

import json

from certify.suite import Candidate, Note, check, proven

FOLDER = "/tmp/dev-container-features/certify_0"
INSTALL = r"""#!/bin/sh
set -e
[ "$(id -u)" = 0 ] || { echo "install.sh does not run as root" >&2; exit 1; }
[ -d "$_REMOTE_USER_HOME" ] || { echo "$_REMOTE_USER has no home" >&2; exit 1; }
mkdir -p /usr/local/bin
printf '#!/bin/sh\necho "%s $(cat "%s")"\n' "$GREETING" "$_REMOTE_USER_HOME/.certify-feature" \
  >/usr/local/bin/certify-feature
chmod 755 /usr/local/bin/certify-feature
echo "to $_REMOTE_USER" >"$_REMOTE_USER_HOME/.certify-feature"
chown "$_REMOTE_USER" "$_REMOTE_USER_HOME/.certify-feature"
chmod 600 "$_REMOTE_USER_HOME/.certify-feature"
"""
# What the tool runs around install.sh: it looks the homes up, and exports them and the options.
SETUP = r"""home() {
  { getent passwd "$1" 2>/dev/null || grep "^$1:" /etc/passwd; } | cut -d: -f6
}
_CONTAINER_USER=%s _REMOTE_USER=%s GREETING=%s
_CONTAINER_USER_HOME=$(home "$_CONTAINER_USER") _REMOTE_USER_HOME=$(home "$_REMOTE_USER")
export _CONTAINER_USER _REMOTE_USER _CONTAINER_USER_HOME _REMOTE_USER_HOME GREETING
(cd %s && chmod -R 0755 . && chmod +x ./install.sh && ./install.sh)
"""
REMOVE = """home=$(echo ~%s); rm -rf /tmp/dev-container-features /usr/local/bin/certify-feature
rm -f "$home/.certify-feature"
"""
# Prints the home of a user who cannot write there, as ls does.
CLOSED_HOME = "cd / && [ -w ~ ] || ls -ld ~"


def users(candidate: Candidate) -> tuple[str, str]:
    """Return the user of the container and the remote user, as an image names them.

    Source: containers.dev, "Image metadata"; the last entry of the label that has a key decides.
    """
    configuration = candidate.image_configuration
    shipped = str(configuration.get("User") or "root").partition(":")[0]
    try:
        label = json.loads((configuration.get("Labels") or {}).get("devcontainer.metadata", "[]"))
    except (ValueError, RecursionError):
        label = []
    entries = [
        each for each in (label if isinstance(label, list) else [label]) if isinstance(each, dict)
    ]
    named = {
        key: value for each in entries for key, value in each.items() if isinstance(value, str)
    }
    container = named.get("containerUser", shipped)
    return container, named.get("remoteUser", container)


@check(
    "devcontainer.feature",
    title="a Feature",
    needs=("image.shell",),
    remedy="Give the image's user (USER, or remoteUser in its label devcontainer.metadata) an "
    "entry in /etc/passwd and a home, and keep /tmp and /usr/local/bin writable for root.",
)
def test_feature(candidate: Candidate, note: Note) -> None:
    """A Feature can be installed, and the user whom tools work as has it.

    Why: people add languages and tools to a Development Container as Features, so a base image
    in which they fail is of little use.

    How: makes a Feature that needs nothing, and does what the tool does: install.sh runs as root
    in the Feature's folder, with the option, both users and their homes as environment. Then the
    user runs what it installed, which reads a file in the user's home.
    """
    container, remote = users(candidate)
    feature = json.dumps({"id": "certify", "version": "1.0.0", "name": "certify"})
    written = candidate.run(
        "mkdir -p %s && printf %%s %s >%s && printf %%s %s >%s", FOLDER,
        feature, f"{FOLDER}/devcontainer-feature.json", INSTALL, f"{FOLDER}/install.sh",
        shown="(writes a Feature)",
    )  # fmt: skip
    assert written.rc == 0, f"root cannot write the Feature to {FOLDER}"
    installed = candidate.run(SETUP, container, remote, candidate.nonce, FOLDER)
    try:
        said = (installed.stderr.strip() or f"exit code {installed.rc}").splitlines()[-1]
        assert installed.rc == 0, f"the Feature's install.sh failed: {said}"
        used = candidate.host_as(remote).run("certify-feature")
        works = used.rc == 0 and used.stdout.strip() == f"{candidate.nonce} to {remote}"
        closed = "" if works else candidate.host_as(remote).run(CLOSED_HOME).stdout.strip()
        if closed:
            remedy = f"Give it to the user in the image: chown -R {remote}: {closed.split()[-1]}."
            proven(f"{remote} cannot write to its home: {closed}", remedy=remedy)
        assert works, f"the Feature was installed, but {remote} cannot use it"
    finally:
        candidate.run(REMOVE, remote)
    note(f"for {remote}")
