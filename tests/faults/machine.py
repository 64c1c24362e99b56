# SPDX-License-Identifier: MIT
"""The host that faults are put to: its processes, its disks, its registry, and the daemon that dies on demand."""

import contextlib
import http.client
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/host"))

from arkhost import Host, wait_for  # noqa: E402

DIE_AT = "/var/lib/arkd/die-at"
DROP_IN = "/run/systemd/system/arkd.service.d/faults.conf"
UNITS = ["nginx.service", "arkd.socket", "arkd-admin.socket", "arkd-local.socket", "arkd.service",
         "arkd-redis.service", "docker.socket", "docker.service", "containerd.service"]

# What talking to a daemon that dies may end in.
GONE = (OSError, http.client.HTTPException)


# Linked into it, as the host has no compiler's libraries.
SANITIZE = ["-Db_sanitize=address,undefined", "-Db_lundef=false", "-Dc_link_args=-static-libasan -static-libubsan"]
# Leaks are looked for elsewhere: here the daemon never comes to its end by itself.
SANITIZER_OPTIONS = "\n".join(["Environment=ASAN_OPTIONS=abort_on_error=1:detect_leaks=0",
                               "Environment=UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1:abort_on_error=1", ""])


def build_daemon(sanitize=False):
    """Builds arkd with its fault hooks and answers where it is."""
    build = TOP / ("build-faults-sanitized" if sanitize else "build-faults")
    options = SANITIZE if sanitize else []
    if not (build / "build.ninja").exists():
        subprocess.run(["meson", "setup", build, TOP, "-Dfault-hooks=true", "-Dtests=disabled", "-Dprefix=/usr",
                        "-Dsysconfdir=/etc", "-Dlocalstatedir=/var", *options], check=True, capture_output=True)
    done = subprocess.run(["ninja", "-C", build, "src/arkd/arkd"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:]
    return build / "src/arkd/arkd"


class Redis:
    """A connection to the store that asks one thing at a time."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(10)
        self.socket.connect(str(path))
        self.file = self.socket.makefile("rb")

    def close(self):
        self.file.close()
        self.socket.close()

    def ask(self, *words):
        words = [str(word).encode() for word in words]
        self.socket.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))
        return self.read()

    def read(self):
        line = self.file.readline().rstrip(b"\r\n")
        kind, rest = line[:1], line[1:]
        if kind == b"$":
            return None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2].decode()
        if kind == b"*":
            return [self.read() for _ in range(int(rest))]
        if kind == b":":
            return int(rest)
        if kind == b"+":
            return rest.decode()
        raise OSError(f"Redis: {line!r}")


class Machine(Host):
    def __init__(self, name):
        super().__init__(name)
        self.namespace = os.readlink(f"/proc/{self.leader}/ns/pid")

    # Life with hooks

    def prepare(self, sanitize=False):
        """Installs the daemon with hooks, and puts small disks under what it and Redis keep."""
        daemon = build_daemon(sanitize)
        self.exec("systemctl", "stop", *UNITS[1:6])
        self.script("push", str(daemon), "/usr/sbin/arkd")
        path = self.path(DROP_IN)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"[Service]\nEnvironment=ARKD_DIE_AT={DIE_AT}\n{SANITIZER_OPTIONS if sanitize else ''}")
        self.begun = time.time()
        for folder, size in (("/var/lib/arkd", "1m"), ("/var/lib/arkd-redis", "64m")):
            if self.run("mountpoint", "--quiet", folder).returncode:
                self.exec("sh", "-euc", 'cp -a "$1" "$1.kept" && mount -t tmpfs -o "size=$2" none "$1" &&'
                          ' cp -a "$1.kept/." "$1/" && rm -r "$1.kept"', "sh", folder, size)
        self.exec("systemctl", "daemon-reload")
        self.exec("systemctl", "start", *UNITS[1:6])
        self.disarm()
        self.wait_healthy()

    def restore(self):
        """Lets the daemon die no more; the small disks stay, as the host is there for this alone."""
        self.disarm()
        self.path(DROP_IN).unlink(missing_ok=True)
        self.exec("systemctl", "daemon-reload")

    def daemon_faults(self):
        """What arkd itself did wrong, by the journal: sanitizers' reports, failed assertions, signals but SIGKILL."""
        text = self.exec("journalctl", "--unit=arkd", "--output=cat", f"--since=@{int(self.begun)}", "--no-pager")
        marks = ("AddressSanitizer", "runtime error:", "Assertion", "status=6/ABRT", "status=11/SEGV", "core-dump",
                 "watchdog")
        return [line for line in text.splitlines() if any(mark in line for mark in marks)]

    def wait_back(self, seconds=60):
        """Waits until arkd, engine and store work again."""
        self.wait_healthy(seconds)

    # Death

    def processes(self, unit):
        """The processes of a unit, as this machine numbers them."""
        found = []
        for entry in os.listdir("/proc"):
            with contextlib.suppress(OSError):
                if entry.isdigit() and os.readlink(f"/proc/{entry}/ns/pid") == self.namespace and \
                        f"/system.slice/{unit}\n" in pathlib.Path(f"/proc/{entry}/cgroup").read_text():
                    found.append(int(entry))
        return sorted(found)

    def signal(self, unit, number=signal.SIGKILL):
        """Sends the unit's first process a signal; answers whether it had one."""
        found = self.processes(unit)
        if not found:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(found[0], number)
            return True
        return False

    def kill_daemon(self, seconds=20):
        """Kills arkd as it is, once it is there: again and again is possible."""
        wait_for("arkd runs", lambda: self.signal("arkd.service"), seconds, every=0.01)

    def arm(self, place):
        path = self.path(DIE_AT)
        part = path.with_name("die-at.part")
        part.write_text(place + "\n")
        part.chmod(0o644)
        part.rename(path)

    def disarm(self):
        """Takes the order back; answers whether it was still there."""
        try:
            self.path(DIE_AT).unlink()
            return True
        except FileNotFoundError:
            return False

    def armed(self):
        return self.path(DIE_AT).exists()

    @contextlib.contextmanager
    def frozen_daemon(self, ask):
        """arkd stands still as soon as it has answered what it was asked, which this gives."""
        process = self.processes("arkd.service")[0]
        answer = ask()
        os.kill(process, signal.SIGSTOP)
        try:
            yield answer
        finally:
            os.kill(process, signal.SIGCONT)

    # Disks, registry

    @contextlib.contextmanager
    def full_disk(self, folder):
        ballast = self.path(folder) / "ballast"
        with open(ballast, "wb", buffering=0) as file:
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"\0" * 4096)
        try:
            yield
        finally:
            ballast.unlink()

    @contextlib.contextmanager
    def without_registry(self):
        self.exec("systemctl", "kill", "--signal=KILL", "docker-registry.service")
        self.exec("systemctl", "stop", "docker-registry.service")
        try:
            yield
        finally:
            self.exec("systemctl", "start", "docker-registry.service")
            wait_for("the registry answers", self.registry_answers, 20)

    def registry_answers(self):
        try:
            self.connect_inside(5000).close()
            return True
        except OSError:
            return False

    @staticmethod
    def is_idle():
        """Whether this machine has a processor to spare, so that a second is a second."""
        return os.getloadavg()[0] < (os.cpu_count() or 1)

    # Both ends of the truth

    @contextlib.contextmanager
    def store(self):
        connection = Redis(self.path("/run/arkd-redis/redis.sock"))
        try:
            yield connection
        finally:
            connection.close()

    def engine_answers(self):
        try:
            self.engine("/_ping")
            return True
        except (AssertionError, ValueError, *GONE) as error:
            return isinstance(error, ValueError)  # "OK" is no JSON
