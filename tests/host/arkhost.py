# SPDX-License-Identifier: MIT
"""A booted host with the package: its commands, its HTTP listeners, its engine, its store, its bus."""

import contextlib
import copy
import ctypes
import fcntl
import functools
import http.client
import json
import os
import pathlib
import shlex
import socket
import subprocess
import time
import urllib.parse

TOP = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = TOP / "tests/host/host"
HOSTS = pathlib.Path(os.environ.get("ARK_TEST_CACHE", "/var/cache/ark-deploy-test")) / "hosts"
CLONE_NEWNET = 0x40000000

BUS_NAME = "network.ark.Deploy1"
BUS_PATH = "/network/ark/Deploy1"
# What arkd keeps when nothing is at work: those that curl keeps for the next question, and the stream of events.
ENGINE_CONNECTIONS_IDLE = 16 + 1
# Another one each time it boots.
BOOT_ID = "/proc/sys/kernel/random/boot_id"
# What is waited for is given for a machine that is left alone. Where much runs on it, it takes so many times as long.
PATIENCE = float(os.environ.get("ARK_TEST_PATIENCE", 1))


def wait_for(what, condition, seconds=20, every=0.05):
    """Calls condition() until it answers something true, and answers that. Gives up after so many seconds of patience."""
    seconds *= PATIENCE
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}; last: {value!r}")
        time.sleep(every)


class Answer:
    """What an HTTP server said."""

    def __init__(self, response, body):
        self.status = response.status
        self.headers = response.getheaders()
        self.body = body

    def all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name):
        values = self.all(name)
        assert len(values) <= 1, f"{name} was sent {len(values)} times"
        return values[0] if values else None

    @property
    def text(self):
        return self.body.decode()

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.headers} {self.body[:600]!r}>"

    def expect(self, status):
        assert self.status == status, f"{status} was expected: {self!r}"
        return self

    def expect_problem(self, status, field=None, saying=None):
        """A problem document (RFC 9457) that names the field, where it is about one, and a reason."""
        self.expect(status)
        assert self.header("Content-Type").split(";")[0] == "application/problem+json", repr(self)
        document = self.json
        assert document["status"] == status and document["title"] and document["detail"], document
        if field is not None:
            assert document.get("field") == field, document
            assert document["reason"], document
        if saying is not None:
            assert saying.lower() in document["detail"].lower(), document
        return document


class Connection(http.client.HTTPConnection):
    """Connects by a function, so that the socket may be a unix one or in another network."""

    def __init__(self, host, timeout, connector):
        super().__init__(host, timeout=timeout)
        self.connector = connector

    def connect(self):
        self.sock = self.connector()
        self.sock.settimeout(self.timeout)


class Client:
    """Speaks HTTP with one listener. Targets go over the wire as they are given."""

    def __init__(self, name, connector, token=None, timeout=30):
        self.name, self.connector, self.token, self.timeout = name, connector, token, timeout * PATIENCE

    def without_token(self):
        return self.with_token(None)

    def with_token(self, token):
        other = copy.copy(self)
        other.token = token
        return other

    def open(self, method, target, body=None, headers=(), timeout=None):
        """Sends a request; answers the connection and its response, whose body is not read yet."""
        headers = list(headers.items()) if isinstance(headers, dict) else list(headers)
        given = {key.lower() for key, _ in headers}
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            if "content-type" not in given:
                headers.append(("Content-Type", "application/json"))
        if self.token and "authorization" not in given:
            headers.append(("Authorization", f"Bearer {self.token}"))
        connection = Connection(self.name, timeout or self.timeout, self.connector)
        connection.putrequest(method, target, skip_host="host" in given, skip_accept_encoding=True)
        for key, value in headers:
            connection.putheader(key, value)
        if body is not None and not given & {"content-length", "transfer-encoding"}:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders()
        if body:
            try:
                connection.send(body)
            except (BrokenPipeError, ConnectionResetError):
                pass  # answered before it was read
        return connection, connection.getresponse()

    def ask(self, method, target, body=None, headers=(), timeout=None):
        connection, response = self.open(method, target, body, headers, timeout)
        try:
            return Answer(response, response.read())
        finally:
            connection.close()

    def get(self, target, **kwargs):
        return self.ask("GET", target, **kwargs)

    def post(self, target, body=None, **kwargs):
        return self.ask("POST", target, body, **kwargs)

    def put(self, target, body=None, **kwargs):
        return self.ask("PUT", target, body, **kwargs)

    def delete(self, target, **kwargs):
        return self.ask("DELETE", target, **kwargs)


