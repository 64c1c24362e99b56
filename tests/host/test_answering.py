# SPDX-License-Identifier: MIT
"""
An application that ran and answers no more is seen within a minute, told, and seen well again. One that the engine has
started before its database is started again.
"""

import json
import re

import pytest

from arkhost import TOP, wait_for

IDS = dict(re.findall(r'#define MESSAGE_(\w+)\s+"(\w{32})"', (TOP / "src/basic/messages.h").read_text()))
HASTY = "docker.io/ark-test/hasty:1"
LATE = "docker.io/ark-test/late-postgres:16"

# It asks its database once, at its start, and is broken for good where that does not answer.
ASK_ONCE = """
import http.server, os, psycopg2
try:
    psycopg2.connect(os.environ["DATABASE_URL"], connect_timeout=2).close()
except psycopg2.OperationalError:
    class Broken(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_error(500)
    http.server.HTTPServer(("", 8080), Broken).serve_forever()
os.execv("/usr/bin/python3", ["python3", "-I", "/usr/local/bin/app"])
"""
# Its first start is quick; later ones take as long as one after a power cut may.
START_LATE = 'test ! -e /var/lib/postgresql/data/PG_VERSION || sleep 15; exec docker-entrypoint.sh "$@"'


def build_images(host):
    entrypoint = json.dumps(["/bin/bash", "-c", START_LATE, "late"])
    command = json.dumps(host.engine("/images/postgres:16/json")["Config"]["Cmd"])
    ask_once = json.dumps(["python3", "-c", ASK_ONCE])
    for image, text in ((HASTY, f"FROM docker.io/ark-test/app:1\nENTRYPOINT {ask_once}\n"),
                        (LATE, f"FROM docker.io/postgres:16\nENTRYPOINT {entrypoint}\nCMD {command}\n")):
        host.exec("docker", "build", "--quiet", "--tag", image, "-", input=text)


@pytest.fixture
def images(host):
    """To be asked for before work: instances must be gone when they go."""
    build_images(host)
    yield
    host.exec("docker", "image", "rm", "--force", HASTY, LATE)


def told(host, event, instance):
    return host.journal(f"MESSAGE_ID={IDS[event]}", f"ARK_INSTANCE={instance.id}")


def test_silent(host, work):
    instance = work.deploy(work.quick())
    host.exec("docker", "pause", instance.id)
    try:
        wait_for("it is seen", lambda: instance.state()["status"] == "failed", 60)
        failed = instance.state()
    finally:
        host.exec("docker", "unpause", instance.id)
    assert failed["error"]["step"] == "health" and "/healthz on port 8080" in failed["error"]["reason"]
    assert json.loads(host.redis("get", f"instance:{instance.id}"))["status"] == "failed"
    wait_for("it is well again", lambda: instance.state()["status"] == "running", 60)
    assert instance.state()["error"] is None
    assert len(told(host, "INSTANCE_SILENT", instance)) == len(told(host, "INSTANCE_RECOVERED", instance)) == 1


def test_database_first_after_the_engine_was_started(host, images, work):
    database = {"image": LATE, "data_path": "/var/lib/postgresql/data"}
    instance = work.deploy(work.product(image=HASTY, database=database))
    patient = work.deploy(work.product(database=database, needs_database_first=False))
    host.exec("systemctl", "restart", "docker", timeout=120)
    wait_for("it is told that it does not answer", lambda: told(host, "INSTANCE_SILENT", instance), 40)
    instance.wait_for_page(200, 60)
    wait_for("it is well again", lambda: instance.state()["status"] == "running", 20)
    assert len(told(host, "APP_STARTED_AGAIN", instance)) == 1
    assert not told(host, "APP_STARTED_AGAIN", patient)
