# SPDX-License-Identifier: MIT
"""arkctl from elsewhere: -M into a container or the host itself, -H through a real ssh to a real sshd."""

import contextlib
import json

import pytest

import callers

KEY = "/root/.ssh/ark-test"
STRANGER = "remote-stranger"
CONFIG = f"""Host ark-root ark-stranger
    HostName 127.0.0.1
    IdentityFile {KEY}
    IdentitiesOnly yes
    StrictHostKeyChecking accept-new
    UserKnownHostsFile /root/.ssh/ark-test-hosts
Host ark-stranger
    User {STRANGER}
Host ark-nobody
    HostName 127.0.0.1
    Port 1
"""


@pytest.fixture(scope="module")
def ssh(host):
    """Root's ssh knows ark-root and ark-stranger, both this very host, and ark-nobody, where nothing listens."""
    with contextlib.ExitStack() as stack:
        stack.callback(host.exec, "rm", "-rf", "/root/.ssh", f"/home/{STRANGER}")
        host.exec("systemctl", "start", "ssh.service")
        host.exec("useradd", "--user-group", "--create-home", "--shell", "/bin/bash", STRANGER)
        # By force: its last session may be about to end.
        stack.callback(host.run, "userdel", "--force", STRANGER)
        host.exec("install", "-d", "-m", "0700", "/root/.ssh")
        host.exec("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", KEY)
        host.exec("tee", "/root/.ssh/config", input=CONFIG)
        host.exec("cp", f"{KEY}.pub", "/root/.ssh/authorized_keys")
        host.exec("install", "-d", "-o", STRANGER, "-g", STRANGER, "-m", "0700", f"/home/{STRANGER}/.ssh")
        host.exec("install", "-o", STRANGER, "-g", STRANGER, "-m", "0600", f"{KEY}.pub",
                  f"/home/{STRANGER}/.ssh/authorized_keys")
        yield


def listed(host, *place):
    return {one["id"] for one in json.loads(host.exec("arkctl", *place, "list", "--json=short"))}


def test_the_host_itself_as_a_machine(host, work):
    instance = work.order(work.quick())
    assert instance.id in listed(host, "-M", ".host")
    with callers.user(host, STRANGER):
        done = host.run(*callers.as_user(STRANGER), "arkctl", "-M", ".host", "list", "--json=short")
        assert done.returncode == 4 and "needs root. Try again as root." in done.stderr, done


@pytest.mark.parametrize("place, status, sentence", [
    (["-M", "nosuch"], 5, "container nosuch: none of that name runs. \"machinectl list\" shows those that run."),
    (["-M", "no such"], 5, "container no such: Invalid argument."),
    (["-M", ""], 2, "--machine= is not valid."),
    (["-M", ".host", "-H", "localhost"], 2, "--host= and --machine= exclude each other."),
    (["-H", "ark-nobody"], 5, "Does \"ssh ark-nobody\" work, and is arkd installed there?"),
    (["-H", "-oProxyCommand=true"], 2, "--host=-oProxyCommand=true is not valid."),
])
def test_places_that_are_not_there(host, ssh, place, status, sentence):
    done = host.run("arkctl", *place, "list")
    assert (done.returncode, done.stdout) == (status, ""), done
    assert sentence in done.stderr and done.stderr[-2:] in (".\n", "?\n"), done.stderr


def test_a_whole_life_over_ssh(host, work, ssh):
    """As on the host itself: progress, the link at the end, the logs, and the deletion's end."""
    done = host.run("arkctl", "-H", "ark-root", "deploy", work.quick(), "Far away")
    assert done.returncode == 0, done.stderr
    link = done.stdout.splitlines()[-1]
    id = link.rstrip("/").rpartition("/")[2]
    work.adopt(id)
    assert id in listed(host, "-H", "ark-root") and "health: " in done.stderr
    assert "Far away" in host.exec("arkctl", "-H", "ark-root", "show", id)
    assert "app" in host.exec("arkctl", "-H", "ark-root", "logs", id)
    host.exec("arkctl", "-H", "ark-root", "delete", "--yes", id)
    assert id not in listed(host, "-H", "ark-root")


def test_rights_are_those_of_the_user_there(host, work, ssh):
    """Root here is nobody in particular there."""
    instance = work.deploy(work.quick())
    assert instance.id in listed(host, "-H", "ark-stranger")
    done = host.run("arkctl", "-H", "ark-stranger", "delete", "--yes", instance.id)
    assert done.returncode == 4 and "needs an administrator" in done.stderr, done
    assert instance.state()["status"] == "running"
