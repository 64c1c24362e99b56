# SPDX-License-Identifier: MIT
"""A real nginx with the site as shipped, in front of a fake arkd and fake applications."""

import hashlib
import ipaddress
import itertools
import os
import pathlib
import re
import shutil
import socket
import socketserver
import subprocess
import tempfile
import threading
import time

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
KEY = "test-proxy-key"
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
# Small, to be reached; 127.0.0.1, from where all other tests ask, is not limited.
PATIENCE = 1
# What of a body in chunks is gathered, instead of the shipped 64 MiB.
GATHERED = 300_000
PER_VISITOR, PER_INSTANCE, API_BURST = 6, 9, 5


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


def is_address(name):
    try:
        if name.startswith("["):
            ipaddress.IPv6Address(name[1:-1])
            return "%" not in name
        ipaddress.IPv4Address(name)
    except ValueError:
        return False
    return True


class Arkd(Peer):
    """Knows where instances are; everything else it answers with a problem document of its own."""

    def __init__(self, path):
        self.routes = {}
        self.names = set()
        self.status = None
        self.applications = 3002
        super().__init__(path)

    def run(self, instance, app, prefix="strip", place="applications", applications=None, bodies=None):
        address = app if isinstance(app, str) else app.address
        self.routes[instance] = (204, [("X-Ark-Upstream", address), ("X-Ark-Prefix", prefix), ("X-Ark-Place", place)])
        if bodies:
            self.routes[instance][1].append(("X-Ark-Bodies", bodies))
        if place == "applications":
            self.routes[instance][1].append(("X-Ark-Applications", str(applications or self.applications)))

    def state(self, instance, state):
        self.routes[instance] = (403, [("X-Ark-State", state)])

    def knows(self, host):
        """Asked about names that arkd.conf has, arkd answers by them, too."""
        name, port = re.fullmatch(r"(\[.*\]|[^:]*)(?::(.*))?", host or "").groups()
        if port is not None and not (re.fullmatch(r"[1-9]\d{0,4}", port) and int(port) <= 65535):
            return False
        return (re.fullmatch(r"(localhost|(ark|second)\.example)\.?", name.lower()) or is_address(name)
                or host in self.names)

    def asked_about(self, instance):
        return [r for r in self.requests if r.get("X-Ark-Instance") == instance]

    def answer(self, request, handler):
        if self.status:
            return self.status, [], b""
        if request.target.startswith("/internal/") and not self.knows(request.get("Host")):
            return 403, [("X-Ark-State", "misdirected")], b""
        if request.target == "/internal/host":
            return 204, [], b""
        if request.target == "/internal/route":
            status, headers = self.routes.get(
                request.get("X-Ark-Instance"), (403, [("X-Ark-State", "unknown")]))
            return status, [*headers, ("Cache-Control", "no-store")], b""
        return 418, [("Content-Type", "application/problem+json")], b'{"from":"arkd"}'


class Site:
    def __init__(self, public, admin, applications, root, arkd, arkd_admin, web):
        self.public, self.admin, self.applications = public, admin, applications
        self.web, self.root = web, root
        self.arkd, self.arkd_admin = arkd, arkd_admin

    def connect(self, port=None, source="127.0.0.1"):
        return socket.create_connection(("127.0.0.1", port or self.public), timeout=10, source_address=(source, 0))

    def ask(self, target, method="GET", headers=(), body=b"", port=None, source="127.0.0.1"):
        """Sends the target as it is: no client library tidies its dots and escapes."""
        lines = [f"{method} {target} HTTP/1.1"]
        if not any(k.lower() == "host" for k, _ in headers):
            lines.append(f"Host: localhost:{port or self.public}")
        lines += [f"{k}: {v}" for k, v in headers]
        if body or method in ("POST", "PUT"):
            lines.append(f"Content-Length: {len(body)}")
        lines += ["Connection: close", "", ""]
        with self.connect(port, source) as stream:
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


def moved(text, root):
    """The shipped file with its fixed places exchanged for the test's own. Of loopback, 127.1.0.0/16 is elsewhere."""
    text = text.replace("    127.0.0.0/8 1;\n    ::1/128 1;\n", "    127.0.0.0/16 1;\n    ::1/128 1;\n")
    for place in ("/run/arkd-nginx/", "/run/arkd/", "/var/tmp/", "/etc/arkd/", "/usr/share/arkd/"):
        text = text.replace(place, f"{root}{place}")
    return text.replace("client_max_body_size 64m;", f"client_max_body_size {GATHERED};")


