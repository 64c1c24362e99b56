# SPDX-License-Identifier: MIT
"""Images that are pulled, and deploys that fail: of what, with which last words, and with nothing left behind."""

import json
import shutil
import time

import pytest

from arkhost import PATIENCE, wait_for
from workshop import assert_nothing_left

REGISTRY = "127.0.0.1:5000"
PULLED = f"{REGISTRY}/ark-test/app:1"


def fails(host, instance, step, seconds=60):
    """Waits until it has failed, and answers what visitors and what operators are told."""
    failed = instance.wait("failed", seconds)
    assert failed["error"]["step"] == step, failed
    assert failed["error"]["reason"] and "log" not in failed["error"], failed
    assert_nothing_left(host, instance.id)
    told = instance.seen_by_operator()["error"]
    assert told["reason"] == failed["error"]["reason"]
    return told


@pytest.fixture
def absent(host):
    """The image that only the registry has. To be asked for before work: instances must be gone when it goes."""
    def remove():
        host.run("docker", "image", "rm", "--force", PULLED)
        # One that a container still had when its name was taken keeps its layers: nothing would be pulled then.
        host.run("docker", "image", "prune", "--force")
        assert PULLED not in host.exec("docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}").split()
    remove()
    yield PULLED
    remove()


def test_pull_with_progress(host, absent, work):
    instance = work.order(work.quick(image=absent))
    states = list(instance.follow(90))
    assert states[-1]["status"] == "running", states[-1]
    pulling = [state["progress"] for state in states if state["phase"] == "image"]
    assert pulling == sorted(pulling) and len(set(pulling)) >= 3, pulling
    assert states[-1]["timeline"]["ready"] > 0
    instance.ask("/").expect(200)
    assert PULLED in host.exec("docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}").split()


def test_pull_by_digest(host, absent, work):
    host.exec("docker", "pull", "--quiet", absent)
    digest = host.engine(f"/images/{absent}/json")["RepoDigests"][0]
    host.exec("docker", "image", "rm", "--force", absent)
    instance = work.deploy(work.quick(image=digest))
    instance.ask("/").expect(200)
    instance.delete()
    host.exec("docker", "image", "rm", "--force", digest)


def test_two_deploys_wait_for_one_pull(host, absent, work):
    product = work.quick(image=absent)
    for instance in [work.order(product), work.order(product)]:
        instance.wait(seconds=90)


def test_image_that_does_not_exist(host, work):
    for image in (f"{REGISTRY}/ark-test/app:2", f"{REGISTRY}/ark-test/nothing:1",
                  f"{REGISTRY}/ark-test/app@sha256:{'0' * 64}"):
        told = fails(host, work.order(work.quick(image=image)), "image")
        assert image.split("@")[0].rsplit(":", 1)[0] in told["reason"], told
        assert "not" in told["reason"].lower(), told


def test_database_image_that_does_not_exist(host, work):
    image = f"{REGISTRY}/ark-test/postgres:16"
    database = {"image": image, "data_path": "/var/lib/postgresql/data"}
    told = fails(host, work.order(work.product(database=database)), "image")
    assert "ark-test/postgres" in told["reason"], told


# A registry that says no in several ways, by the first word of the image's name.
SAYS_NO = """
import http.server, json
LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
class Registry(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        kind = "application/json"
        if self.path == "/v2/":
            status, answer = 200, {}
        elif "/limited/" in self.path:
            status, answer = 429, {"errors": [{"code": "TOOMANYREQUESTS", "message": "You have had enough."}]}
        elif "/denied/" in self.path:
            status, answer = 403, {"errors": [{"code": "DENIED", "message": "requested access is denied"}]}
        elif "/foreign/" in self.path:
            status, kind = 200, LIST
            answer = {"schemaVersion": 2, "mediaType": LIST, "manifests": [
                {"mediaType": LIST.replace(".list", ""), "size": 7, "digest": "sha256:" + "0" * 64,
                 "platform": {"architecture": "s390x", "os": "linux"}}]}
        else:
            status, answer = 404, {"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}
        text = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(text)
    do_HEAD = do_GET
http.server.ThreadingHTTPServer(("127.0.0.1", 5001), Registry).serve_forever()
"""


