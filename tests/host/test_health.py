# SPDX-License-Identifier: MIT
"""
A container that becomes unhealthy by its image's own check is told of, and so is one that dies and is begun again by
the engine; and that it is well again.
"""

import time

import pytest

from arkhost import BUS_NAME, BUS_PATH, wait_for

IMAGE = "docker.io/ark-test/checked:1"
DOCKERFILE = """
FROM docker.io/ark-test/app:1
HEALTHCHECK --interval=1s --timeout=5s --retries=1 \\
    CMD ["python3", "-c", "import os, sys; sys.exit(os.path.exists('/tmp/sick'))"]
"""


@pytest.fixture
def image(host):
    """To be asked for before work: instances must be gone when it goes."""
    host.exec("docker", "build", "--quiet", "--tag", IMAGE, "-", input=DOCKERFILE)
    yield IMAGE
    host.exec("docker", "image", "rm", "--force", IMAGE)


def test_unhealthy(host, image, work):
    instance = work.deploy(work.quick(image=image, read_only=False))
    wait_for("it is healthy", lambda: health(host, instance) == "healthy", 20)
    host.exec("docker", "exec", instance.id, "python3", "-c", "open('/tmp/sick', 'w')")
    wait_for("it is unhealthy", lambda: health(host, instance) == "unhealthy", 20)
    wait_for("visitors are told", lambda: "is unhealthy" in instance.state()["message"], 5)
    # It may yet answer, so its link is not taken away.
    assert instance.state()["status"] == "running"
    instance.ask("/").expect(200)
    assert host.bus_property("Message", path=f"{BUS_PATH}/instance/{instance.id}",
                             interface=f"{BUS_NAME}.Instance") == instance.state()["message"]
    assert host.journal(f"ARK_INSTANCE={instance.id}", "--unit=arkd", "--grep=is unhealthy")

    host.exec("docker", "exec", instance.id, "python3", "-c", "import os; os.unlink('/tmp/sick')")
    wait_for("it is healthy again", lambda: health(host, instance) == "healthy", 20)
    wait_for("visitors are told so", lambda: instance.state()["message"] == "Ready", 5)
    assert host.journal(f"ARK_INSTANCE={instance.id}", "--unit=arkd", "--grep=runs again as it should")


def health(host, instance):
    return host.container(instance.id)["State"]["Health"]["Status"]


def test_dies_and_is_begun_again(host, work):
    """It shows within a second that its container is being restarted, and that it runs again."""
    instance = work.deploy(work.product())
    for name, what in ((instance.id, "The container of the application"),
                       (instance.database, "The container of its database")):
        told = f"{what} ended with exit status 137 and is being restarted"
        assert told_of_a_kill(host, instance, name, told), f"{name} was killed, and nobody was told"
        wait_for("it runs", lambda: host.container(name)["State"]["Status"] == "running", 10)
        wait_for("visitors are told so", lambda: instance.state()["message"] == "Ready", 1)
        entries = host.journal(f"ARK_INSTANCE={instance.id}", "--unit=arkd")
        assert [one["MESSAGE"] for one in entries][-2:] == [f"Instance {instance.id} runs, but: {told}",
                                                            f"Instance {instance.id} runs again as it should"]
    wait_for("it serves again", lambda: instance.ask("/notes").status == 200, 30)


def told_of_a_kill(host, instance, name, told):
    """
    Whether it is told within a second that the container is being restarted: that lasts for 0.1 s, twice as long the
    next time, and so on.
    """
    for _ in range(5):
        pid, killed = wait_for("it runs", lambda: host.container(name)["State"]["Pid"]), time.monotonic()
        host.exec("kill", "-KILL", pid)
        while (state := instance.state()) and time.monotonic() < killed + 1:
            assert (state["status"], state["error"]) == ("running", None), state
            if state["message"] == told:
                return True
        # What comes late is not taken for the next one's.
        wait_for("it is over", lambda: time.monotonic() > killed + 2 and instance.state()["message"] == "Ready", 10)
    return False
