# SPDX-License-Identifier: MIT
"""What one instance may take from the others: limits that hold though its product says nothing of them."""

import os
import re
import subprocess

import pytest

from arkhost import TOP, BusError, wait_for

LEFT_OUT = re.search(r'MESSAGE_LOG_LEFT_OUT +"(\w+)"', (TOP / "src/basic/messages.h").read_text())[1]

MIB = 1024 * 1024


def files_limit(host, container):
    return files_limit_of(host, host.container(container)["State"]["Pid"])


def files_limit_of(host, pid):
    limits = host.path(f"/proc/{pid}/limits").read_text()
    return next(line.split()[3:5] for line in limits.splitlines() if line.startswith("Max open files"))


def test_every_container_has_limits(host, work):
    files = min(65536, int(files_limit_of(host, host.main_pid())[1]))
    instance = work.deploy(work.product(limits=None))
    for container, memory in ((instance.id, 1024 * MIB), (instance.database, 512 * MIB)):
        limits = host.container(container)["HostConfig"]
        assert limits["Memory"] == limits["MemorySwap"] == memory
        assert limits["NanoCpus"] >= 10**9 and limits["PidsLimit"] == 512
        assert files_limit(host, container) == [str(files)] * 2
    assert instance.ask("/").status == 200


def test_a_product_may_say_otherwise(host, work):
    limits = {"app": {"memory": 0, "cpus": None, "pids": 33, "files": 4096}}
    instance = work.deploy(work.quick(limits=limits))
    given = host.container(instance.id)["HostConfig"]
    assert (given["Memory"], given["NanoCpus"], given["PidsLimit"]) == (0, 0, 33)
    assert files_limit(host, instance.id) == ["4096", "4096"]


def status_of(host, container):
    pid = host.container(container)["State"]["Pid"]
    lines = host.path(f"/proc/{pid}/status").read_text().splitlines()
    return pid, {key: value.split() for key, _, value in (line.partition(":") for line in lines)}