@pytest.fixture
def says_no(host):
    host.exec("systemd-run", "--unit=says-no", "python3", "-c", SAYS_NO)
    wait_for("it listens", lambda: host.run("curl", "--silent", "http://127.0.0.1:5001/v2/").returncode == 0)
    yield "127.0.0.1:5001"
    host.exec("systemctl", "stop", "says-no")


def test_registry_that_says_no(host, says_no, work):
    """Each in words that tell an operator what to do."""
    for name, words in (("limited", "too many pulls from here; try again later"), ("denied", "wants a login"),
                        ("foreign", "is not there for this host's kind of processor"),
                        ("absent", "was not found in the registry")):
        told = fails(host, work.order(work.quick(image=f"{says_no}/{name}/app:1")), "image")
        assert words in told["reason"], told


def test_pull_goes_on_after_its_deploy(host, absent, work):
    """A deploy that ends while its image is fetched leaves that for the next one."""
    first = work.order(work.quick(image=absent))
    wait_for("it is being fetched", lambda: first.state()["phase"] == "image" and first.state()["progress"] > 0, 30)
    first.delete()
    assert host.run("docker", "image", "inspect", absent).returncode != 0, "it was too quick to show anything"
    wait_for("it is there", lambda: host.run("docker", "image", "inspect", absent).returncode == 0, 60)


def test_registry_that_cannot_be_reached(host, work):
    for image in ("127.0.0.1:5999/ark-test/app:1", "registry.invalid/ark-test/app:1"):
        told = fails(host, work.order(work.quick(image=image, deadline_s=40)), "image")
        assert image.split("/")[0].split(":")[0] in told["reason"], told


def test_application_that_exits_at_once(host, work):
    instance = work.order(work.product({"MODE": "exit"}))
    told = fails(host, instance, "health")
    assert "exit status 3" in told["reason"], told
    assert "giving up at once, because MODE=exit says so" in told["log"]
    assert "giving up" not in host.public.get(f"/api/instances/{instance.id}").text
    assert "giving up at once" in host.exec("arkctl", "logs", instance.id)
    assert "giving up at once" in host.exec("arkctl", "show", instance.id)


def test_application_that_prints_its_password(host, work):
    """What is kept of a log is valid text without the instance's secrets."""
    instance = work.order(work.product({"MODE": "leak"}))
    secret = instance.credentials()["password"]
    told = fails(host, instance, "health")
    assert "app: cannot use postgresql://postgres:" in told["log"]
    assert secret not in told["log"]
    for text in (host.redis("get", f"instance:{instance.id}"), host.local.get(f"/api/instances/{instance.id}").text):
        assert secret not in text


# It falls three times, and sets itself up the fourth.
CLUMSY = """
import os, sys
n = int(open("/tmp/n").read()) if os.path.exists("/tmp/n") else 0
open("/tmp/n", "w").write(str(n + 1))
if n < LIMIT:
    sys.exit("attempt %d: not set up yet" % (n + 1))
os.execv("/usr/bin/python3", ["python3", "-I", "/usr/local/bin/app"])
"""


@pytest.fixture
def clumsy(host):
    """To be asked for before work: instances must be gone when it goes."""
    images = {}
    for limit in (3, 9):
        images[limit] = f"docker.io/ark-test/clumsy:{limit}"
        entrypoint = json.dumps(["python3", "-c", CLUMSY.replace("LIMIT", str(limit))])
        host.exec("docker", "build", "--quiet", "--tag", images[limit], "-",
                  input=f"FROM docker.io/ark-test/app:1\nENTRYPOINT {entrypoint}\n")
    yield images
    host.exec("docker", "image", "rm", "--force", *images.values())


def test_application_that_falls_three_times(host, clumsy, work):
    work.deploy(work.quick(image=clumsy[3], read_only=False)).ask("/").expect(200)
    told = fails(host, work.order(work.quick(image=clumsy[9], read_only=False)), "health")
    assert "keeps ending" in told["reason"]
    for n in range(1, 5):
        assert f"attempt {n}: not set up yet" in told["log"], told


def test_application_that_never_answers(host, work):
    begun = time.monotonic()
    instance = work.order(work.quick({"MODE": "silent"}, deadline_s=5))
    told = fails(host, instance, "health")
    assert 4 < time.monotonic() - begun < 15 * PATIENCE
    assert "5 s" in told["reason"], told
    assert "running, but not listening" in told["log"]


