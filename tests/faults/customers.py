# SPDX-License-Identifier: MIT
"""Those who deploy, use and delete, and the book of what they were promised."""

import copy
import json
import threading
import time
import urllib.parse

from machine import GONE, PATIENCE, TOP
from relay import PORT

TEST_APP = json.loads((TOP / "examples/test-app.json").read_text())
REGISTRY_IMAGE = f"127.0.0.1:{PORT}/ark-test/app:1"
# How long a customer goes on asking for what a fault refuses.
PATIENCE_S = 90 * PATIENCE


def product(id, **changes):
    description = copy.deepcopy(TEST_APP) | {"id": id} | changes
    if description.get("database", "") is None:
        description["env"] = {"CLIENT_NAME": "${CLIENT_NAME}"} | changes.get("env", {})
    return description


PRODUCTS = [
    product("faults-notes"),
    product("faults-plain", database=None),
    product("faults-exits", database=None, env={"MODE": "exit"}),
    product("faults-exits-notes", env={"MODE": "exit"}),
    product("faults-pulled", database=None, image=REGISTRY_IMAGE, deadline_s=60),
    product("faults-cut-off", database=None, image=REGISTRY_IMAGE, deadline_s=15),
]


class Promise:
    """One instance, from the customer's side."""

    def __init__(self, key, product):
        self.key, self.product = key, product
        self.id = None  # until acknowledged
        self.has_database = product == "faults-notes"
        self.may_fail = product.startswith("faults-exits")
        self.must_fail = self.may_fail
        self.repeatable = True  # the order was sent with its key
        self.restarting = False
        self.deleting = False  # a delete has been asked for
        self.deleted = False  # and acknowledged
        self.tried, self.acknowledged = set(), set()  # rows

    def __str__(self):
        return f"{self.id} ({self.product}, key {self.key})"


class Customers:
    def __init__(self, machine, name):
        self.machine, self.name = machine, name
        self.promises = []
        self.serial = 0
        self.lock = threading.Lock()
        self.troubles = []
        self.unanswered = {}
        self.creates = self.deletes = self.restarts = self.rows = 0

    # Asking

    def ask(self, method, target, body=None, headers=(), good=(200, 201, 202), timeout=30):
        """Asks until it is answered well: what a fault cut off or refused for now is asked again."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            last = None
            try:
                last = self.machine.local.ask(method, target, body, headers, timeout)
                if last.status in good:
                    return last
                if last.status not in (429, 502, 503, 504):
                    raise AssertionError(f"{method} {target}: {last!r}")
            except GONE as error:
                last = error
            if time.monotonic() > deadline:
                raise AssertionError(f"{method} {target}: no good answer within {PATIENCE_S} s; last: {last!r}")
            time.sleep(0.05)

    def register(self):
        for one in PRODUCTS:
            self.ask("PUT", f"/api/products/{one['id']}", one)

    def leave_nothing(self):
        """Deletes what a run before this one left."""
        items = self.ask("GET", "/api/instances?limit=100").json["items"]
        for one in items:
            if one["status"] != "deleted":
                self.ask("DELETE", f"/api/instances/{one['id']}")

    # Creating, deleting

    def create(self, product):
        """Orders an instance and waits until that is acknowledged."""
        with self.lock:
            self.serial += 1
            promise = Promise(f"{self.name}-{self.serial}", product)
            self.promises.append(promise)
        promise.id = self.order(promise)
        self.creates += 1
        return promise

    def create_once(self, product):
        """
        Orders and does not ask again. What is refused must not come to be; what is not answered may, and is then
        looked after like any other.
        """
        with self.lock:
            self.serial += 1
            promise = Promise(f"{self.name}-{self.serial}", product)
        promise.repeatable = False
        body = {"product_id": product, "client_name": promise.key}
        try:
            answer = self.machine.local.post("/api/instances", body)
        except GONE:
            self.unanswered[promise.key] = promise
            return
        if answer.status == 202:
            promise.id = answer.json["instance_id"]
            self.promises.append(promise)
            self.creates += 1

    def find_unanswered(self, listed):
        """Takes into the book what came of orders without an answer."""
        for one in listed.values():
            promise = self.unanswered.pop(one["client_name"], None)
            if promise:
                promise.id = one["id"]
                self.promises.append(promise)
                self.creates += 1

    def order(self, promise):
        body = {"product_id": promise.product, "client_name": promise.key}
        answer = self.ask("POST", "/api/instances", body, {"Idempotency-Key": promise.key})
        return answer.json["instance_id"]

    def delete(self, promise):
        """Deletes it and waits until it is gone."""
        promise.deleting = True
        answer = self.ask("DELETE", f"/api/instances/{promise.id}")
        status = answer.json["status"]
        assert status == "deleted", f"{promise} was deleted and is {status}"
        promise.deleted = True
        self.deletes += 1

    def restart(self, promise):
        """Restarts it, again where that was cut off."""
        call = ["busctl", "--timeout=30", "call", "network.ark.Deploy1",
                f"/network/ark/Deploy1/instance/{promise.id}", "network.ark.Deploy1.Instance", "Restart"]
        deadline = time.monotonic() + PATIENCE_S
        promise.restarting = True
        while (done := self.machine.run(*call)).returncode:
            if promise.deleting:
                return  # there is nothing to restart any more
            assert time.monotonic() < deadline, f"{promise} cannot be restarted: {done.stderr}"
            time.sleep(0.1)
        promise.restarting = False
        self.restarts += 1

    def in_background(self, function, *arguments):
        """Runs it in a thread; what goes wrong is told at the end of the round."""
        def run():
            try:
                function(*arguments)
            except Exception as error:  # pylint: disable=broad-except
                self.troubles.append(f"{function.__name__} {[str(one) for one in arguments]}: {error}")
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

    # The book

    def alive(self, **wanted):
        return [one for one in self.promises if one.id and not one.deleting and not one.may_fail
                and all(getattr(one, key) == value for key, value in wanted.items())]

    def state(self, promise):
        return self.ask("GET", f"/api/instances/{promise.id}").json

    # Rows

    def write_row(self, promise, timeout=5):
        with self.lock:
            self.rows += 1
            text = f"{promise.id} {self.rows}"
        promise.tried.add(text)
        answer = self.machine.applications.post(
            f"/instances/{promise.id}/notes", urllib.parse.urlencode({"text": text}).encode(),
            headers={"Content-Type": "application/x-www-form-urlencoded"}, timeout=timeout)
        if answer.status == 303:
            promise.acknowledged.add(text)
        return answer.status == 303

    def rows_kept(self):
        """How many rows customers were told are kept."""
        return sum(len(one.acknowledged) for one in self.promises)

    def read_rows(self, promise):
        answer = self.machine.applications.get(f"/instances/{promise.id}/notes", timeout=5)
        if answer.status != 200:
            raise OSError(f"{answer!r}")
        return {note["text"] for note in answer.json}


class Writers:
    """Customers that use their applications while all else goes on."""

    def __init__(self, customers):
        self.customers = customers
        self.ready = set()

    def __enter__(self):
        self.stop = threading.Event()
        self.thread = self.customers.in_background(self.write)
        return self

    def __exit__(self, *failure):
        self.stop.set()
        self.thread.join()

    def write(self):
        while not self.stop.is_set():
            for promise in self.customers.alive(has_database=True):
                try:
                    self.customers.write_row(promise, timeout=2)
                except GONE:
                    pass  # not acknowledged, so not promised
                if self.stop.wait(0.02):
                    return
            self.stop.wait(0.02)