def test_each_application_has_a_user_of_its_own(host, work):
    product = work.quick(user="auto")
    users = set()
    for instance in (work.deploy(product), work.deploy(product)):
        pid, status = status_of(host, instance.id)
        uid = int(status["Uid"][0])
        assert 20000 <= uid <= 59999 and set(status["Uid"]) == set(status["Gid"]) == {str(uid)}
        assert host.run("getent", "passwd", str(uid)).returncode != 0
        assert host.container(instance.id)["Config"]["User"] == f"{uid}:{uid}"
        # Whoever has another user's id on this host does not read its environment.
        read = host.run("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "cat", f"/proc/{pid}/environ")
        assert read.returncode != 0 and not read.stdout
        assert instance.ask("/").status == 200
        users.add(uid)
    assert len(users) == 2


def restart(host):
    host.exec("systemctl", "restart", "arkd.service")
    host.wait_healthy()


@pytest.fixture
def settings(host):
    file = host.path("/etc/arkd/arkd.conf.d/90-room.conf")
    yield file
    file.unlink(missing_ok=True)
    restart(host)


def test_the_last_of_the_host_is_not_given_away(host, work, settings):
    product = work.quick()
    for setting, what, there in (("MinFreeDisk=900T", "disk", "free under /var/lib/"), ("MinFreeMemory=900T", "memory", "available")):
        settings.write_text(f"[arkd]\n{setting}\n")
        restart(host)
        answer = host.public.post("/api/instances", {"product_id": product, "client_name": "Acme"})
        answer.expect_problem(503, saying=f"This host is short of {what}: ")
        assert there in answer.json["detail"] and "needs 921600 GiB" in answer.json["detail"]
        assert int(answer.header("Retry-After")) == 300
        with pytest.raises(BusError, match=f"short of {what}"):
            host.bus("CreateInstance", "ssa{sv}", product, "Acme", "0")
    settings.unlink()
    restart(host)
    work.deploy(product)


# More than the journal takes of one unit in 30 s, whatever room it has.
FLOOD = 150_000 if os.environ.get("ARK_TEST_LONG") == "1" else 60_000
PRINT = """
import sys
with open("/proc/1/fd/1", "w") as output:
    for i in range(int(sys.argv[2])):
        print(sys.argv[1], i, file=output, flush=True)
"""


def say(host, instance, text, times=1):
    """Its application's own output, as far as the engine knows."""
    return host.command("docker", "exec", instance.id, "python3", "-c", PRINT, text, str(times))


def lines(host, instance, *matches):
    return host.journal(f"ARK_INSTANCE={instance.id}", f"CONTAINER_NAME={instance.id}", *matches)


def test_long_lines_are_whole(host, work):
    """The engine cuts them into pieces of 16 KiB."""
    instance = work.deploy(work.quick(user="auto"))
    text = "x" * 100_000
    subprocess.run(say(host, instance, text), check=True)
    wait_for("it is in the log", lambda: f"app {text} 0\n" in host.exec("arkctl", "logs", instance.id) + "\n", 10)
    wait_for("it is in the journal", lambda: any(entry["MESSAGE"] == f"{text} 0" for entry in lines(host, instance, "--all")), 10)


@pytest.mark.parametrize("n", [5000, 50_000])
def test_following_loses_nothing(host, work, tmp_path, n):
    instance = work.deploy(work.quick(user="auto"))
    with (tmp_path / "followed").open("w") as file:
        follow = subprocess.Popen(host.command("arkctl", "logs", "--follow", "--lines=1", instance.id), stdout=file)
        try:
            subprocess.run(say(host, instance, "burst", n), check=True)
            wait_for("the last is shown", lambda: f"burst {n - 1}\n" in (tmp_path / "followed").read_text(), 30)
        finally:
            follow.terminate()
            follow.wait(10)
    numbers = [int(line.split()[-1]) for line in (tmp_path / "followed").read_text().splitlines() if " burst " in line]
    assert numbers == list(range(n))


def test_last_words_are_there_while_a_neighbour_floods(host, work):
    loud = work.deploy(work.quick(user="auto"))
    flood = subprocess.Popen(say(host, loud, "flood", 10_000_000), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        wait_for("it has filled its share", lambda: host.journal(f"MESSAGE_ID={LEFT_OUT}", f"ARK_INSTANCE={loud.id}"), 60)
        failing = work.order(work.quick({"MODE": "exit"}))
        failing.wait("failed")
        assert flood.poll() is None, flood.stdout.read()
        assert "giving up at once" in failing.seen_by_operator()["error"]["log"]
        assert "giving up at once" in host.exec("arkctl", "logs", failing.id)
        wait_for("the journal has them, too", lambda: [
            entry for entry in lines(host, failing) if "giving up at once" in str(entry["MESSAGE"])], 10)
    finally:
        loud.delete()
        flood.wait(30)


def test_one_that_floods_silences_nobody(host, work):
    product = work.quick(user="auto")
    loud, quiet = work.deploy(product), work.deploy(product)
    flood = subprocess.Popen(say(host, loud, "flood", FLOOD), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    wait_for("it has filled its share", lambda: host.journal(f"MESSAGE_ID={LEFT_OUT}", f"ARK_INSTANCE={loud.id}"), 60)
    subprocess.run(say(host, quiet, "still here"), check=True)
    wait_for("the other is heard", lambda: [entry for entry in lines(host, quiet) if entry["MESSAGE"] == "still here 0"], 10)
    assert flood.wait(120) == 0, flood.stdout.read()
    assert 10_000 <= len([entry for entry in lines(host, loud) if str(entry["MESSAGE"]).startswith("flood ")]) < 25_000
    # What the journal has not, the engine has, as far back as LogMax= goes.
    wait_for("the last is shown", lambda: f"flood {FLOOD - 1}" in host.exec("arkctl", "logs", loud.id, "--lines=5"), 30)
