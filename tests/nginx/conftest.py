# SPDX-License-Identifier: MIT
"""A real nginx with the site as shipped, in front of a fake arkd and fake applications."""

import itertools
import os
import pathlib
import shutil
import socket
import socketserver
import subprocess
import threading
import time

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
KEY = "test-proxy-key"


class Message:
    """A request or an answer as it went over the wire: the first line, headers and body."""

    def __init__(self, first, headers, body=b""):
        self.first, self.headers, self.body = first, headers, body

    @property
    def target(self):
        return self.first.split(" ")[1]

    @property
    def status(self):
        return int(self.first.split(" ")[1])

    @property
    def text(self):
        return self.body.decode()

    def all(self, name):
        return [v for k, v in self.headers if k.lower() == name.lower()]

    def get(self, name):
        values = self.all(name)
        assert len(values) <= 1, f"{name} was sent {len(values)} times"
        return values[0] if values else None


def read_head(stream):
    first = stream.readline().decode("latin-1").rstrip("\r\n")
    if not first:
        return None
    headers = []
    while (line := stream.readline().decode("latin-1").rstrip("\r\n")):
        name, _, value = line.partition(":")
        headers.append((name, value.strip()))
    return Message(first, headers)


def read_body(stream, message, until_close=False):
    if "chunked" in (message.get("Transfer-Encoding") or ""):
        while (size := int(stream.readline().split(b";")[0], 16)):
            message.body += stream.read(size)
            stream.readline()
        stream.readline()
    elif (length := message.get("Content-Length")) is not None:
        message.body = stream.read(int(length))
    elif until_close:
        message.body = stream.read()
    return message


class _Handler(socketserver.StreamRequestHandler):
    def handle(self):
        request = read_head(self.rfile)
        if request is None:
            return
        owner = self.server.owner
        if owner.reads_body:
            read_body(self.rfile, request)
        owner.requests.append(request)
        answer = owner.answer(request, self)
        if answer is not None:
            status, headers, body = answer
            head = f"HTTP/1.1 {status} Said\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers)
            if status != 204:
                head += f"Content-Length: {len(body)}\r\n"
            self.wfile.write(head.encode() + b"Connection: close\r\n\r\n" + body)


