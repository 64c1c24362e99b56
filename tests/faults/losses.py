# SPDX-License-Identifier: MIT
"""Rounds in which the store loses what it was given."""

import time

from inventory import settle
from machine import UNITS, wait_for

STORE, COPY = "/var/lib/arkd-redis", "/var/tmp/store-copy"
# arkd asks the store every 10 s how often it was changed.
NOTICED_S = 30


class Losses:
    def older_store_round(self):
        """
        An older copy of the store, made in mid-deploy, is put in its place: all goes on running, is reported, and is
        taken back.
        """
        machine, customers = self.machine, self.customers
        settle(customers, self.strangers)
        victim = self.expendable()
        deploying = customers.create("faults-notes")
        time.sleep(self.random.uniform(0, 2))
        machine.exec("rm", "-rf", COPY)
        machine.exec("cp", "--archive", STORE, COPY)
        # It has come further than in the copy, if anything.
        pending = customers.state(deploying)["status"] == "pending"
        made = [customers.create(product) for product in ("faults-notes", "faults-plain")]
        made += [deploying] if pending else []
        if victim:
            customers.delete(victim)
        settle(customers, self.strangers)
        customers.write_row(deploying)
        begun = {one.id: machine.container(one.id)["State"]["StartedAt"] for one in made}
        machine.exec("systemctl", "stop", *UNITS[1:6])
        machine.exec("rm", "-rf", STORE)
        machine.exec("cp", "--archive", COPY, STORE)
        machine.exec("systemctl", "start", *UNITS[1:6])
        machine.wait_back()
        self.kill()
        machine.wait_back()
        told = wait_for("it is told what is unknown", lambda: self.unknown(made), 30)
        assert all(one.id in told for one in made), told
        machine.exec("arkctl", "adopt", "--all", timeout=120)
        for one in made:
            assert machine.container(one.id)["State"]["StartedAt"] == begun[one.id], f"{one} was restarted"
        if victim:
            assert customers.state(victim)["status"] == "deleted", f"an older store brought {victim} back"

    def unknown(self, made):
        told = self.machine.run("arkctl", "status", "--json=short").stdout
        return told if all(one.id in told for one in made) else None

    def emptied_store_round(self):
        """The store is emptied in mid-work: all is written to it again, and comes to its end."""
        threads = self.work(creates=2, deletes=1)
        time.sleep(self.random.uniform(0.1, 1))
        with self.machine.store() as redis:
            redis.ask("FLUSHALL")
        self.join(threads)
        survivor = self.customers.alive(has_database=True)[0]

        def written():
            with self.machine.store() as redis:
                return redis.ask("GET", f"secret:{survivor.id}") and redis.ask("SCARD", "products")
        wait_for("all is written again", written, NOTICED_S)
        settle(self.customers, self.strangers)
        self.kill()
