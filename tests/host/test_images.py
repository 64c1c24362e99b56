# SPDX-License-Identifier: MIT
"""Images that are pulled, and deploys that fail: of what, with which last words, and with nothing left behind."""

import time

import pytest

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


def test_application_that_prints_its_password(host, work):
    """What is kept of a log is valid text without the instance's secrets."""
    instance = work.order(work.product({"MODE": "leak"}))
    secret = instance.credentials()["password"]
    told = fails(host, instance, "health")
    assert "app: cannot use postgresql://postgres:" in told["log"]
    assert secret not in told["log"]
    for text in (host.redis("get", f"instance:{instance.id}"), host.local.get(f"/api/instances/{instance.id}").text):
        assert secret not in text


def test_application_that_never_answers(host, work):
    begun = time.monotonic()
    instance = work.order(work.quick({"MODE": "silent"}, deadline_s=5))
    told = fails(host, instance, "health")
    assert 4 < time.monotonic() - begun < 15
    assert "5 s" in told["reason"], told
    assert "running, but not listening" in told["log"]


def test_application_that_answers_500(host, work):
    told = fails(host, work.order(work.quick({"MODE": "error"}, deadline_s=5)), "health")
    assert "5 s" in told["reason"] and "500" in told["reason"], told


def test_application_on_another_port(host, work):
    told = fails(host, work.order(work.quick(port=8081, deadline_s=5)), "health")
    assert "5 s" in told["reason"], told


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
    assert time.monotonic() - begun < 6


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