class _Tcp(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
    request_queue_size = 128


class _Unix(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 128


class Peer:
    """A server that records what it is asked. `answer` is replaced by the tests."""

    reads_body = True

    def __init__(self, path=None):
        self.path = path
        self.requests = []
        self.server = None
        self.start()

    def start(self):
        if self.path:
            self.path.unlink(missing_ok=True)
            self.server = _Unix(str(self.path), _Handler)
            self.path.chmod(0o777)
        else:
            self.server = _Tcp(("127.0.0.1", 0), _Handler)
            self.address = "127.0.0.1:%d" % self.server.server_address[1]
        self.server.owner = self
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def answer(self, request, handler):
        return 200, [("Content-Type", "text/plain")], f"app {request.target}".encode()

    @property
    def last(self):
        return self.requests[-1]


class Arkd(Peer):
    """Knows where instances are; everything else it answers with a problem document of its own."""

    def __init__(self, path):
        self.routes = {}
        self.status = None
        super().__init__(path)

    def run(self, instance, app, prefix="strip"):
        address = app if isinstance(app, str) else app.address
        self.routes[instance] = (204, [("X-Ark-Upstream", address), ("X-Ark-Prefix", prefix)])

    def state(self, instance, state):
        self.routes[instance] = (403, [("X-Ark-State", state)])

    def asked_about(self, instance):
        return [r for r in self.requests if r.get("X-Ark-Instance") == instance]

    def answer(self, request, handler):
        if self.status:
            return self.status, [], b""
        if request.target == "/internal/route":
            status, headers = self.routes.get(
                request.get("X-Ark-Instance"), (403, [("X-Ark-State", "unknown")]))
            return status, [*headers, ("Cache-Control", "no-store")], b""
        return 418, [("Content-Type", "application/problem+json")], b'{"from":"arkd"}'


class Site:
    def __init__(self, public, admin, root, arkd, arkd_admin):
        self.public, self.admin, self.root = public, admin, root
        self.arkd, self.arkd_admin = arkd, arkd_admin

    def connect(self, port=None):
        stream = socket.create_connection(("127.0.0.1", port or self.public), timeout=10)
        return stream

    def ask(self, target, method="GET", headers=(), body=b"", port=None):
        """Sends the target as it is: no client library tidies its dots and escapes."""
        lines = [f"{method} {target} HTTP/1.1"]
        if not any(k.lower() == "host" for k, _ in headers):
            lines.append(f"Host: localhost:{port or self.public}")
        lines += [f"{k}: {v}" for k, v in headers]
        if body or method in ("POST", "PUT"):
            lines.append(f"Content-Length: {len(body)}")
        lines += ["Connection: close", "", ""]
        with self.connect(port) as stream:
            stream.sendall("\r\n".join(lines).encode() + body)
            with stream.makefile("rb") as incoming:
                answer = read_head(incoming)
                if method != "HEAD" and answer.status not in (204, 304):
                    read_body(incoming, answer, until_close=True)
                return answer


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def moved(text, root, ports):
    """The shipped file with its fixed places and ports exchanged for the test's own."""
    for place in ("/run/arkd-nginx/", "/run/arkd/", "/etc/arkd/", "/usr/share/arkd/"):
        text = text.replace(place, f"{root}{place}")
    for given, own in ports.items():
        text = text.replace(f"listen {given};", f"listen 127.0.0.1:{own};")
    return text


WRAPPER = """
daemon off;
worker_processes 2;
pid {root}/nginx.pid;
error_log {root}/error.log info;
{user}
events {{ worker_connections 256; }}
http {{
    access_log off;
    # As Debian's own nginx.conf has it.
    include /etc/nginx/mime.types;
    gzip on;
    client_body_temp_path {root}/tmp;
    proxy_temp_path {root}/tmp-proxy;
    fastcgi_temp_path {root}/tmp-fastcgi;
    uwsgi_temp_path {root}/tmp-uwsgi;
    scgi_temp_path {root}/tmp-scgi;
    include {root}/arkd.conf;
}}
"""


def lay_out(root, ports):
    for place in ("run/arkd", "run/arkd-nginx", "etc/arkd/nginx.d", "usr/share/arkd/nginx",
                  "usr/share/arkd/www/landing/assets"):
        (root / place).mkdir(parents=True)
    for source in (TOP / "nginx").glob("*.conf"):
        to = root if source.name == "arkd.conf" else root / "usr/share/arkd/nginx"
        (to / source.name).write_text(moved(source.read_text(), root, ports))
    shutil.copytree(TOP / "nginx/pages", root / "usr/share/arkd/www/pages")
    landing = root / "usr/share/arkd/www/landing"
    (landing / "index.html").write_text("<title>landing</title>")
    (landing / "assets/main-abc123.js").write_text("// script\n" * 500)
    (root / "etc/arkd/nginx-key.conf").write_text(f'proxy_set_header X-Ark-Proxy-Key "{KEY}";\n')
    user = "user root;" if os.geteuid() == 0 else ""
    (root / "nginx.conf").write_text(WRAPPER.format(root=root, user=user))


def wait_for(port, process):
    for _ in range(500):
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.01)
    raise RuntimeError("nginx did not start")


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin:/sbin:/bin")
    assert nginx, "install nginx to run these tests"
    root = tmp_path_factory.mktemp("nginx")
    ports = {"3000": free_port(), "3001": free_port()}
    lay_out(root, ports)
    arkd = Arkd(root / "run/arkd/public.sock")
    arkd_admin = Arkd(root / "run/arkd/admin.sock")
    command = [nginx, "-c", f"{root}/nginx.conf", "-p", str(root), "-e", f"{root}/error.log"]
    tried = subprocess.run([*command, "-t"], capture_output=True, text=True)
    assert tried.returncode == 0, tried.stderr
    assert "[warn]" not in tried.stderr, tried.stderr
    process = subprocess.Popen(command)
    try:
        wait_for(ports["3000"], process)
        yield Site(ports["3000"], ports["3001"], root, arkd, arkd_admin)
    finally:
        process.terminate()
        process.wait(10)
        arkd.stop()
        arkd_admin.stop()


@pytest.fixture
def arkd(site):
    site.arkd.status = None
    site.arkd.requests.clear()
    return site.arkd


@pytest.fixture(scope="session")
def new_id():
    """Ids that no other test has used: nginx remembers answers for a second."""
    count = itertools.count()
    return lambda: f"client_{next(count)}"


@pytest.fixture
def app():
    peer = Peer()
    yield peer
    peer.stop()


@pytest.fixture
def running(arkd, app, new_id):
    """An instance whose prefix is stripped."""
    instance = new_id()
    arkd.run(instance, app)
    return instance


@pytest.fixture
def keeping(arkd, app, new_id):
    """An instance whose application serves under its own path."""
    instance = new_id()
    arkd.run(instance, app, "keep")
    return instance