def shipped(root):
    """nginx.conf itself, but for where it logs and for how long it waits where nobody is to be waited for."""
    text = moved((TOP / "nginx/nginx.conf").read_text(), root)
    assert "error_log stderr error;" in text
    text = text.replace("error_log stderr error;", f"error_log {root}/error.log info;")
    assert text.count(" 60s;") == 2
    text = text.replace(" 60s;", f" {PATIENCE}s;")
    return ("user root;\n" if os.geteuid() == 0 else "") + "daemon off;\n" + text


def generated(root, ports):
    """What arkd-nginx-config writes; its own test is tests/unit/test_nginx.c."""
    run = root / "run/arkd-nginx"
    (run / "module-interim.conf").write_text(f"load_module {module()};\n")
    (run / "app-interim.conf").write_text("proxy_set_header X-Ark-Interim $ark_interim;\n")
    (run / "main.conf").write_text("worker_processes 2;\nevents { worker_connections 256; }\n")
    (run / "limits.conf").write_text(
        "limit_conn_zone $ark_client zone=ark_client:1m;\nlimit_conn_zone $ark_id zone=ark_instance:1m;\n"
        f"limit_req_zone $ark_client zone=ark_api:1m rate=1r/s;\n"
        f"limit_conn ark_client {PER_VISITOR};\nlimit_conn ark_instance {PER_INSTANCE};\n")
    (run / "api-limit.conf").write_text(f"limit_req zone=ark_api burst={API_BURST} nodelay;\n")
    (run / "key.conf").write_text(f'proxy_set_header X-Ark-Proxy-Key "{KEY}";\n')
    (run / "callers.conf").write_text((TOP / "tests/nginx/callers.conf").read_text())
    (run / "landing.conf").write_text(f"set $ark_landing http://$host:{ports['public']};\n")
    (run / "servers.conf").write_text("".join(
        f"server {{\n    listen 127.0.0.1:{port} backlog=4096 so_keepalive=on;\n"
        f"    include {root}/usr/share/arkd/nginx/{server}.conf;\n}}\n"
        for server, port in ports.items()))


def module():
    """What leaves out interim answers, built once for what it is made of."""
    sources = TOP / "nginx/module"
    made_of = hashlib.sha256(b"".join(one.read_bytes() for one in sorted(sources.iterdir())))
    made_of.update(subprocess.run([shutil.which("nginx", path=PATH), "-V"], check=True, stderr=subprocess.PIPE).stderr)
    built = TOP / f"build-check/interim-{made_of.hexdigest()[:16]}.so"
    if not built.exists():
        built.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=built.parent) as folder:
            subprocess.run([sources / "build-module", f"{folder}/built.so"], check=True)
            pathlib.Path(folder, "built.so").rename(built)
    return built


def lay_out(root, ports):
    for place in ("run/arkd", "run/arkd-nginx", "var/tmp", "etc/arkd/nginx.d", "usr/share/arkd/nginx",
                  "usr/share/arkd/www/landing/assets", "usr/share/arkd/www/pages"):
        (root / place).mkdir(parents=True)
    for source in (TOP / "nginx").glob("*.conf"):
        (root / "usr/share/arkd/nginx" / source.name).write_text(moved(source.read_text(), root))
    for source in (TOP / "nginx").glob("*.py"):
        (root / "usr/share/arkd/nginx" / source.name).with_suffix(".conf").write_text(
            subprocess.run([source], check=True, capture_output=True, text=True).stdout)
    for source in (TOP / "nginx/pages").glob("*.html"):
        (root / "usr/share/arkd/www/pages" / source.name).write_text(
            subprocess.run([source.parent / "make-page.py", source], check=True, capture_output=True, text=True).stdout)
    landing = root / "usr/share/arkd/www/landing"
    (landing / "index.html").write_text("<title>landing</title>")
    (landing / "assets/main-abc123.js").write_text("// script\n" * 500)
    generated(root, ports)
    (root / "nginx.conf").write_text(shipped(root))


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
    nginx = shutil.which("nginx", path=PATH)
    assert nginx, "install nginx to run these tests"
    root = tmp_path_factory.mktemp("nginx")
    ports = {server: free_port() for server in ("public", "admin", "applications", "web")}
    lay_out(root, ports)
    arkd = Arkd(root / "run/arkd/public.sock")
    arkd_admin = Arkd(root / "run/arkd/admin.sock")
    command = [nginx, "-c", f"{root}/nginx.conf", "-p", str(root), "-e", f"{root}/error.log"]
    tried = subprocess.run([*command, "-t"], capture_output=True, text=True)
    assert tried.returncode == 0, tried.stderr
    assert "[warn]" not in tried.stderr, tried.stderr
    process = subprocess.Popen(command)
    try:
        wait_for(ports["public"], process)
        arkd.applications = ports["applications"]
        yield Site(ports["public"], ports["admin"], ports["applications"], root, arkd, arkd_admin, ports["web"])
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
