# SPDX-License-Identifier: MIT
"""What the rounds would end at: a power cut while the engine has a container frozen, as it has while it sets limits."""

from machine import Machine

NAME = "frozen"


def test_what_is_frozen_goes_with_the_power(name):
    machine = Machine(name)
    machine.wait_healthy()
    machine.exec("docker", "run", "--detach", "--name", NAME, "ark-test/app:1")
    try:
        machine.exec("docker", "pause", NAME)
        machine.reboot("--power-cut")
        machine.wait_healthy()
    finally:
        machine.exec("docker", "rm", "--force", NAME)
