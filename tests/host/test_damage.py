# SPDX-License-Identifier: MIT
"""What an operator's hands and clean-up commands do to instances: a restart mends or names it, a delete leaves nothing."""

import json

import pytest

from arkhost import BusError, wait_for
from test_addresses import configured

VOLUME_IMAGE = "docker.io/ark-test/volume:1"
FILLED_IMAGE = "docker.io/ark-test/filled-volume:1"
SLOW_IMAGE = "docker.io/ark-test/slow-postgres:16"
LAST_IMAGE = "docker.io/ark-test/last-words:1"
# Longer than Docker's own ten seconds.
SLOW_S = 12
SLOW = f"""#!/bin/bash
docker-entrypoint.sh "$@" &
server=$!
trap 'sleep {SLOW_S}; kill -INT $server' INT
while kill -0 $server 2>/dev/null; do wait $server; done
"""
LAST = """#!/usr/bin/python3
import pathlib, signal, subprocess, sys
program = subprocess.Popen(sys.argv[1:])
def end(*_):
    pathlib.Path("/var/tmp/last").write_text("precious")
    program.terminate()
signal.signal(signal.SIGTERM, end)
program.wait()
"""


def docker(host, *arguments, **kwargs):
    return host.exec("docker", *arguments, **kwargs)


def restart(host, instance, *options, timeout=120):
    return host.run("arkctl", "restart", *options, instance.id, timeout=timeout)


def status(host):
    return {one["check"]: one for one in json.loads(host.run("arkctl", "status", "--json=short").stdout)}


@pytest.fixture(scope="module")
def images(host):
    """Some that declare volumes, a database that takes its time to stop, and one that writes as it ends."""
    inspected = json.loads(docker(host, "image", "inspect", "docker.io/ark-test/app:1"))[0]
    app, program = inspected["Id"], (inspected["Config"]["Entrypoint"] or []) + (inspected["Config"]["Cmd"] or [])
    for name, script in (("slow", SLOW), ("last", LAST)):
        host.path(f"/root/{name}").write_text(script)
        host.path(f"/root/{name}").chmod(0o755)
    for name, image, *changes in ((VOLUME_IMAGE, app, "VOLUME /uploads"),
                                  (FILLED_IMAGE, app, "VOLUME /uploads", "VOLUME /usr/local/share/app"),
                                  (LAST_IMAGE, app, f'ENTRYPOINT {json.dumps(["/last", *program])}', "CMD []"),
                                  (SLOW_IMAGE, "docker.io/library/postgres:16", 'ENTRYPOINT ["/slow"]',
                                   'CMD ["postgres"]')):
        made = docker(host, "create", image).strip()
        for script in ("slow", "last"):
            docker(host, "cp", f"/root/{script}", f"{made}:/{script}")
        docker(host, "commit", *[f"--change={one}" for one in changes], made, name)
        docker(host, "rm", "--volumes", made)
    yield
    docker(host, "image", "rm", "--force", VOLUME_IMAGE, FILLED_IMAGE, SLOW_IMAGE, LAST_IMAGE)


def test_renamed(host, work):
    """By its labels: it shows as running, restarts under its name again, and goes."""
    instance = work.deploy(work.quick())
    docker(host, "rename", instance.id, "byhand")
    assert instance.state()["status"] == "running"
    assert restart(host, instance).returncode == 0
    assert host.container(instance.id)["State"]["Running"]
    docker(host, "rename", instance.id, "byhand")
    instance.delete()
    assert "byhand" not in docker(host, "ps", "--all")


def test_network_pruned(host, work):
    """Its files are kept: it is joined to the new network, and not made again."""
    product = work.product()
    instance = work.deploy(product)
    made = host.container(instance.id)["Id"]
    docker(host, "stop", "--time=0", instance.id, instance.database)
    docker(host, "network", "prune", "--force")
    work.deploy(work.quick())
    answer = restart(host, instance)
    assert answer.returncode == 0, answer
    assert host.container(instance.id)["Id"] == made
    docker(host, "stop", "--time=0", instance.id, instance.database)
    docker(host, "container", "prune", "--force")
    answer = restart(host, instance)
    assert answer.returncode == 0 and "files outside its volumes are gone" in answer.stderr, answer
    assert instance.wait()["status"] == "running"


def test_volume_of_image(host, work, images):
    """It has a name and labels, is in the compose file, outlives the container and goes with the instance."""
    instance = work.deploy(work.quick(image=VOLUME_IMAGE))
    volume = f"{instance.id}_uploads"
    mounts = {one["Destination"]: one["Name"] for one in host.container(instance.id)["Mounts"] if one["Type"] == "volume"}
    assert mounts == {"/uploads": volume}
    assert volume in host.exec("arkctl", "compose", instance.id)
    path = host.engine(f"/volumes/{volume}")["Mountpoint"]
    host.path(path + "/upload").write_text("precious")
    docker(host, "rm", "--force", instance.id)
    assert restart(host, instance).returncode == 0
    assert host.path(path + "/upload").read_text() == "precious"
    docker(host, "rm", "--force", instance.id)
    instance.delete()
    assert volume not in docker(host, "volume", "ls")


