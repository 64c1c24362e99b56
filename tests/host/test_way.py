# SPDX-License-Identifier: MIT
"""The way through nginx, where only a whole host shows it: health without a name, and connections that are over."""

import contextlib
import http.client
import time

import pytest

from arkhost import Client

PORTS = "net.ipv4.ip_local_port_range"
FEW, RATE = 400, 150


@pytest.fixture(scope="module")
def instance(host):
    from workshop import Workshop
    with Workshop(host) as work:
        yield work.deploy(work.quick())


@contextlib.contextmanager
def few_ports(host):
    """So few that those of a few seconds are all of them."""
    before = host.exec("sysctl", "-n", PORTS).strip()
    host.exec("sysctl", "-w", f"{PORTS}=40000 {40000 + FEW - 1}")
    try:
        yield
    finally:
        host.exec("sysctl", "-w", f"{PORTS}={before}")


@pytest.mark.parametrize("port", [3000, 3001])
def test_health_over_http_1_0(host, port):
    with host.connect_inside(port) as stream:
        stream.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        answer = stream.makefile("rb").read()
    assert b" 200 OK\r\n" in answer.partition(b"\r\n")[0] + b"\r\n" and b'"status"' in answer, answer


def test_connections_that_are_over_take_no_ports(host, instance):
    """nginx opens one for each request, and what the kernel keeps of it for a minute was in the way of others."""
    with few_ports(host), contextlib.closing(http.client.HTTPConnection("localhost:3002")) as client:
        client.sock = host.connect_inside(3002)
        begun = time.monotonic()
        for i in range(3 * FEW // 2):
            client.request("GET", f"{instance.base}/plain")
            answer = client.getresponse()
            answer.read()
            assert answer.status in (200, 404), (i, answer.status)
            time.sleep(max(0, begun + i / RATE - time.monotonic()))
