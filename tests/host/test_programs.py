# SPDX-License-Identifier: MIT
"""
What real programs do: redirects by nginx, Node's Early Hints, s6 as process 1, the URI classes of Ruby and Java, and
Miniflux that is told of https.
"""

import json
import os
import shutil
import subprocess

import pytest

from arkhost import TOP

PROGRAMS, JAVA = "docker.io/ark-test/programs:1", "docker.io/ark-test/java:1"

# One that gives hints before each answer; of an upload it says so much that it reads none, and is gone.
NODE = """
const http = require("http");
http.createServer((request, answer) => {
    if (request.method === "PUT") {
        request.socket.write("HTTP/1.1 413 Said\\r\\nContent-Length: 5\\r\\n\\r\\nearly");
        return void setTimeout(() => request.socket.resetAndDestroy(), 1);
    }
    answer.writeEarlyHints({ link: "</a.css>; rel=preload; as=style", "clear-site-data": "x" }, () => {
        setTimeout(() => answer.end("final " + request.url), 20);
    });
}).listen(8080);
"""
RUBY = """
require "uri"
require "socket"
uri = URI.parse(ENV.fetch("DATABASE_URL"))
text = [uri.scheme, uri.user, uri.host, uri.port, uri.path].join(" ")
server = TCPServer.new("0.0.0.0", 8080)
loop do
    client = server.accept
    until ["\\r\\n", nil].include?(client.gets) do end
    client.write("HTTP/1.1 200 OK\\r\\nContent-Length: #{text.length}\\r\\nConnection: close\\r\\n\\r\\n#{text}")
    client.close
end
"""
JAVA_SOURCE = """
import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;
import java.net.URI;
public class Check {
    public static void main(String[] arguments) throws Exception {
        URI uri = URI.create(System.getenv("DATABASE_URL"));
        byte[] text = String.join(" ", uri.getScheme(), uri.getUserInfo().split(":")[0], String.valueOf(uri.getHost()),
            String.valueOf(uri.getPort()), uri.getPath()).getBytes();
        HttpServer server = HttpServer.create(new InetSocketAddress(8080), 0);
        server.createContext("/", exchange -> {
            exchange.sendResponseHeaders(200, text.length);
            exchange.getResponseBody().write(text);
            exchange.close();
        });
        server.start();
    }
}
"""


def load(host, name):
    """An image that only these tests need."""
    archive = subprocess.run([TOP / "tests/images/build", name], check=True, capture_output=True, text=True).stdout.strip()
    copy = host.path(f"/var/tmp/{name}.tar")
    shutil.copy(archive, copy)
    host.exec("docker", "load", "--quiet", "--input", f"/var/tmp/{name}.tar")
    copy.unlink()


@pytest.fixture(scope="module")
def image(host):
    """With another entry point; to be asked for before work: instances must be gone when it goes."""
    made = []

    def build(*entrypoint, source=PROGRAMS):
        tag = f"docker.io/ark-test/program-{len(made)}:1"
        host.exec("docker", "build", "--quiet", "--tag", tag, "-",
                  input=f"FROM {source}\nENTRYPOINT {json.dumps(entrypoint)}\n")
        made.append(tag)
        return tag

    load(host, "programs")
    yield build
    host.exec("docker", "image", "rm", "--force", *made, PROGRAMS)


def test_redirect_by_nginx(host, image, work):
    """To a folder it leads by the whole of its own address, with the port that it listens at."""
    product = work.quick(image=image("/usr/sbin/nginx"), health_path="/", user="0", read_only=False, capabilities=None)
    instance = work.deploy(product)
    answer = instance.ask("/sub").expect(301)
    assert answer.header("Location") in (f"{instance.base}/sub/", f"http://localhost:3002{instance.base}/sub/")
    assert instance.ask("/sub/").expect(200).text == "inside\n"


