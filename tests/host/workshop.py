# SPDX-License-Identifier: MIT
"""Products and instances that a test makes, and what is left when they are gone."""

import copy
import itertools
import json
import pathlib
import random
import string
import time

from arkhost import PATIENCE, TOP, wait_for

TEST_APP = json.loads((TOP / "examples/test-app.json").read_text())
LABEL = "network.ark.instance"


def docker_leftovers(host, instance):
    """What the engine still has of the instance, by name or by label."""
    found = []
    for one in host.engine("/containers/json?all=1"):
        if any(instance in text for text in [*one["Names"], *one["Labels"].values()]):
            found.append(f"container {one['Names']}")
    for one in host.engine("/volumes")["Volumes"] or []:
        if any(instance in text for text in [one["Name"], *(one["Labels"] or {}).values()]):
            found.append(f"volume {one['Name']}")
    for one in host.engine("/networks"):
        if any(instance in text for text in [one["Name"], *(one["Labels"] or {}).values()]):
            found.append(f"network {one['Name']}")
    return found


def host_leftovers(host, instance):
    """What is left outside of the engine and of the store."""
    compose = host.path("/var/lib/arkd/compose")
    # Its mark stays, so that no older store brings it back.
    found = [f"file {one}" for one in compose.glob("*") if instance in one.name and one.name != f"deleted.{instance}"]
    bridge = "ark" + instance.removeprefix("client_")
    if bridge in pathlib.Path(f"/proc/{host.leader}/net/dev").read_text():
        found.append(f"bridge {bridge}")
    units = host.exec("systemctl", "list-units", "--all", "--plain", "--no-legend", "--full", "ark-*")
    found += [f"unit {line.split()[0]}" for line in units.splitlines() if instance in line]
    return found


def store_leftovers(host, instance, status="deleted"):
    """Keys and jobs of the instance, except its record, which must have that status."""
    found = []
    for key in host.redis("--scan", "--pattern", f"*{instance}*").splitlines():
        if key != f"instance:{instance}":
            found.append(f"key {key}")
        elif (record := json.loads(host.redis("get", key)))["status"] != status:
            found.append(f"record {record}")
    if instance in host.redis("xrange", "ark:jobs", "-", "+"):
        found.append("an entry in ark:jobs")
    return found


def assert_gone(host, instance):
    """Nothing of a deleted instance is left, but its tombstone."""
    assert docker_leftovers(host, instance) == []
    assert store_leftovers(host, instance) == []
    # systemd unloads a slice a moment after its last process.
    wait_until_host_is_clean(host, instance)


def wait_until_host_is_clean(host, instance):
    deadline = time.monotonic() + 10 * PATIENCE
    while left := host_leftovers(host, instance):
        assert time.monotonic() < deadline, left
        time.sleep(0.1)


def assert_nothing_left(host, instance):
    """A failed instance has a record, and nothing else anywhere but in the store."""
    assert docker_leftovers(host, instance) == []
    wait_until_host_is_clean(host, instance)


class Instance:
    def __init__(self, host, answer):
        self.host = host
        self.id = answer["instance_id"]
        self.token = answer.get("access_token")
        self.created = answer
        self.database = f"{self.id}_db"
        self.base = f"/instances/{self.id}"

    def state(self, client=None):
        return (client or self.host.public).get(f"/api/instances/{self.id}").expect(200).json

    def seen_by_operator(self):
        return self.state(self.host.local)

    def wait(self, status="running", seconds=60):
        def arrived():
            state = self.state()
            assert state["status"] in (status, "pending", "deleting"), self.seen_by_operator()
            return state if state["status"] == status else None
        return wait_for(f"{self.id} is {status}", arrived, seconds, every=0.1)

    def ask(self, path, method="GET", body=None, headers=(), client=None, timeout=None):
        """Asks the application, through nginx, where its link leads."""
        return (client or self.host.applications).ask(method, self.base + path, body, headers, timeout)

    def wait_for_page(self, status, seconds):
        wait_for(f"its link answers {status}", lambda: self.ask("/").status == status, seconds)

    def delete(self):
        answer = self.host.local.delete(f"/api/instances/{self.id}").expect(200)
        assert answer.json["status"] == "deleted", answer
        return answer.json

    def credentials(self):
        return self.host.local.get(f"/api/instances/{self.id}/credentials").expect(200).json

    def sql(self, statement):
        """Asks its database from within the database's container."""
        return self.host.exec("docker", "exec", self.database, "psql", "-U", "postgres", "-d", self.database,
                              "-Atc", statement)

    def follow(self, seconds=60):
        """Yields each state that the event stream tells, until it ends."""
        seconds *= PATIENCE
        connection, response = self.host.public.open("GET", f"/api/instances/{self.id}/events",
                                                     timeout=seconds)
        try:
            assert response.status == 200 and response.getheader("Content-Type") == "text/event-stream"
            deadline = time.monotonic() + seconds
            for line in response:
                assert time.monotonic() < deadline, "the stream does not end"
                if line.startswith(b"data:"):
                    yield json.loads(line[5:])
        finally:
            connection.close()


class Workshop:
    """Makes products and instances, and takes all of them away again."""

    serial = itertools.count(1)
    run = "".join(random.choices(string.ascii_lowercase, k=5))

    def __init__(self, host):
        self.host = host
        self.instances = []
        self.products = []

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.host.wait_healthy()
        for instance in self.instances:
            if self.host.public.get(f"/api/instances/{instance}").status == 200:
                self.host.local.delete(f"/api/instances/{instance}").expect(200)
        for product in self.products:
            answer = self.host.local.delete(f"/api/products/{product}")
            assert answer.status in (200, 404), answer
        for instance in self.instances:
            assert_gone(self.host, instance)

    def description(self, env=None, **changes):
        """The test application as a product of its own. A change to None takes the field away, but for database."""
        product = copy.deepcopy(TEST_APP) | changes
        product["id"] = changes.get("id", f"test-{self.run}-{next(self.serial)}")
        if product.get("database", "") is None:
            product["env"] = {"CLIENT_NAME": "${CLIENT_NAME}"}
        product["env"] = product["env"] | (env or {})
        return {key: value for key, value in product.items() if value is not None or key == "database"}

    def product(self, env=None, **changes):
        """Registers the test application as a product of its own, and answers its id."""
        product = self.description(env, **changes)
        self.products.append(product["id"])
        self.host.local.post("/api/products", product).expect(201)
        return product["id"]

    def quick(self, env=None, **changes):
        """The same without a database: it is there in a second."""
        return self.product(env, database=None, **changes)

    def order(self, product, client_name="Acme", client=None, headers=()):
        """Asks for an instance and does not wait for it."""
        body = {"product_id": product, "client_name": client_name}
        answer = (client or self.host.public).post("/api/instances", body, headers=headers).expect(202)
        return self.take(answer.json)

    def take(self, answer):
        """Makes an instance this workshop's, however it came to be."""
        instance = Instance(self.host, answer)
        self.instances.append(instance.id)
        return instance

    def adopt(self, id):
        return self.take({"instance_id": id})

    def deploy(self, product, client_name="Acme", **kwargs):
        instance = self.order(product, client_name, **kwargs)
        instance.wait()
        return instance

