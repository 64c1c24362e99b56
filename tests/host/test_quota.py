# SPDX-License-Identifier: MIT
"""Visitors from elsewhere have so many instances and no more; the host's own callers and operators do not count."""

import contextlib
import subprocess

import pytest

from arkhost import HOSTS


@contextlib.contextmanager
def neighbour(host, last):
    """Another address of this machine on the host's network."""
    address = host.address.rsplit(".", 1)[0] + f".{last}"
    interface = "arkhost" + (HOSTS / host.name / "slot").read_text().strip()
    subprocess.run(["ip", "address", "add", f"{address}/24", "dev", interface], check=True)
    try:
        yield address
    finally:
        subprocess.run(["ip", "address", "del", f"{address}/24", "dev", interface], check=True)


@pytest.fixture
def visitors(host):
    with neighbour(host, 77) as one, neighbour(host, 78) as two:
        yield host.outside(one), host.outside(two)


def test_five_at_a_time(host, work, visitors):
    one, two = visitors
    product = work.quick()
    order = {"product_id": product, "client_name": "Acme"}
    made = [work.order(product, client=one) for _ in range(5)]
    forged = [("X-Ark-Peer-Address", "127.0.0.1"), ("X-Ark-Proxy-Key", host.proxy_key), ("X-Forwarded-For", "127.0.0.1"),
              ("X-Real-IP", "127.0.0.1"), ("Forwarded", "for=127.0.0.1")]
    for headers in ([], forged):
        answer = one.post("/api/instances", order, headers=headers)
        answer.expect_problem(429)
        assert int(answer.header("Retry-After")) > 0
    # Not for others, nor for the host itself or its operators.
    work.order(product, client=two)
    work.order(product)
    work.order(product, client=host.local)
    # One that is gone gives its place free.
    made[0].delete()
    work.order(product, client=one)
