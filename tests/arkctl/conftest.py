# SPDX-License-Identifier: MIT
"""
Tests of arkctl against a small arkd (fake-arkd.c) on a bus of their own. ARKCTL and FAKE_ARKD name the programs;
"meson test" does so.
"""

import os
import pathlib
import pty
import select
import signal
import subprocess
import time

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
ARKCTL = os.environ.get("ARKCTL")
FAKE_ARKD = os.environ.get("FAKE_ARKD")
DEADLINE = 20

BUS_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path={path}/bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow receive_sender="*"/>
<allow own="*"/><allow user="*"/></policy></busconfig>
"""


def pytest_collection_modifyitems(items):
    if ARKCTL and FAKE_ARKD:
        return
    for item in items:
        if {"bare", "lonely"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.skip(reason="ARKCTL and FAKE_ARKD do not name the programs"))


class Terminal:
    """arkctl on a terminal of its own."""

    def __init__(self, arguments, env, columns=80):
        self.shown = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe(arguments[0], arguments, {**env, "COLUMNS": str(columns)})

    def read_until(self, text=None):
        """What was shown up to this text, or to the end."""
        end = time.monotonic() + DEADLINE
        while text is None or text not in self.shown:
            assert time.monotonic() < end, f"{text!r} does not come, but {self.shown!r}"
            ready, _, _ = select.select([self.fd], [], [], 0.2)
            if not ready:
                continue
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                data = b""
            if not data:
                assert text is None, f"{text!r} does not come, but {self.shown!r}"
                break
            self.shown += data.decode()
        return self.shown

    def type(self, text):
        os.write(self.fd, text.encode())

    def interrupt(self):
        self.type("\x03")

    def wait(self):
        """The exit code, when all was shown."""
        self.read_until()
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status)


class Ctl:
    """Runs arkctl, and knows what it asked of the service."""

    def __init__(self, directory):
        self.directory = directory
        self.env = {key: value for key, value in os.environ.items()
                    if key in ("PATH", "HOME", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS")}
        self.env.update(LANG="C.UTF-8", TZ="UTC", TERM="xterm",
                        DBUS_SYSTEM_BUS_ADDRESS=f"unix:path={directory}/bus")
        self.processes = []

    def start_bus(self):
        config = self.directory / "bus.conf"
        config.write_text(BUS_CONFIG.format(path=self.directory))
        daemon = subprocess.Popen(["dbus-daemon", f"--config-file={config}", "--nofork", "--nopidfile",
                                   "--print-address"], stdout=subprocess.PIPE)
        self.processes.append(daemon)
        assert daemon.stdout.readline()

    def start_service(self, *arguments):
        self.log = open(self.directory / "calls", "w+")
        service = subprocess.Popen([FAKE_ARKD, *arguments], stdout=self.log, env=self.env)
        self.processes.append(service)
        end = time.monotonic() + DEADLINE
        while "ready" not in self.calls():
            assert service.poll() is None and time.monotonic() < end, "fake-arkd does not start"
            time.sleep(0.01)

    def stop(self):
        for process in reversed(self.processes):
            process.send_signal(signal.SIGTERM)
            process.wait(DEADLINE)

    def calls(self):
        return pathlib.Path(self.directory / "calls").read_text().splitlines()

    def __call__(self, *arguments, env=None, input=None, code=0):
        """Runs it to its end, which must be this exit code."""
        done = subprocess.run([ARKCTL, *arguments], env={**self.env, **(env or {})}, input=input, timeout=DEADLINE,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              stdin=subprocess.DEVNULL if input is None else None)
        assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def terminal(self, *arguments, env=None, columns=80):
        return Terminal([ARKCTL, *arguments], {**self.env, **(env or {})}, columns)


@pytest.fixture
def bare(tmp_path):
    """Without a bus."""
    yield Ctl(tmp_path)


@pytest.fixture
def lonely(tmp_path):
    """A bus, and no arkd on it."""
    ctl = Ctl(tmp_path)
    ctl.start_bus()
    yield ctl
    ctl.stop()


@pytest.fixture
def ctl(lonely):
    lonely.start_service()
    yield lonely


@pytest.fixture
def ctl_old(lonely):
    lonely.start_service("--old")
    yield lonely
