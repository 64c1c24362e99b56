# SPDX-License-Identifier: MIT
"""The rounds: in each, customers order, use and delete while something is broken under them."""

import time

from byhand import ByHand
from customers import REGISTRY_IMAGE
from losses import Losses
from machine import PATIENCE, UNITS, wait_for
from places import is_remade, is_undo, needs_database, places
from relay import EVERYTHING

# A job is given up that is begun again RetryMax= times without getting any further; a round kills less often.
RETRY_MAX = 5
KILLS_A_ROUND = RETRY_MAX - 1
# Deaths along one create, each a bit further on than the one before.
ON_THE_WAY = ["compose:after", "network:before", "volume:after", "database-container:before",
              "database-container:after", "database-login:before", "app-start:before", "health:before", "end:before"]
# Bytes of an image that has more than twice as many.
A_PART = 12 << 20
# With so many kills, every boundary of a step has its turn.
EVERY_PLACE = 200


class Rounds(ByHand, Losses):
    def __init__(self, customers, writers, random):
        self.customers, self.writers, self.random = customers, writers, random
        self.machine = customers.machine
        self.kills = self.at_places = 0
        self.unreached = []
        self.places = []
        self.reached = set()
        self.strangers = set()

    # Pieces

    def kill(self):
        self.machine.kill_daemon()
        self.kills += 1

    def kill_at_random(self, n, longest=0.7):
        for _ in range(n):
            time.sleep(self.random.uniform(0.005, longest))
            self.kill()

    def expendable(self, **wanted):
        """One that may be deleted: the first two with a database live as long as the run."""
        found = [one for one in self.customers.alive(**wanted)
                 if one not in [two for two in self.customers.promises if two.has_database][:2]]
        return self.random.choice(found) if found else None

    def work(self, creates=2, deletes=1):
        """Customers come and go, in the background; answers the threads."""
        background = self.customers.in_background
        threads = [background(self.customers.create, self.random.choice(["faults-notes", "faults-plain"]))
                   for _ in range(creates)]
        for _ in range(deletes):
            victim = self.expendable()
            if victim:
                victim.deleting = True
                threads.append(background(self.customers.delete, victim))
        return threads

    def thin_out(self, most=6):
        """So many run that deletes find something, and no more."""
        alive = self.customers.alive()
        threads = []
        for _ in range(len(alive) - most):
            victim = self.expendable()
            if victim:
                victim.deleting = True
                threads.append(self.customers.in_background(self.customers.delete, victim))
        for thread in threads:
            thread.join()

    def order_and_cancel(self):
        promise = self.customers.create("faults-notes")
        time.sleep(self.random.uniform(0, 0.8))
        self.customers.delete(promise)

    def join(self, threads):
        for thread in threads:
            thread.join(120 * PATIENCE)
            assert not thread.is_alive(), "a customer still waits"

    # Death at chosen places

    def next_place(self, fits):
        if not any(fits(one) for one in self.places):
            more = [one for one in places() if fits(one)]
            self.random.shuffle(more)
            self.places += more
        one = next(one for one in self.places if fits(one))
        self.places.remove(one)
        return one

    def begin(self, place):
        """Begins work that comes by the place."""
        customers, background = self.customers, self.customers.in_background
        if is_undo(place):
            return background(customers.create, "faults-exits-notes" if needs_database(place) else "faults-exits")
        if place.startswith("create."):
            return background(customers.create, "faults-notes")
        if place.startswith("restart."):
            promise = self.random.choice(wait_for("one is not being restarted", lambda: customers.alive(
                has_database=True, restarting=False), 60))
            self.wait_status(promise, "running", 60)
            if is_remade(place):
                self.remove_by_hand(promise)
            return background(customers.restart, promise)
        victim = self.expendable(has_database=True) or customers.create("faults-notes")
        victim.deleting = True
        return background(customers.delete, victim)

    def remove_by_hand(self, promise):
        """Its containers and its network, as far as another restart has not made them again; the data stays."""
        self.machine.run("docker", "rm", "--force", promise.id, f"{promise.id}_db")
        self.machine.run("docker", "network", "rm", f"{promise.id}_net")

    def die_at(self, place):
        """Answers the thread of the work that came by the place."""
        self.machine.arm(place)
        thread = self.begin(place)
        deadline = time.monotonic() + 30 * PATIENCE
        while self.machine.armed() and time.monotonic() < deadline:
            time.sleep(0.005)
        self.note_place(place)
        return thread

    def places_round(self, n):
        """The daemon dies at the boundaries of steps, while all that was begun goes on."""
        self.join([self.die_at(self.next_place(lambda one: True)) for _ in range(n)])

    def remade_round(self):
        """What was removed by hand is made again by a restart, though its daemon dies in the middle of that."""
        for _ in range(KILLS_A_ROUND):
            self.join([self.die_at(self.next_place(is_remade))])

    def note_place(self, place):
        if self.machine.disarm():
            self.unreached.append(place)
            print(f"          the daemon did not come by {place}", flush=True)
        else:
            self.kills += 1
            self.at_places += 1
            self.reached.add(place)

    def note_places(self, *places):
        """They were armed together."""
        deadline = time.monotonic() + 60 * PATIENCE
        while self.machine.armed() and time.monotonic() < deadline:
            time.sleep(0.005)
        left = self.machine.disarm()
        assert not left, f"the daemon did not come by {', '.join(places[-left:])}"
        self.kills += len(places)
        self.at_places += len(places)
        self.reached.update(places)

    def rest_round(self):
        """Where the daemon has not died yet in this run, it does now: there is no place that it does not come by."""
        for _ in range(3):
            for place in self.missed():
                self.join([self.die_at(place)])
        assert not self.missed(), f"the daemon never came by {', '.join(self.missed())}"

    def missed(self):
        return [one for one in places() if one not in self.reached]

    def again_round(self):
        """One create dies far on, and then early in what it does again: what it had made is not taken from under it."""
        for first, then in (("create.health:stored", "create.network:after"), ("create.end:before", "create.volume:before")):
            self.machine.arm(first, then)
            self.customers.create("faults-notes")
            self.note_places(first, then)

    def random_round(self, n):
        """The daemon dies at any instant."""
        threads = self.work(creates=2, deletes=1)
        if self.random.random() < 0.5:
            threads.append(self.customers.in_background(self.order_and_cancel))
        self.kill_at_random(n)
        self.join(threads)

    # Other faults, each with a death or two of the daemon's

    def redis_round(self):
        """Redis dies in mid-write and comes back, with arkd alive and with arkd dead."""
        threads = self.work(creates=2, deletes=1)
        threads += [self.customers.in_background(self.customers.create_once, "faults-plain") for _ in range(3)]
        for _ in range(2):
            time.sleep(self.random.uniform(0.05, 0.8))
            self.machine.signal("arkd-redis.service")
        time.sleep(self.random.uniform(0, 0.5))
        self.machine.signal("arkd-redis.service")
        self.kill()
        self.join(threads)

    def engine_round(self):
        """dockerd dies, and is restarted, in mid-work, which goes on when it is back."""
        threads = self.work(creates=2, deletes=1)
        time.sleep(self.random.uniform(0.1, 1.2))
        self.machine.signal("docker.service")
        self.kill()
        self.join(threads)
        wait_for("dockerd is back", self.machine.engine_answers, 60)
        self.machine.wait_back()
        threads = self.work(creates=1, deletes=0)
        time.sleep(self.random.uniform(0.1, 0.8))
        self.machine.run("systemctl", "reset-failed", "docker.service")  # it may be started three times a minute
        self.machine.exec("systemctl", "restart", "docker.service")
        self.join(threads)

    def tolerate_failures(self):
        """A create that was under way may fail; none of those that ran may."""
        for promise in list(self.customers.promises):
            if not promise.deleting and (not promise.id or self.customers_sees_pending(promise)):
                promise.may_fail = True

    def customers_sees_pending(self, promise):
        return self.customers.state(promise)["status"] == "pending"

    def state_disk_round(self):
        """The disk under arkd's state is full: what needs it fails and says why; deletes go on."""
        with self.machine.small_disk("/var/lib/arkd", "1m"):
            self.fill_state_disk()

    def fill_state_disk(self):
        with self.machine.full_disk("/var/lib/arkd"):
            promise = self.customers.create("faults-plain")
            promise.must_fail = promise.may_fail = True
            state = self.wait_end(promise)
            assert state["status"] == "failed", state
            assert "space" in state["error"]["reason"].lower(), state["error"]
            victim = self.expendable()
            if victim:
                self.customers.delete(victim)
        self.customers.delete(promise)

    def store_disk_round(self):
        """The disk under Redis is full: nothing new is promised, what runs goes on, and it recovers by itself."""
        survivor = self.customers.alive(has_database=True)[0]
        with self.machine.small_disk("/var/lib/arkd-redis", "64m"):
            with self.machine.full_disk("/var/lib/arkd-redis"):
                threads = self.work(creates=2, deletes=1)
                time.sleep(1.5)
                self.kill()
                assert self.customers.write_row(survivor), "an application fails because Redis' disk is full"
            self.join(threads)

    def registry_round(self):
        """
        The registry is silent, then slow in mid-pull, and the deploy waits for it; it is cut off before its first byte
        and in mid-pull, and the deploy says so.
        """
        with self.machine.registry() as registry:
            slow = self.pull("faults-pulled")
            self.get_on(registry, slow)
            registry.lets_through(EVERYTHING)
            assert self.wait_end(slow)["status"] == "running", self.customers.state(slow)
        self.customers.delete(slow)
        for in_mid_pull in (False, True):
            self.cut_off(in_mid_pull)

    def cut_off(self, in_mid_pull):
        with self.machine.registry() as registry:
            promise = self.pull("faults-cut-off", seconds=1)
            promise.may_fail = promise.must_fail = True
            if in_mid_pull:
                self.get_on(registry, promise)
            begun = time.time()
            registry.cut()
            state = self.wait_end(promise)
            # Only then the engine tries by itself to go on, for longer than the deploy may take.
            assert self.machine.retries_of_pulls(begun) == in_mid_pull, state
        assert state["status"] == "failed" and state["error"]["step"] == "image", state
        assert REGISTRY_IMAGE.split(":1")[0] in state["error"]["reason"], state["error"]
        self.customers.delete(promise)

    def pull(self, product, seconds=3):
        """Orders what must be pulled from a registry that does not answer; the pull is under way for so long."""
        self.machine.run("docker", "image", "rm", "--force", REGISTRY_IMAGE)
        promise = self.customers.create(product)
        wait_for(f"{promise} is being pulled", lambda: self.customers.state(promise)["phase"] == "image", 20)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.is_being_pulled(promise)
            time.sleep(0.2)
        return promise

    def is_being_pulled(self, promise):
        state = self.customers.state(promise)
        assert (state["status"], state["phase"]) == ("pending", "image"), state
        return state

    def get_on(self, registry, promise):
        """A part of its image comes, which shows, and more would if it were let through."""
        before = self.is_being_pulled(promise)["progress"]
        registry.lets_through(A_PART)
        wait_for("the part has come", registry.holds, 20)
        assert registry.passed == A_PART
        wait_for(f"{promise} gets on", lambda: self.is_being_pulled(promise)["progress"] > before, 20)

    def wait_end(self, promise, seconds=60):
        def ended():
            state = self.customers.state(promise)
            return state if state["status"] not in ("pending", "deleting") else None
        return wait_for(f"{promise} comes to an end", ended, seconds)

    def power_round(self):
        """All that makes it up is killed in mid-work, and starts again."""
        threads = self.work(creates=2, deletes=1)
        self.tolerate_failures()
        time.sleep(self.random.uniform(0.2, 1))
        for unit in ("arkd.service", "arkd-redis.service", "docker.service", "containerd.service"):
            self.machine.signal(unit)
        self.kills += 1
        self.machine.run("systemctl", "stop", *UNITS)
        self.machine.exec("systemctl", "start", *UNITS, timeout=120)
        self.join(threads)

    def reboot_round(self):
        """The host is stopped in mid-work and boots again."""
        self.boot_again()

    def power_cut_round(self):
        """All in the host dies at once, and it boots again. What its kernel had not written yet is not lost by this."""
        self.boot_again("--power-cut")
        self.kills += 1

    def boot_again(self, *options):
        threads = self.work(creates=2, deletes=1)
        time.sleep(self.random.uniform(0.2, 1.5))
        self.tolerate_failures()
        self.machine.reboot(*options)
        self.join(threads)

    def repeat_keys(self):
        """The same key still means the same instance."""
        for promise in self.customers.alive(repeatable=True):
            again = self.customers.order(promise)
            assert again == promise.id, f"the key {promise.key} meant {promise.id}, and now {again}"

    def crash_loop_round(self):
        """A create that its daemon never survives is given up, and leaves nothing."""
        often = 4 * RETRY_MAX
        self.machine.arm(*["create.health:before"] * often)
        promise = self.customers.create("faults-plain")
        promise.may_fail = promise.must_fail = True
        state = self.wait_end(promise)
        deaths = often - self.machine.disarm()
        assert RETRY_MAX < deaths < often, f"the daemon died {deaths} times"
        self.kills += deaths
        self.at_places += deaths
        assert state["status"] == "failed" and "too often" in state["error"]["reason"], state
        assert "app-start" in state["error"]["reason"], f"it does not tell how far its attempts came: {state}"
        self.customers.delete(promise)

    def far_round(self):
        """A create that gets further each time is not given up, though its daemon dies more often than RetryMax=."""
        assert len(ON_THE_WAY) > RETRY_MAX + 1
        on_the_way = [f"create.{place}" for place in ON_THE_WAY]
        self.machine.arm(*on_the_way)
        # The first dies before it has answered.
        thread = self.customers.in_background(self.customers.create, "faults-notes")
        self.note_places(*on_the_way)
        self.join([thread])
        promise = self.customers.promises[-1]
        state = self.wait_end(promise)
        assert state["status"] == "running", state


OTHER_ROUNDS = ["redis", "engine", "state_disk", "registry", "store_disk", "reboot", "stranger", "crash_loop", "power",
                "cleanup", "again", "power_cut", "hand", "prune", "remade", "leftover", "far", "flushed",
                "older_store", "emptied_store"]


def plan(rounds, kills):
    """
    Yields the rounds that make so many kills: boundaries of steps and random instants by turns, another fault after
    each. From 50 kills on, every fault has its turn; from EVERY_PLACE on, every boundary.
    """
    others, turn = list(OTHER_ROUNDS), 0
    while rounds.kills < kills or (kills >= 50 and turn < len(OTHER_ROUNDS)):
        if rounds.kills < kills:
            yield "random" if turn % 3 == 2 else "places", min(KILLS_A_ROUND, kills - rounds.kills)
        if kills >= 50 or turn % 2:
            yield others[turn % len(others)], None
        turn += 1
    if kills >= EVERY_PLACE:
        yield "rest", None