def test_early_hints_by_node(host, image, work):
    instance = work.deploy(work.quick(image=image("node", "-e", NODE), health_path="/up"))
    with host.connect_inside(3002) as stream, stream.makefile("rb") as incoming:
        for path in ("one", "two"):
            stream.sendall(f"GET {instance.base}/{path} HTTP/1.1\r\nHost: localhost:3002\r\n\r\n".encode())
            head = iter(incoming.readline, b"\r\n")
            assert next(head) == b"HTTP/1.1 200 OK\r\n"
            names = {line.split(b":")[0].lower(): line.split(b":", 1)[1].strip() for line in head}
            assert b"link" not in names and b"clear-site-data" not in names
            body = incoming.read(int(names[b"content-length"]))
            assert body == f"final /{path}".encode()


def test_reset_of_an_upload_by_node(host, image, work):
    instance = work.deploy(work.quick(image=image("node", "-e", NODE), health_path="/up"))
    for _ in range(10):
        assert instance.ask("/", "PUT", b"x" * 5_000_000).expect(413).text == "early"


@pytest.mark.parametrize("field", [{"init_process": False}, {}])
def test_s6(host, image, work, field):
    instance = work.deploy(work.quick(image=image("s6-svscan", "/etc/s6"), health_path="/", user="0", read_only=False, **field))
    instance.ask("/").expect(200)
    first = host.exec("docker", "exec", instance.id, "python3", "-c", "print(open('/proc/1/comm').read())")
    assert (first == "s6-svscan") == bool(field), first
    # What it watches over is started again without the container's being so.
    started = host.container(instance.id)["State"]["StartedAt"]
    host.exec("docker", "exec", instance.id, "s6-svc", "-k", "/etc/s6/web")
    instance.wait_for_page(200, 20)
    assert host.container(instance.id)["State"]["StartedAt"] == started


def assert_knows_its_database(host, instance):
    name = f"{instance.id}_db"
    assert instance.ask("/").expect(200).text == f"postgresql postgres db 5432 /{name}"


def test_database_url_by_ruby(host, image, work):
    env = {"DATABASE_URL": "${DATABASE_URL}"}
    assert_knows_its_database(host, work.deploy(work.product(env, image=image("ruby", "-e", RUBY), health_path="/")))


@pytest.mark.skipif(os.environ.get("ARK_TEST_LONG") != "1", reason="Java's image is large")
def test_database_url_by_java(host, image, work):
    load(host, "java")
    folder = host.path("/var/tmp/java")
    folder.mkdir()
    (folder / "Check.java").write_text(JAVA_SOURCE)
    (folder / "Dockerfile").write_text(f'FROM {JAVA}\nCOPY Check.java /\nENTRYPOINT ["java", "/Check.java"]\n')
    try:
        host.exec("docker", "build", "--quiet", "--tag", "docker.io/ark-test/check-java:1", "/var/tmp/java")
        limits = {"app": {"memory": "512M", "cpus": 2, "pids": 200}}
        instance = work.deploy(work.product(image="docker.io/ark-test/check-java:1", health_path="/", limits=limits))
        assert_knows_its_database(host, instance)
        instance.delete()
    finally:
        host.run("docker", "image", "rm", "--force", "docker.io/ark-test/check-java:1", JAVA)
        shutil.rmtree(folder)


def test_secure_cookies_by_miniflux(host, work):
    """Its cookies are for https once it is told that it is served so; its login leads back to itself by http."""
    product = json.loads((TOP / "examples/miniflux.json").read_text()) | {"id": work.description()["id"], "health_path": "/"}
    product["env"]["HTTPS"] = "1"
    work.products.append(product["id"])
    host.local.post("/api/products", product).expect(201)
    instance = work.deploy(product["id"])
    assert any("; Secure" in one for one in instance.ask("/").all("Set-Cookie"))
    shown = " ".join(host.exec("arkctl", "show", instance.id).split())
    assert "sets cookies for https alone (Secure)" in shown
    checks = json.loads(host.run("arkctl", "status", "--json=short").stdout)
    assert any(instance.id in json.dumps(one) and "Secure" in json.dumps(one) for one in checks), checks