class BusError(Exception):
    pass


class Host:
    def __init__(self, name):
        self.name = name
        self.find()
        self.address = self.script("address").strip()

    def script(self, verb, *arguments, timeout=120):
        command = [SCRIPT, verb, "--name", self.name, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=timeout * PATIENCE).stdout

    def find(self):
        self.leader = int((HOSTS / self.name / "leader").read_text())

    def reboot(self, *options):
        """Stops it and boots it again; waits until it is up."""
        booted = self.path(BOOT_ID).read_text()
        done = subprocess.run([SCRIPT, "reboot", "--name", self.name, *options], capture_output=True, text=True,
                              timeout=300 * PATIENCE)
        assert done.returncode == 0, f"the host does not come up again:\n{done.stderr}"
        self.find()
        assert self.path(BOOT_ID).read_text() != booted, "it was never down"

    # Commands and files

    def command(self, *arguments):
        return [str(SCRIPT), "exec", "--name", self.name, "--", *map(str, arguments)]

    def run(self, *arguments, input=None, timeout=90):
        """Runs a command in the host and answers what came of it, whether it succeeded or not."""
        return subprocess.run(self.command(*arguments), input=input, capture_output=True, text=True,
                              errors="replace", timeout=timeout * PATIENCE)

    def exec(self, *arguments, input=None, timeout=90):
        """Runs a command in the host, which must succeed, and answers what it printed."""
        done = self.run(*arguments, input=input, timeout=timeout)
        assert done.returncode == 0, f"{shlex.join(map(str, arguments))}: {done.returncode}\n{done.stderr}"
        return done.stdout.strip()

    def path(self, path):
        """A file of the host, as a path of this machine."""
        return pathlib.Path(f"/proc/{self.leader}/root{path}")

    @functools.cached_property
    def admin_token(self):
        return self.path("/etc/arkd/admin-token").read_text().strip()

    @functools.cached_property
    def proxy_key(self):
        return self.path("/etc/arkd/proxy-key").read_text().strip()

    # Network

    def socket(self, family=socket.AF_INET):
        """A socket in the host's own network."""
        libc = ctypes.CDLL(None, use_errno=True)
        with open("/proc/thread-self/ns/net") as own, open(f"/proc/{self.leader}/ns/net") as theirs:
            if libc.setns(theirs.fileno(), CLONE_NEWNET) < 0:
                raise OSError(ctypes.get_errno(), "setns")
            try:
                return socket.socket(family)
            finally:
                libc.setns(own.fileno(), CLONE_NEWNET)

    def connect_inside(self, port):
        connected = self.socket()
        connected.settimeout(10 * PATIENCE)
        try:
            connected.connect(("127.0.0.1", port))
        except OSError:
            connected.close()
            raise
        return connected

    def connect_outside(self, port, source=None):
        return socket.create_connection((self.address, port), timeout=10 * PATIENCE, source_address=source and (source, 0))

    def connect_unix(self, path):
        connected = socket.socket(socket.AF_UNIX)
        connected.settimeout(10 * PATIENCE)
        connected.connect(str(self.path(path)))
        return connected

    @property
    def public(self):
        """Port 3000, from the host itself: no quota."""
        return Client("localhost:3000", lambda: self.connect_inside(3000))

    @property
    def applications(self):
        """Port 3002, from the host itself."""
        return Client("localhost:3002", lambda: self.connect_inside(3002))

    def outside(self, source=None, port=3000):
        """The landing page or applications, from another machine."""
        return Client(f"{self.address}:{port}", lambda: self.connect_outside(port, source))

    @property
    def admin(self):
        return Client("localhost:3001", lambda: self.connect_inside(3001), self.admin_token)

    @property
    def local(self):
        # A delete waits for its job.
        return Client("127.0.0.1:5050", lambda: self.connect_inside(5050), self.admin_token, timeout=60)

    def unix(self, path):
        return Client("localhost", lambda: self.connect_unix(path))

    # Engine, store, units, bus

    def engine(self, target, method="GET", body=None):
        answer = self.unix("/run/docker.sock").ask(method, target, body)
        assert answer.status < 300, f"{method} {target}: {answer!r}"
        return answer.json if answer.body else None

    def container(self, name):
        return self.engine(f"/containers/{name}/json")

    def container_logs(self, name):
        return self.exec("docker", "logs", name)

    def redis(self, *arguments):
        return self.exec("redis-cli", "-s", "/run/arkd-redis/redis.sock", *arguments)

    def unit(self, name, *properties):
        text = self.exec("systemctl", "show", name, "--property", ",".join(properties))
        return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)

    @contextlib.contextmanager
    def paused(self, unit):
        """The unit's main process stands still meanwhile."""
        self.exec("systemctl", "kill", "--signal=STOP", "--kill-who=main", unit)
        try:
            yield
        finally:
            self.exec("systemctl", "kill", "--signal=CONT", "--kill-who=main", unit)

    def main_pid(self, unit="arkd.service"):
        """The unit's main process, as the host numbers it; 0 where there is none."""
        return int(self.unit(unit, "MainPID")["MainPID"])

    def descriptors(self):
        """How many files arkd has open, but for the connections to the engine that it keeps for its next question."""
        return len(self.open_files()) - self.engine_connections()

    def engine_connections(self):
        """How many connections to the engine arkd has; nobody else's count."""
        own = set(self.open_files())
        lines = self.exec("ss", "-Hx", "state", "connected").splitlines()
        # The engine's end has the name; the last column is the inode of the other end.
        return sum(f"socket:[{line.split()[-1]}]" in own for line in lines if "/docker.sock" in line)

    def open_files(self):
        """What arkd's descriptors are."""
        found = []
        for one in self.path(f"/proc/{self.main_pid()}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                found.append(os.readlink(one))
        return found

    def bus(self, member, signature="", *arguments, path=BUS_PATH, interface=f"{BUS_NAME}.Manager", user=None):
        """Calls a method with busctl and answers the values of its reply."""
        as_user = ["setpriv", f"--reuid={user}", "--regid=nogroup", "--clear-groups"] if user else []
        call = ["busctl", "--json=short", f"--timeout={60 * PATIENCE:g}", "call", BUS_NAME, path, interface, member]
        done = self.run(*as_user, *call, *([signature] if signature else []), *arguments)
        if done.returncode:
            raise BusError(done.stderr.strip())
        return json.loads(done.stdout)["data"] if done.stdout.strip() else []

    def bus_property(self, name, path=BUS_PATH, interface=f"{BUS_NAME}.Manager"):
        done = self.run("busctl", "--json=short", "get-property", BUS_NAME, path, interface, name)
        if done.returncode:
            raise BusError(done.stderr.strip())
        return json.loads(done.stdout)["data"]

    def journal(self, *arguments):
        """Entries of the journal, each a dictionary of its fields."""
        self.exec("journalctl", "--sync")
        text = self.exec("journalctl", "--no-pager", "--output=json", *arguments)
        return [json.loads(line) for line in text.splitlines()]

    def health(self):
        return self.public.get("/healthz").expect(200).json

    def wait_healthy(self, seconds=30):
        def healthy():
            try:
                return self.health()["status"] == "ok"
            except (OSError, AssertionError, http.client.HTTPException):
                return False
        wait_for("arkd, its engine and its store are there", healthy, seconds)


def take_name(name):
    """NAME, or where another run of the tests has that, NAME-2 and so on; it is this run's until the file is closed."""
    for taken in [name, *(f"{name}-{number}" for number in range(2, 20))]:
        HOSTS.mkdir(parents=True, exist_ok=True)
        lock = open(HOSTS.parent / f"test-{taken}.lock", "w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
        else:
            return taken, lock
    raise RuntimeError(f"all names like {name} are taken")


@contextlib.contextmanager
def booted(name):
    """A host with the package, booted for this and removed after it."""
    name, lock = take_name(name)
    with lock:
        try:
            up = subprocess.run([SCRIPT, "up", "--fresh", "--name", name], stdout=subprocess.PIPE, timeout=3600)
            assert up.returncode == 0, "the host does not come up; see what tests/host/host printed"
            yield Host(name)
        finally:
            subprocess.run([SCRIPT, "down", "--name", name], timeout=120)


def instance_path(url):
    return urllib.parse.urlsplit(url).path