def test_application_that_answers_500(host, work):
    told = fails(host, work.order(work.quick({"MODE": "error"}, deadline_s=5)), "health")
    assert "5 s" in told["reason"] and "500" in told["reason"], told


def test_application_on_another_port(host, work):
    """This image has no cat to tell on which one."""
    told = fails(host, work.order(work.quick(port=8081, deadline_s=5)), "health")
    assert "5 s" in told["reason"], told
    assert "nothing listens on port 8081 (GET /" in told["reason"] and "the image exposes " in told["reason"], told
    assert "the application listens" not in told["reason"], told


@pytest.fixture
def elsewhere(host):
    """Images that listen on an address, and can tell. To be asked for before work: instances must be gone when they go."""
    program = "from http.server import *; HTTPServer(('{}', 8080), SimpleHTTPRequestHandler).serve_forever()"
    folder = host.path("/var/tmp/elsewhere")
    folder.mkdir()
    shutil.copy(shutil.which("busybox"), folder / "cat")

    def build(address):
        entrypoint = json.dumps(["python3", "-c", program.format(address)])
        (folder / "Dockerfile").write_text(f"FROM docker.io/ark-test/app:1\nCOPY cat /usr/bin/\nENTRYPOINT {entrypoint}\n")
        host.exec("docker", "build", "--quiet", "--tag", "docker.io/ark-test/elsewhere:1", "/var/tmp/elsewhere")
        return "docker.io/ark-test/elsewhere:1"

    yield build
    host.run("docker", "image", "rm", "--force", "docker.io/ark-test/elsewhere:1")
    shutil.rmtree(folder)


@pytest.mark.parametrize("address, port, words", [
    ("", 80, "the application listens on port 8080"),
    ("127.0.0.1", 8080, "the application listens on 127.0.0.1:8080 only: to be reached it has to listen on 0.0.0.0"),
])
def test_application_that_listens_elsewhere(host, elsewhere, work, address, port, words):
    told = fails(host, work.order(work.quick(image=elsewhere(address), port=port, deadline_s=5)), "health")
    assert told["reason"].endswith(words), told


def test_application_that_is_slow_is_waited_for(host, work):
    instance = work.order(work.quick({"MODE": "slow"}, deadline_s=60))
    state = instance.wait(seconds=60)
    assert 19_000 < state["timeline"]["ready"] < 26_000
    instance.ask("/").expect(200)


def test_application_that_cannot_be_started(host, work):
    told = fails(host, work.order(work.quick(user="no-such-user")), "app")
    assert "no-such-user" in told["reason"], told


def test_database_that_exits_at_once(host, work):
    """Any image that is no database will do."""
    database = {"image": "docker.io/ark-test/app:1", "data_path": "/data"}
    told = fails(host, work.order(work.product({"MODE": ""}, database=database, deadline_s=8)), "database")
    assert told["reason"], told


def test_application_that_ignores_sigterm_is_removed_at_once(host, work):
    instance = work.deploy(work.product({"MODE": "stubborn"}))
    begun = time.monotonic()
    instance.delete()
    assert time.monotonic() - begun < 9, "SIGKILL comes after ten seconds"


def test_a_failed_deploy_may_be_tried_again_and_deleted(host, work):
    product = work.description({"MODE": "exit"}, database=None)
    work.products.append(product["id"])
    host.local.post("/api/products", product).expect(201)
    failed = work.order(product["id"])
    failed.wait("failed")
    host.local.put(f"/api/products/{product['id']}", product | {"env": {}}).expect(200)
    work.deploy(product["id"]).ask("/").expect(200)
    assert failed.id in [one["id"] for one in host.local.get("/api/instances?status=failed").json["items"]]
    failed.delete()
    assert failed.id not in [one["id"] for one in host.local.get("/api/instances?status=failed").json["items"]]


def test_failure_is_in_the_event_stream_and_the_journal(host, work):
    instance = work.order(work.quick({"MODE": "exit"}))
    last = list(instance.follow())[-1]
    assert last["status"] == "failed" and last["error"]["step"] == "health"
    entries = host.journal("-u", "arkd", f"ARK_INSTANCE={instance.id}", "-p", "warning")
    assert [one for one in entries if last["error"]["reason"] in one["MESSAGE"]], entries
