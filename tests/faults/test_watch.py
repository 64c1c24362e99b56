# SPDX-License-Identifier: MIT
"""What the rounds would be blind without: a daemon that ends by itself, which systemd begins again at once, is seen."""

import os
import signal

import daemon
from machine import Machine, wait_for

def replaced(machine, pid):
    wait_for("another has taken its place", lambda: machine.main_pid() not in (0, pid), 20)
    machine.wait_healthy()


def test_a_death_by_hand_is_no_wrong(name):
    machine = Machine(name)
    machine.wait_healthy()
    wrongs, pid = daemon.Wrongs(machine), machine.main_pid()
    machine.kill_daemon()
    replaced(machine, pid)
    machine.exec("systemctl", "restart", "arkd.service")
    machine.wait_healthy()
    assert wrongs.take() == [] and wrongs.deaths == 1


def test_one_that_ends_well_by_itself_is_seen(name):
    machine = Machine(name)
    machine.wait_healthy()
    wrongs, pid = daemon.Wrongs(machine), machine.main_pid()
    machine.signal("arkd.service", signal.SIGTERM)
    replaced(machine, pid)
    assert len(wrongs.take()) == 1
    assert wrongs.take() == []


def test_one_that_ends_with_an_error_is_seen(name):
    machine = Machine(name)
    machine.wait_healthy()
    drop_in = machine.path(daemon.DROP_IN)
    drop_in.parent.mkdir(parents=True, exist_ok=True)
    # It ends with status 1 where the file is there, and takes that away.
    drop_in.write_text("[Service]\nExecStart=\nExecStart=/bin/sh -c 'rm /var/lib/arkd/end-once && exit 1; exec "
                       f"{daemon.INSTALLED}'\n")
    once = machine.path("/var/lib/arkd/end-once")
    wrongs = daemon.Wrongs(machine)
    try:
        machine.exec("systemctl", "daemon-reload")
        machine.exec("systemctl", "stop", *daemon.UNITS)
        once.write_text("")
        os.chown(once, *(getattr(machine.path("/var/lib/arkd").stat(), field) for field in ("st_uid", "st_gid")))
        machine.run("systemctl", "start", "arkd.service")
        wait_for("it has ended", lambda: not once.exists(), 20)
        machine.wait_healthy()
        said = wrongs.take()
    finally:
        once.unlink(missing_ok=True)
        drop_in.unlink()
        daemon.start(machine)
    assert any("status=1/FAILURE" in line for line in said), said
    assert any("result 'exit-code'" in line for line in said), said
