# SPDX-License-Identifier: MIT
"""Rounds in which somebody else has a hand in it: an operator, a stranger, the calendar."""

import datetime
import functools
import json
import time

from inventory import settle
from machine import UNITS, wait_for
import targets  # in a folder that machine adds

IMAGE = "docker.io/ark-test/app:1"


class ByHand:
    def hand_round(self):
        """Containers stopped and removed by hand show within a second; a restart and a delete set it right."""
        stopped, removed = (self.customers.create(name) for name in ("faults-notes", "faults-plain"))
        settle(self.customers, self.strangers)
        self.is_told_at_once(stopped, "has ended", "docker", "stop", "--time=0")
        self.customers.restart(stopped)
        self.is_told_at_once(removed, "has been removed", "docker", "rm", "--force")
        removed.may_fail = True
        self.kill()
        self.customers.delete(removed)

    def prune_round(self):
        """
        What an operator's clean-up commands take of stopped instances is set right by a restart, which loses no data; of
        a volume that is gone it is told at once, and a delete leaves nothing.
        """
        kept, lost = (self.customers.create("faults-notes") for _ in range(2))
        settle(self.customers, self.strangers)
        self.prune(kept, "network")
        self.customers.create("faults-plain")
        self.customers.restart(kept)
        self.wait_status(kept, "running")
        self.prune(kept, "container", "network")
        self.customers.restart(kept)
        self.wait_status(kept, "running")
        lost.may_fail = True
        self.prune(lost, "container", "volume")
        volume = f"{lost.id}_db_data"
        wait_for("it is told which volume is gone", lambda: volume in self.machine.bus_property("LostVolumes"), 30)
        wait_for("the instance says so", lambda: volume in self.customers.state(lost)["error"]["reason"], 10)
        self.kill()
        self.customers.delete(lost)

    def prune(self, promise, *kinds):
        self.machine.exec("docker", "stop", "--time=0", promise.id, f"{promise.id}_db")
        for kind in kinds:
            self.machine.exec("docker", kind, "prune", "--force")
            if kind == "volume":  # newer engines leave those with a name, unless they are told
                self.machine.run("docker", kind, "prune", "--force", "--all")

    def is_told_at_once(self, promise, how, *command):
        """Three times over, as a machine that is busy may be late itself; it is down after the last."""
        late = []
        for again in range(3):
            if again:
                self.customers.restart(promise)
                self.wait_status(promise, "running")
            late.append(self.seconds_until_told(promise, how, *command))
        assert min(late) <= 1, f"{promise} was ended by hand, which showed after {late} s"

    def seconds_until_told(self, promise, how, *command):
        """By the engine's clock when its container ended, and by the journal's when arkd said so."""
        machine, begun = self.machine, time.time()
        machine.exec(*command, promise.id)
        self.wait_status(promise, "failed")
        wait_for("it is said how", lambda: how in self.customers.state(promise)["error"]["reason"], 10)
        ended = machine.exec("docker", "events", f"--since={begun:.6f}", f"--until={time.time():.6f}",
                             f"--filter=container={promise.id}", "--filter=event=die", "--format={{json .}}")
        told = [int(one["__REALTIME_TIMESTAMP"]) / 1e6
                for one in machine.journal("--unit=arkd", f"ARK_INSTANCE={promise.id}", f"--since=@{begun:.6f}")
                if how in one["MESSAGE"]]
        return min(told) - min(json.loads(line)["timeNano"] / 1e9 for line in ended.splitlines())

    def wait_status(self, promise, status, seconds=20):
        wait_for(f"{promise} shows as {status}", lambda: self.customers.state(promise)["status"] == status, seconds)

    def leftover_round(self):
        """
        What has this deployment's labels and no instance goes at the next start, but never a volume; nor what has no
        labels, or another deployment's.
        """
        machine, ours, theirs = self.machine, "client_aaaaaaaaaaaa", "client_bbbbbbbbbbbb"
        survivor = self.customers.alive()[0]
        deployment = machine.container(survivor.id)["Config"]["Labels"]["network.ark.deployment"]
        machine.exec("systemctl", "stop", *UNITS[1:5])
        self.make_leftovers(ours, deployment, 1)
        self.make_leftovers(theirs, deployment[::-1].replace("0", "1"), 2)
        machine.exec("docker", "run", "--detach", "--name", "strangers", IMAGE)
        deleted = machine.path(f"/var/lib/arkd/compose/deleted.{ours}")
        deleted.write_text("2026-01-01T00:00:00.000000Z\n")
        try:
            machine.exec("systemctl", "start", *UNITS[1:5])
            machine.wait_back()
            wait_for("the network is gone", lambda: ours not in machine.exec("docker", "network", "ls"), 30, every=0.3)
            assert ours not in machine.exec("docker", "ps", "--all"), "the container outlived its network"
            assert f"{ours}_db_data" in machine.exec("docker", "volume", "ls"), "a volume that may hold data was removed"
            told = machine.exec("journalctl", "--unit=arkd", "--lines=200", "--output=cat")
            assert f"{ours}_db_data" in told, "nobody is told of the volume"
            assert f"{theirs}_db_data" not in told, "another deployment's volume is told of"
            self.are_untouched("strangers", theirs)
        finally:
            deleted.unlink()
            machine.run("docker", "rm", "--force", "strangers", theirs)
            machine.run("docker", "network", "rm", f"{theirs}_net")
            machine.run("docker", "volume", "rm", f"{ours}_db_data", f"{theirs}_db_data")

    def make_leftovers(self, id, deployment, n):
        docker = functools.partial(self.machine.exec, "docker")
        labels = [f"--label=network.ark.deployment={deployment}", f"--label=network.ark.instance={id}"]
        docker("network", "create", *labels, f"--subnet=10.99.{n}.0/28", f"{id}_net")
        docker("volume", "create", *labels, f"{id}_db_data")
        docker("run", "--detach", "--name", id, "--network", f"{id}_net", *labels, IMAGE)

    def are_untouched(self, unlabelled, theirs):
        for name in (unlabelled, theirs):
            seen = self.machine.container(name)
            assert seen["State"]["Running"] and seen["RestartCount"] == 0, f"{name}, a stranger's, was stopped"
        assert theirs in str(self.machine.engine(f"/networks/{theirs}_net")["Containers"])
        self.machine.engine(f"/volumes/{theirs}_db_data")

    def stranger_round(self):
        """Someone else's container has the name: it is refused, and left alone by undo and by delete."""
        for _ in range(5):
            with self.machine.frozen_daemon(lambda: self.customers.create("faults-plain")) as promise:
                taken = self.take_name(promise.id)
            if taken:
                break  # else arkd was faster
        assert taken, "arkd was faster five times over"
        promise.must_fail = promise.may_fail = True
        self.strangers.add(promise.id)
        state = self.wait_end(promise)
        assert state["status"] == "failed", f"{promise} has its name taken, and is {state}"
        assert promise.id in state["error"]["reason"], state["error"]
        self.machine.container(promise.id)
        self.customers.delete(promise)
        self.machine.container(promise.id)
        self.machine.exec("docker", "rm", "--force", promise.id)
        self.strangers.discard(promise.id)

    def take_name(self, name):
        body = {"Image": IMAGE, "Entrypoint": ["/bin/true"]}
        return self.machine.unix("/run/docker.sock").post(f"/containers/create?name={name}", body).status == 201

    def flushed_round(self):
        """Somebody flushes the kernel's rules in mid-work: those of isolation are back within a second, also where what
        keeps them dies as well; the engine's own are back when it is restarted, which nothing does by itself."""
        machine = self.machine
        one, two = self.customers.alive(has_database=True)[:2]
        neighbours = [(machine.container(name)["NetworkSettings"]["Networks"][network]["IPAddress"], port)
                      for name, network, port in ((two.id, "ark_production", 8080),
                                                  (f"{two.id}_db", f"{two.id}_net", 5432))]
        assert targets.reached_by(machine, [], neighbours) == set(neighbours)
        engine = machine.main_pid("docker.service")
        threads = self.work(creates=2, deletes=1)
        for victim in (None, "arkd-firewall.service", None):
            time.sleep(self.random.uniform(0.1, 0.6))
            self.tolerate_failures()
            machine.exec("nft", "flush", "ruleset")
            if victim:
                machine.signal(victim)
            wait_for("the rules are back", self.isolation_is_in_force, 3 if victim else 1)
            reached = targets.reached_from(machine, one.id, neighbours, "0")
            assert not reached, f"after a flush {one} reaches {reached} of {two}"
        assert machine.main_pid("docker.service") == engine, "something restarted the engine"
        self.tolerate_failures()
        machine.exec("systemctl", "restart", "docker.service")
        self.join(threads)

    def isolation_is_in_force(self):
        return all(self.machine.run("nft", "list", "chain", family, "arkd", "forward").returncode == 0
                   for family in ("inet", "bridge"))

    def cleanup_round(self):
        """What is 31 days old goes, and that alone."""
        customers, machine = self.customers, self.machine
        old, kept, young = (customers.create("faults-plain") for _ in range(3))
        settle(customers, self.strangers)
        machine.bus("SetExpiry", "t", str(2**64 - 1), path=f"/network/ark/Deploy1/instance/{kept.id}",
                    interface="network.ark.Deploy1.Instance")
        machine.exec("systemctl", "stop", *UNITS[1:5])
        for promise in (old, kept):
            self.age(promise, 31)
            promise.repeatable = False  # a key is good for a day
        machine.exec("systemctl", "start", *UNITS[1:5])
        machine.wait_back()
        dry = machine.bus("Cleanup", "tb", str(2**64 - 1), "true")
        assert dry == [[old.id], []], f"a dry run of the cleanup would remove {dry}, not {old}"
        if machine.run("systemctl", "cat", "arkd-cleanup.service").returncode == 0:
            machine.exec("systemctl", "start", "arkd-cleanup.service")
        else:
            removed = machine.bus("Cleanup", "tb", str(2**64 - 1), "false")
            assert removed == [[old.id], []], f"the cleanup removed {removed}, not {old}"
        old.deleting = old.deleted = True
        customers.deletes += 1
        assert customers.state(old)["status"] == "deleted", f"{old} outlived the cleanup"
        for promise in (kept, young):
            assert customers.state(promise)["status"] == "running", f"the cleanup took {promise}"

    def age(self, promise, days):
        with self.machine.store() as redis:
            record = json.loads(redis.ask("GET", f"instance:{promise.id}"))
            for field in ("created_at", "expires_at"):
                if record.get(field):
                    then = datetime.datetime.fromisoformat(record[field].replace("Z", "+00:00"))
                    then -= datetime.timedelta(days=days)
                    # As people's tools write it: with Z or +00:00.
                    record[field] = then.isoformat().replace("+00:00", self.random.choice(("Z", "+00:00")))
            redis.ask("SET", f"instance:{promise.id}", json.dumps(record))
