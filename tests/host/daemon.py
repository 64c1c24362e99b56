# SPDX-License-Identifier: MIT
"""arkd built and run in other ways than the package does, in the place of the package's."""

import fcntl
import platform
import re
import subprocess

from arkhost import TOP

INSTALLED = "/usr/sbin/arkd"
PACKAGED = "/usr/sbin/arkd.packaged"
DROP_IN = "/etc/systemd/system/arkd.service.d/another-daemon.conf"
# What may start it, and it.
UNITS = ["arkd.socket", "arkd-admin.socket", "arkd-local.socket", "arkd.service"]

# Linked into it, as the host has no compiler's libraries.
SANITIZE = ["-Db_sanitize=address,undefined", "-Db_lundef=false", "-Dc_link_args=-static-libasan -static-libubsan"]
# Leaks are looked for by valgrind: what watches for them here would need to trace the process.
# What was freed is held back for a while, by default 256 MiB of it.
SANITIZED = ["Environment=ASAN_OPTIONS=abort_on_error=1:detect_leaks=0:quarantine_size_mb=32",
             "Environment=UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1:abort_on_error=1"]

VALGRIND_FAILED = 99
VALGRIND = "/opt/valgrind"
PLATFORM = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
# It makes code as it runs, and calls the kernel in ways of its own; and all is slower by far. What is called is the
# tool itself, which is linked with nothing, so that any host can run it.
UNDER_VALGRIND = [
    "ExecStart=",
    f"ExecStart={VALGRIND}/memcheck-{PLATFORM}-linux --leak-check=full --errors-for-leak-kinds=definite"
    f" --show-leak-kinds=definite --num-callers=24 --error-exitcode={VALGRIND_FAILED} {INSTALLED}",
    f"Environment=VALGRIND_LIB={VALGRIND} VALGRIND_LAUNCHER={VALGRIND}/valgrind",
    "MemoryDenyWriteExecute=no", "SystemCallFilter=", "WatchdogSec=0", "TimeoutStartSec=120s", "TimeoutStopSec=120s"]

# What the journal says of one that did something wrong itself; then also where nobody else sent it a signal.
REPORTED = re.compile("AddressSanitizer|runtime error:|Assertion|status=11/SEGV")
CRASHED = re.compile(REPORTED.pattern + "|status=6/ABRT|core-dump|code=exited, status=|result '(?!signal')")
# A death by somebody's hand, and what follows it.
KILLED, BEGUN_AGAIN = "status=9/KILL", "Scheduled restart job"


def build(sanitize=False):
    """Builds arkd with its fault hooks, which do nothing where no order is given, and answers where it is."""
    build = TOP / ("build-faults-sanitized" if sanitize else "build-faults")
    build.mkdir(exist_ok=True)
    # Tests run side by side.
    with open(build / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (build / "build.ninja").exists():
            subprocess.run(["meson", "setup", build, TOP, "-Dfault-hooks=true", "-Dtests=disabled", "-Dprefix=/usr",
                            "-Dsysconfdir=/etc", "-Dlocalstatedir=/var", *(SANITIZE if sanitize else [])],
                           check=True, capture_output=True)
        done = subprocess.run(["ninja", "-C", build, "src/arkd/arkd"], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-4000:]
    return build / "src/arkd/arkd"


def install(host, sanitize=False, lines=()):
    """Puts another build in the place of the package's, with these lines in its unit besides what it needs itself."""
    built = build(sanitize)
    host.exec("systemctl", "stop", *UNITS)
    if not host.path(PACKAGED).exists():
        host.exec("mv", INSTALLED, PACKAGED)
    host.script("push", str(built), INSTALLED)
    drop_in = host.path(DROP_IN)
    drop_in.parent.mkdir(parents=True, exist_ok=True)
    drop_in.write_text("\n".join(["[Service]", *(SANITIZED if sanitize else []), *lines, ""]))
    start(host)


def restore(host):
    """The package's own again."""
    if host.path(PACKAGED).exists():
        host.exec("systemctl", "stop", *UNITS)
        host.path(DROP_IN).unlink(missing_ok=True)
        host.exec("mv", PACKAGED, INSTALLED)
        start(host)


def start(host):
    host.exec("systemctl", "daemon-reload")
    host.exec("systemctl", "start", *UNITS, timeout=150)
    host.wait_healthy()


def push_valgrind(host):
    """Gives the host what UNDER_VALGRIND needs of this machine's valgrind."""
    for name in (f"memcheck-{PLATFORM}-linux", f"vgpreload_core-{PLATFORM}-linux.so",
                 f"vgpreload_memcheck-{PLATFORM}-linux.so", "default.supp"):
        host.script("push", f"/usr/libexec/valgrind/{name}", f"{VALGRIND}/{name}")


class Wrongs:
    """
    What the journal tells of arkd's own wrongs, each once. Where only SIGKILL ends it (marks is CRASHED), it is wrong
    too that it ends by itself, however well: systemd begins it again before anybody misses it.
    """

    def __init__(self, host, marks=CRASHED):
        self.host, self.marks, self.cursor = host, marks, None
        self.killed = False
        self.deaths = 0  # by SIGKILL, so far
        self.take()
        self.deaths = 0

    def take(self):
        self.host.exec("journalctl", "--sync")
        since = [f"--after-cursor={self.cursor}"] if self.cursor else ["--lines=1"]
        lines = self.host.exec("journalctl", "--unit=arkd", "--output=cat", "--no-pager", "--show-cursor",
                               *since).splitlines()
        if lines and lines[-1].startswith("-- cursor: "):
            self.cursor = lines.pop().removeprefix("-- cursor: ")
        return [line for line in lines if self.is_wrong(line)]

    def is_wrong(self, line):
        if KILLED in line:
            self.killed = True
            self.deaths += 1
        elif BEGUN_AGAIN in line:
            of_itself, self.killed = not self.killed, False
            return of_itself and self.marks is CRASHED
        return bool(self.marks.search(line))
