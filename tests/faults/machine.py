# SPDX-License-Identifier: MIT
"""The host that faults are put to: its processes, its disks, its registry, and the daemon that dies on demand."""

import contextlib
import http.client
import os
import pathlib
import signal
import socket
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/host"))

import daemon  # noqa: E402
from arkhost import PATIENCE, Host, wait_for  # noqa: E402
from relay import Relay  # noqa: E402

DIE_AT = "/var/lib/arkd/die-at"
UNITS = ["arkd-nginx.service", "arkd.socket", "arkd-admin.socket", "arkd-local.socket", "arkd.service",
         "arkd-redis.service", "docker.socket", "docker.service", "containerd.service"]

# What talking to a daemon that dies may end in.
GONE = (OSError, http.client.HTTPException)


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

    def keys(self):
        found, cursor = set(), "0"
        while True:
            cursor, some = self.ask("SCAN", cursor, "COUNT", 1000)
            found |= set(some)
            if cursor == "0":
                return found

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
    def find(self):
        super().find()
        self.namespace = os.readlink(f"/proc/{self.leader}/ns/pid")

    # Life with hooks

    def prepare(self, sanitize=False):
        """Installs the daemon with hooks."""
        daemon.install(self, sanitize, [f"Environment=ARKD_DIE_AT={DIE_AT}"])
        self.wrongs = daemon.Wrongs(self)
        self.disarm()

    def restore(self):
        """The package's daemon again, which does not die."""
        self.disarm()
        daemon.restore(self)

    def daemon_faults(self):
        """What arkd itself did wrong since this was asked last."""
        return self.wrongs.take()

    def wait_back(self, seconds=60):
        """Waits until arkd, engine and store work again."""
        self.wait_healthy(seconds)

    def wake_engine(self):
        """
        Docker 20.10 can lock itself up for good where containers come and go while names are asked for (moby 46661):
        it is restarted then, as arkd's errors say. Answers whether that was so.
        """
        for _ in range(2):
            with contextlib.suppress(AssertionError, *GONE):
                self.engine("/networks/ark_production")
                return False
        print("    the engine had locked itself up and is restarted", flush=True)
        self.run("systemctl", "reset-failed", "docker.service")
        self.exec("systemctl", "restart", "docker.service", timeout=150)
        return True

    def tell_journal(self, seconds):
        """What arkd logged in the last so many seconds: the host may be gone when it is asked."""
        told = self.run("journalctl", "--unit=arkd.service", f"--since=-{int(seconds) + 1}s", "--lines=400",
                        "--output=short-precise", "--no-pager", "--no-hostname")
        for line in told.stdout.splitlines():
            print(f"    | {line}", flush=True)

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

    def arm(self, *places):
        """The daemon dies at the first place, the next one at the second, and so on."""
        path = self.path(DIE_AT)
        part = path.with_name("die-at.part")
        part.write_text("".join(f"{place}\n" for place in places))
        part.chmod(0o644)
        part.rename(path)

    def disarm(self):
        """Takes the order back; answers how many places are left of it."""
        left = self.places_left()
        self.path(DIE_AT).unlink(missing_ok=True)
        return left

    def armed(self):
        return self.path(DIE_AT).exists()

    def places_left(self):
        try:
            return len(self.path(DIE_AT).read_text().splitlines())
        except FileNotFoundError:
            return 0

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
    def small_disk(self, folder, size):
        """A small disk is under the folder, until what is on it is put back."""
        self.swap(folder, 'cp -a "$1" "$1.kept"', f'mount -t tmpfs -o "size={size}" none "$1"',
                  'cp -a "$1.kept/." "$1/"', 'rm -r "$1.kept"')
        try:
            yield
        finally:
            self.swap(folder, 'cp -a "$1" "$1.kept"', 'umount "$1"', 'rm -r "$1"', 'mv "$1.kept" "$1"')

    def swap(self, folder, *script):
        self.exec("systemctl", "stop", *UNITS[1:6])
        self.exec("sh", "-euc", "; ".join(script), "sh", folder)
        self.exec("systemctl", "start", *UNITS[1:6])
        self.wait_back()

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
    def registry(self):
        """A way to the registry that lets nothing through until it is told to."""
        relay = Relay(self)
        try:
            yield relay
        finally:
            relay.cut()

    def retries_of_pulls(self, since):
        """Whether the engine has met the end of a connection in the middle of a pull."""
        return any("Download failed, retrying" in one["MESSAGE"]
                   for one in self.journal("--unit=docker", f"--since=@{since:.6f}"))

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
