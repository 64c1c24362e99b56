# SPDX-License-Identifier: MIT
"""An application that asks its database once, at its start, after a host was booted: the engine starts both at once."""

import pytest

from arkhost import wait_for
from machine import Machine
from test_answering import HASTY, LATE, build_images, IDS
from workshop import Workshop


@pytest.fixture
def machine(name):
    machine = Machine(name)
    machine.wait_healthy()
    build_images(machine)
    yield machine
    machine.exec("docker", "image", "rm", "--force", HASTY, LATE)


@pytest.mark.parametrize("manner", [[], ["--power-cut"]])
def test_the_database_comes_first(machine, manner):
    with Workshop(machine) as work:
        instance = work.deploy(work.product(image=HASTY, database={"image": LATE, "data_path": "/var/lib/postgresql/data"}))
        machine.reboot(*manner)
        # What it asked at its start had no answer, and it has none itself until it is started again.
        wait_for("it is told", lambda: machine.journal(
            "-b", f"MESSAGE_ID={IDS['INSTANCE_SILENT']}", f"ARK_INSTANCE={instance.id}"), 60)
        instance.wait_for_page(200, 60)
        wait_for("it is well again", lambda: instance.state()["status"] == "running", 20)
        assert len(machine.journal("-b", f"MESSAGE_ID={IDS['APP_STARTED_AGAIN']}", f"ARK_INSTANCE={instance.id}")) == 1
