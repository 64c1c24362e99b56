# SPDX-License-Identifier: MIT
"""Users of a host who call arkd over the bus, each by a process of their own in it."""

import ast
import contextlib
import json
import os
import pathlib
import secrets
import signal
import subprocess

from arkhost import BUS_NAME, BUS_PATH, wait_for

HERE = pathlib.Path(__file__).resolve().parent / "inside"
THERE = "/opt/ark-inside"
RULES = "/etc/polkit-1/rules.d"
EXAMPLE_RULE = "/usr/share/doc/arkd/examples/50-ark-group.rules"

MANAGER = f"{BUS_NAME}.Manager"
INSTANCE = f"{BUS_NAME}.Instance"
PRODUCT = f"{BUS_NAME}.Product"
LOG_PATH = "/org/freedesktop/LogControl1"
LOG_CONTROL = "org.freedesktop.LogControl1"
PROPERTIES = "org.freedesktop.DBus.Properties"


@contextlib.contextmanager
def programs(host):
    """The programs of inside/ in the host, runnable by everybody."""
    host.script("push", str(HERE), THERE)
    host.exec("chmod", "-R", "a+rX", THERE)
    try:
        yield THERE
    finally:
        host.exec("rm", "-r", THERE)


def as_user(name):
    """What is put before a command to run it as that user, with the user's groups."""
    return ["setpriv", f"--reuid={name}", f"--regid={name}", "--init-groups"]


def program(name, *arguments, user="root"):
    """The command line of one of inside/'s."""
    # In the host, of the host's own Python.
    return [*as_user(user), "/usr/bin/python3", f"{THERE}/{name}", *arguments]


class Caller:
    """A connection to the bus of one of the host's users."""

    def __init__(self, host, user, password=None):
        self.host, self.user = host, user
        self.uid = int(host.exec("id", "-u", user))
        extra = ["--password", password] if password else []
        self.process = subprocess.Popen(host.command(*program("caller.py", *extra, user=user)), text=True, bufsize=1,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
        self.asked = []
        self.name = ast.literal_eval(self.process.stdout.readline())

    def call(self, path, interface, member, signature="", body=(), **options):
        """(error's name or None, values or sentence). What polkit asked meanwhile is in asked."""
        print(repr(((path, interface, member, signature, body), options)), file=self.process.stdin)
        error, answer, self.asked = ast.literal_eval(self.process.stdout.readline())
        return error, answer

    def manager(self, member, signature="", body=(), **options):
        return self.call(BUS_PATH, MANAGER, member, signature, body, **options)

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.process.stdout.close()


@contextlib.contextmanager
def user(host, name, *groups):
    host.exec("useradd", "--user-group", *(["--groups", ",".join(groups)] if groups else []), name)
    try:
        yield name
    finally:
        host.exec("userdel", name)


@contextlib.contextmanager
def administrator(host, name):
    """A user by whose password polkit lets others do what needs an administrator. Yields the password."""
    password = secrets.token_hex(12)
    with user(host, name, "sudo"):
        host.exec("chpasswd", input=f"{name}:{password}\n")
        yield password


@contextlib.contextmanager
def polkit_rule(host, name, text, in_effect):
    """A rule of polkit's, until it is taken away; begins when in_effect() says that it counts."""
    path = f"{RULES}/{name}"
    host.exec("tee", f"{path}.new", input=text)
    host.exec("chmod", "0644", f"{path}.new")
    # In one go: polkit reads a file as soon as it is there, and half of it does not count.
    host.exec("mv", f"{path}.new", path)
    try:
        wait_for(f"polkit has read {name}", in_effect)
        yield
    finally:
        host.exec("rm", path)


@contextlib.contextmanager
def without_polkit(host):
    host.exec("systemctl", "mask", "--runtime", "--now", "polkit.service")
    try:
        yield
    finally:
        host.exec("systemctl", "unmask", "--runtime", "polkit.service")
        host.exec("systemctl", "start", "polkit.service")


@contextlib.contextmanager
def monitor(host, tmp_path):
    """Yields a function that answers what has been sent to and from arkd on the bus so far."""
    output = tmp_path / "monitor"

    def read():
        lines = output.read_text().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    with open(output, "w") as file:
        process = subprocess.Popen(host.command("busctl", "monitor", "--json=short", BUS_NAME), stdout=file,
                                   stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        wait_for("the monitor sees a call", lambda: host.bus_property("Version") and read())
        yield read
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


class Daemon:
    """arkd's process as it was, to see afterwards that it is the same and unharmed."""

    def __init__(self, host):
        self.host = host
        self.before = self.identity()
        self.memory, self.files = self.memory_kib(), self.open_files()

    def identity(self):
        return self.host.unit("arkd.service", "MainPID", "NRestarts", "ActiveState", "InvocationID")

    def proc(self, name):
        return self.host.path("/proc") / self.before["MainPID"] / name

    def memory_kib(self):
        status = dict(line.split(":", 1) for line in self.proc("status").read_text().splitlines())
        return int(status["RssAnon"].split()[0])

    def grown_kib(self):
        # A sanitizer keeps what was freed.
        return 0 if os.environ.get("ARK_SANITIZE") == "1" else self.memory_kib() - self.memory

    def open_files(self):
        return len(list(self.proc("fd").iterdir()))

    def assert_unharmed(self, more_kib, more_files=2):
        """The same process, with little more memory than before, and with its files closed again."""
        assert self.identity() == self.before
        wait_for("its files are closed", lambda: self.open_files() <= self.files + more_files)
        wait_for("its memory is back", lambda: self.grown_kib() <= more_kib)
