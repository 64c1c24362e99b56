# SPDX-License-Identifier: MIT
"""
A neighbour of the host, in a network namespace of its own: listens on the TCP ports that it is given, on all its
addresses, and answers any question for an IPv4 address of DNS on port 53, UDP and TCP, with 192.0.2.53.
"""

import contextlib
import socket
import struct
import sys
import threading

ANSWER = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 0, 4) + socket.inet_aton("192.0.2.53")


def answer(question):
    """Answers A questions, and says that there is nothing else."""
    end = question.index(b"\0", 12) + 5
    kind = struct.unpack("!H", question[end - 4:end - 2])[0]
    found = ANSWER if kind == 1 else b""
    return question[:2] + struct.pack("!HHHHH", 0x8180, 1, 1 if found else 0, 0, 0) + question[12:end] + found


def serve_udp():
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("", 53))
    while True:
        question, who = server.recvfrom(4096)
        # Whose address is not masked, as after a flush of the rules, has none that is known here.
        with contextlib.suppress(OSError):
            server.sendto(answer(question), who)


def serve_tcp(server):
    while True:
        connection, _ = server.accept()
        connection.close()


def main():
    sys.stdin.readline()  # its interface is there from now on
    for port in map(int, sys.argv[1:]):
        server = socket.create_server(("", port))
        threading.Thread(target=serve_tcp, args=[server], daemon=True).start()
    threading.Thread(target=serve_udp, daemon=True).start()
    print("ready", flush=True)
    sys.stdin.read()


main()
