# SPDX-License-Identifier: MIT
import json
import shutil
import subprocess

import pytest

import conftest


@pytest.mark.parametrize("arguments, words", [
    (["shw"], 'Did you mean "show"?'),
    (["prodcut", "list"], 'Did you mean "product"?'),
    (["product", "lst"], 'Did you mean "product list"?'),
    (["product", "frob"], 'There is no verb "product frob". See "arkctl help product".'),
    (["xyzzy"], "arkctl --help"),
    (["show"], "Usage: arkctl show ID..."),
    (["deploy"], "Usage: arkctl deploy PRODUCT [CLIENT]"),
    (["deploy", "a", "b", "c"], '"c" is too much'),
    (["list", "--statsu=x"], "Did you mean --status?"),
    (["list", "-x"], "Option -x is not known"),
    (["list", "--json=yaml"], "pretty, short or off"),
    (["list", "--json"], "needs a value"),
    (["list", "--yes"], '"list" has no option --yes'),
    (["list", "--status=bad"], "pending, running"),
    (["logs", "x", "--lines=many"], "a number"),
    (["show", "x", "--lines=1001"], "a number"),
    (["-H", "-oProxyCommand=x", "list"], "a host's name"),
    (["-H", "a", "-M", "b", "list"], "exclude each other"),
])
def test_usage(bare, arguments, words):
    done = bare(*arguments, code=2)
    assert done.stdout == "" and words in done.stderr, done.stderr


def test_no_bus(bare):
    assert "Is dbus running?" in bare("list", code=5).stderr


def test_no_daemon(lonely):
    error = lonely("list", code=5).stderr
    assert error.startswith("Cannot read what there is: ") and "systemctl status arkd" in error
    assert lonely("deploy", "app", "Acme", code=5).stdout == ""
    out = lonely("status", code=5).stdout
    assert "arkd" in out and "What to do:" in out


def test_no_host(lonely):
    # ssh that cannot connect, as the bus library finds it.
    ssh = lonely.directory / "ssh"
    ssh.write_text("#!/bin/sh\nexit 255\n")
    ssh.chmod(0o755)
    env = {"PATH": f"{lonely.directory}:/usr/bin:/bin"}
    assert "Cannot reach the bus of nowhere over ssh" in lonely("-H", "nowhere", "list", env=env, code=5).stderr


@pytest.mark.skipif(not shutil.which("systemd-stdio-bridge"), reason="systemd-stdio-bridge is not installed")
def test_host(ctl):
    # ssh that runs what it is to run on the other host here.
    ssh = ctl.directory / "ssh"
    ssh.write_text(f"#!/bin/sh\necho \"$@\" >{ctl.directory}/ssh-said\n"
                   f"exec systemd-stdio-bridge --bus-path=unix:path={ctl.directory}/bus\n")
    ssh.chmod(0o755)
    env = {"PATH": f"{ctl.directory}:/usr/bin:/bin", "DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nowhere"}
    assert ctl("-H", "root@there", "list", env=env).stdout == ctl("list").stdout
    assert "root@there" in (ctl.directory / "ssh-said").read_text()
    assert ctl("-H", "there", "deploy", "app", "Acme", env=env).stdout.startswith("http://ark.test:3000/")
    skipped = [check["check"] for check in json.loads(ctl("-H", "there", "status", "-j", env=env).stdout)
               if check["verdict"] == "skipped"]
    assert "disk" in skipped and "memory" in skipped
    assert "-H root@HOST" in ctl("-H", "there", "delete", "--yes", "client_denied", env=env, code=4).stderr
    assert "-H root@HOST" not in ctl("delete", "--yes", "client_denied", code=4).stderr


def test_older_daemon(ctl_old):
    for arguments in (["restart", "abcd"], ["cleanup"], ["logs", "abcd"], ["keep", "abcd"], ["product", "edit", "app"]):
        error = ctl_old(*arguments, code=1).stderr
        assert "older than this arkctl" in error, error
    # What can be shown is.
    assert ctl_old("show", "abcd").stdout.startswith("● client_abcdefabcdef")


def test_output_that_cannot_be_written(ctl):
    with open("/dev/full", "w") as full:
        done = subprocess.run([conftest.ARKCTL, "list"], env=ctl.env, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1 and "could not be written" in done.stderr
