# SPDX-License-Identifier: MIT
"""The programs of examples/, each run on the host as its users run it."""

import re

import pytest

from arkhost import TOP, instance_path, wait_for

FOLDER = TOP / "examples"
AS_NOBODY = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]


@pytest.fixture(scope="module")
def examples(host):
    """Where they are on the host: readable by everybody, as in /usr/share/doc."""
    there = "/opt/ark-examples"
    host.script("push", str(FOLDER), there)
    host.exec("chmod", "-R", "a+rX", there)
    yield there
    host.exec("rm", "-r", there)


def instance_of(work, url):
    return work.adopt(re.search(r"client_[a-z2-7]{12}", url).group())


def test_all_are_described_and_run():
    """A new file without its line in the README, or a program that no test here runs, fails."""
    readme = (FOLDER / "README.md").read_text()
    files = {path.name for path in FOLDER.iterdir()} - {"README.md", "meson.build"}
    assert files == {name for name in re.findall(r"^- `([\w.-]+)", readme, re.M)}
    programs = {path.name for path in FOLDER.iterdir() if path.stat().st_mode & 0o100}
    assert len(programs) == 3 and programs == {name for name in files if name.endswith((".sh", ".py"))}
    tests = open(__file__).read()
    for name in programs:
        assert f'{{examples}}/{name}"' in tests, name
        assert "SPDX-License-Identifier: MIT" in (FOLDER / name).read_text().splitlines()[1]


def test_products_are_taken(host):
    for path in sorted(FOLDER.glob("*.json")):
        already = [one["id"] for one in host.public.get("/api/products").json["items"]]
        host.bus("SetProduct", "s", path.read_text())
        if path.stem not in already:
            host.bus("DeleteProduct", "s", path.stem)


# deploy.sh

def test_busctl(host, work, examples):
    done = host.run(f"{examples}/deploy.sh", work.product(), "Ñandú y Cía")
    assert done.returncode == 0, done.stderr
    instance = instance_of(work, done.stdout)
    assert done.stdout.count("\n") == 1
    assert host.applications.get(instance_path(done.stdout.strip())).status == 200
    state = instance.state()
    assert (state["status"], state["client_name"]) == ("running", "Ñandú y Cía")
    assert "health: " in done.stderr and "database: " in done.stderr
    assert host.run("pgrep", "-x", "busctl").returncode == 1, "its monitor is left"


def test_busctl_tells_of_a_failure(host, work, examples):
    done = host.run(f"{examples}/deploy.sh", work.quick({"MODE": "exit"}), "Acme")
    instance_of(work, done.stderr)
    assert (done.returncode, done.stdout) == (1, "")
    assert "is failed: " in done.stderr and "exit status 3" in done.stderr


def test_busctl_without_such_a_product_or_the_right_to_watch(host, examples):
    done = host.run(f"{examples}/deploy.sh", "no-such-product")
    assert (done.returncode, done.stdout) == (1, "") and "no-such-product" in done.stderr
    done = host.run(*AS_NOBODY, f"{examples}/deploy.sh", "miniflux")
    assert (done.returncode, done.stdout) == (1, "") and "cannot be watched" in done.stderr
    assert host.run(f"{examples}/deploy.sh").returncode == 1


# deploy-for-all.sh

def test_arkctl_and_jq(host, work, examples):
    product = work.quick()

    def run(customers):
        done = host.run(f"{examples}/deploy-for-all.sh", product, input=customers)
        rows = [line.split("\t") for line in done.stdout.splitlines()]
        for _, id, _ in rows:
            work.adopt(id)
        return done, rows
    done, first = run("Acme\n\nÑandú y Cía\n")
    assert done.returncode == 0, done.stderr
    assert [client for client, _, _ in first] == ["Acme", "Ñandú y Cía"]
    for _, id, url in first:
        assert id in url and host.applications.get(instance_path(url)).status == 200
    # Again, with one more and without the last newline: those there are stay as they are.
    done, second = run("Acme\nÑandú y Cía\nBeta")
    assert done.returncode == 0, done.stderr
    assert second[:2] == first and second[2][0] == "Beta" and len(second) == 3


def test_arkctl_and_jq_go_on_after_a_failure(host, work, examples):
    product = work.quick()
    done = host.run(f"{examples}/deploy-for-all.sh", product, input=f"{'x' * 65}\nAcme\n")
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    for _, id, _ in rows:
        work.adopt(id)
    assert done.returncode == 1 and [row[0] for row in rows] == ["Acme"]
    assert "client_name" in done.stderr and "1 could not be deployed" in done.stderr


# watch.py

@pytest.fixture
def watch(host, examples):
    """Starts it as an ordinary user's service; answers a function that tells what it has printed so far."""
    unit = "ark-example-watch.service"

    def start(*statuses):
        host.exec("systemd-run", f"--unit={unit}", "--uid=nobody", "--quiet",
                  f"{examples}/watch.py", *statuses)

        def told(id):
            entries = host.journal(f"_SYSTEMD_UNIT={unit}", f"_SYSTEMD_INVOCATION_ID={invocation}")
            rows = [entry["MESSAGE"].split("\t") for entry in entries if "\t" in entry["MESSAGE"]]
            return [row[2:] for row in rows if row[1] == id]
        invocation = host.unit(unit, "InvocationID")["InvocationID"]
        return told
    yield start
    host.exec("systemctl", "stop", unit)
    assert host.unit(unit, "ActiveState")["ActiveState"] == "inactive", "it did not end well"


def test_python(host, work, examples, watch):
    before = work.deploy(work.quick())
    told = watch()
    wait_for("what is there was told", lambda: [["running", "Acme", "Ready"]] == told(before.id))
    after = work.deploy(before.created["product_id"], "Ñandú y Cía")
    wait_for("the new one was told", lambda: ["running", "Ñandú y Cía", "Ready"] in told(after.id))
    # It is neither told again nor told as deleted when arkd comes back.
    host.exec("systemctl", "restart", "arkd.service")
    host.wait_healthy()
    after.delete()
    wait_for("its end was told", lambda: told(after.id)[-1][0] == "deleted")
    assert [row[0] for row in told(after.id)] == ["pending", "running", "deleting", "deleted"]
    assert len(told(before.id)) == 1


def test_python_tells_what_it_is_asked_for(host, work, examples, watch):
    told = watch("failed")
    bad = work.order(work.quick({"MODE": "exit"}))
    bad.wait("failed")
    good = work.deploy(work.quick())
    row, = wait_for("the failure was told", lambda: told(bad.id))
    assert row[0] == "failed" and "exit status 3" in row[2]
    assert told(good.id) == []
    assert host.run(f"{examples}/watch.py", "--nonsense").returncode == 2
