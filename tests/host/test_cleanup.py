# SPDX-License-Identifier: MIT
"""The cleanup where not all goes well: what cannot be deleted keeps nobody else, and several at once do no harm."""

import concurrent.futures
import contextlib
import time

from arkhost import BUS_NAME, BUS_PATH, wait_for
from callers import monitor
from workshop import assert_gone

UNIT = "arkd-cleanup.service"
# So many are deleted at a time.
AT_ONCE = 4
# Each at its own expiry.
NO_AGE = str(2**64 - 1)


def past_their_time(host, work, n):
    product = work.quick()
    instances = [work.order(product) for _ in range(n)]
    for instance in instances:
        instance.wait()
        host.bus("SetExpiry", "t", "1", path=f"{BUS_PATH}/instance/{instance.id}", interface=f"{BUS_NAME}.Instance")
    return instances


@contextlib.contextmanager
def undeletable(host, instances):
    """A folder is in the place of its compose file, which is the last that a delete removes."""
    files = [f"/var/lib/arkd/compose/compose.{one.id}.yml" for one in instances]
    host.exec("sh", "-euc", 'for file; do rm "$file"; mkdir "$file"; done', "sh", *files)
    try:
        yield
    finally:
        host.run("rmdir", *files)


def said_by_unit(host, since):
    """What its program printed."""
    return [one["MESSAGE"] for one in host.journal(f"--unit={UNIT}", "--identifier=arkctl", since)]


def now():
    return f"--since=@{time.time():.6f}"


def test_what_cannot_be_deleted_keeps_nobody_else(host, work):
    """The unit fails and tells how many; the next cleanup tries them again."""
    # The last has its turn only when one before it has failed.
    *held, last = past_their_time(host, work, AT_ONCE + 1)
    since = now()
    with undeletable(host, held):
        assert host.run("systemctl", "start", UNIT).returncode != 0
        assert host.unit(UNIT, "Result", "ExecMainStatus") == {"Result": "exit-code", "ExecMainStatus": "1"}
        said = said_by_unit(host, since)
        assert f"{AT_ONCE} instances could not be deleted; they are tried again by the next cleanup." in said, said
        for one in held:
            assert [line for line in said if line.startswith(f"{one.id} could not be deleted: ")], said
            assert one.state()["status"] == "failed"
        assert last.id in said
        assert_gone(host, last.id)
    since = now()
    host.exec("systemctl", "start", UNIT)
    assert host.unit(UNIT, "Result")["Result"] == "success"
    assert sorted(said_by_unit(host, since)) == sorted(one.id for one in held)
    assert {one.state()["status"] for one in held} == {"deleted"}


def test_three_at_once(host, work, tmp_path):
    """Each tells of all that was due when it began, whoever deleted it, and each instance is deleted once."""
    due = past_their_time(host, work, AT_ONCE + 1)
    ids, since = sorted(one.id for one in due), now()

    def calls():
        return [one for one in seen() if one.get("member") == "Cleanup" and one["type"] == "method_call"]

    with monitor(host, tmp_path) as seen, concurrent.futures.ThreadPoolExecutor() as pool:
        # Until nothing can be stored, none is being deleted, so that each of them finds all of it.
        with host.paused("arkd-redis.service"):
            with host.paused("arkd.service"):
                called = [pool.submit(host.bus, "Cleanup", "tb", NO_AGE, "false") for _ in range(2)]
                host.exec("systemctl", "start", "--no-block", UNIT)
                wait_for("all have called", lambda: len(calls()) == 3)
            # This is behind them.
            dry = host.bus("Cleanup", "tb", NO_AGE, "true")
            assert (sorted(dry[0]), dry[1]) == (ids, [])
        for removed, failed in [one.result() for one in called]:
            assert (sorted(removed), failed) == (ids, [])
    wait_for("the unit is done", lambda: host.unit(UNIT, "ActiveState")["ActiveState"] == "inactive")
    assert host.unit(UNIT, "Result")["Result"] == "success"
    assert sorted(said_by_unit(host, since)) == ids
    told = [one["MESSAGE"] for one in host.journal("--unit=arkd", since)]
    assert told.count(f"Cleanup removed {len(ids)} instances, 0 could not be removed") == 3, told
    for one in due:
        ends = [line for line in told if line.startswith(f"Instance {one.id} of ") and " is deleted after " in line]
        assert len(ends) == 1, told
        assert one.state()["status"] == "deleted"