def test_written_at_last(host, work, images):
    """What an application writes as it ends is not lost with a container that is made again: it stays, and runs."""
    instance = work.deploy(work.quick(image=LAST_IMAGE, read_only=False))
    made = host.container(instance.id)["Id"]
    with configured(host, "ApplicationsURL=https://apps.example:8443"):
        answer = restart(host, instance)
        assert answer.returncode == 0 and "/var/tmp/last" in answer.stderr and "--discard-files" in answer.stderr, answer
        assert host.container(instance.id)["Id"] == made and instance.state()["status"] == "running"
        assert docker(host, "exec", instance.id, "python3", "-c", "print(open('/var/tmp/last').read())") == "precious"
        # It would come again with every end.
        answer = restart(host, instance, "--discard-files")
        assert answer.returncode == 0 and host.container(instance.id)["Id"] != made, answer
        assert instance.state()["public_url"] == f"https://apps.example:8443{instance.base}/"


def write_as_app(host, instance, path):
    docker(host, "exec", instance.id, "python3", "-c", f"open({path!r}, 'x').write('precious')")


@pytest.mark.parametrize("read_only", [False, True])
def test_volume_of_a_user_of_its_own(host, work, images, read_only):
    """The folder of root's that the image declares, empty or not, is its own; what is in it stays whose it is."""
    instance = work.deploy(work.quick(image=FILLED_IMAGE, user="auto", read_only=read_only))
    uid = int(host.container(instance.id)["Config"]["User"].split(":")[0])
    mounts = {one["Destination"]: one["Source"] for one in host.container(instance.id)["Mounts"] if one["Type"] == "volume"}
    for folder in ("/uploads", "/usr/local/share/app"):
        write_as_app(host, instance, f"{folder}/upload")
        assert host.path(mounts[folder]).stat().st_uid == host.path(mounts[folder]).stat().st_gid == uid
    assert host.path(mounts["/usr/local/share/app"] + "/hostile.html").stat().st_uid == 0
    # What is there already is left as it is, also the folder itself.
    host.exec("chown", "root:root", mounts["/usr/local/share/app"])
    host.path(mounts["/uploads"] + "/upload").unlink()
    host.exec("chown", "root:root", mounts["/uploads"])
    docker(host, "rm", "--force", instance.id)
    assert restart(host, instance).returncode == 0
    assert host.path(mounts["/usr/local/share/app"] + "/upload").read_text() == "precious"
    assert host.path(mounts["/usr/local/share/app"]).stat().st_uid == 0
    write_as_app(host, instance, "/uploads/upload")
    docker(host, "rm", "--force", instance.id)
    assert restart(host, instance).returncode == 0
    assert host.path(mounts["/uploads"] + "/upload").read_text() == "precious"


def test_lost_volume(host, work):
    """Told as soon as its container is found gone, by the instance, in status and in metrics; a restart names it."""
    instance = work.deploy(work.product())
    volume = f"{instance.id}_db_data"
    docker(host, "rm", "--force", instance.database)
    docker(host, "volume", "rm", volume)
    wait_for("it is told", lambda: host.bus_property("LostVolumes") == [volume], 10)
    wait_for("the instance says so", lambda: volume in instance.seen_by_operator()["error"]["reason"], 10)
    found = status(host)
    assert found["data"]["verdict"] == "failed" and volume in found["data"]["detail"]
    assert found["instances"]["verdict"] == "warning" and instance.id in found["instances"]["detail"]
    assert "arkd_lost_volumes 1\n" in host.local.get("/metrics").expect(200).text
    answer = restart(host, instance)
    assert answer.returncode != 0 and volume in answer.stderr
    instance.delete()
    assert host.bus_property("LostVolumes") == []


def test_clean_stop(host, work, images):
    """A database that needs longer than Docker's ten seconds is not killed, by a restart or by Docker's own stop."""
    instance = work.order(work.product(database={"image": SLOW_IMAGE, "data_path": "/var/lib/postgresql/data"}))
    instance.wait(seconds=150)
    assert host.container(instance.database)["Config"]["StopTimeout"] == 60
    answer = restart(host, instance)
    assert answer.returncode == 0, answer
    host.run("systemctl", "restart", "docker.service", timeout=120)
    host.wait_healthy()
    instance.wait_for_page(200, 120)
    wait_for("it runs again", lambda: host.container(instance.database)["State"]["Running"], 30)
    wait_for("it answers", lambda: instance.sql("SELECT 1").strip() == "1", 30, every=0.5)
    log = host.run("docker", "logs", instance.database).stderr
    assert log.count("database system is ready to accept connections") >= 3
    assert "not properly shut down" not in log and "automatic recovery" not in log


def test_options(host, work):
    """An option that is not known is refused, and the method without options goes on working."""
    instance = work.deploy(work.quick())
    path = f"/network/ark/Deploy1/instance/{instance.id}"
    interface = "network.ark.Deploy1.Instance"
    with pytest.raises(BusError):
        host.bus("RestartWithOptions", "a{sv}", "1", "force", "b", "true", path=path, interface=interface)
    host.bus("Restart", path=path, interface=interface)
    assert host.bus("RestartWithOptions", "a{sv}", "1", "discard_files", "b", "true", path=path,
                    interface=interface) in ("", [""])
