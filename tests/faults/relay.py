# SPDX-License-Identifier: MIT
"""Between the engine and the registry of the host: what the registry says is counted, and held after so many bytes."""

import contextlib
import socket
import sys
import threading

REGISTRY_PORT, PORT = 5000, 5001
EVERYTHING = sys.maxsize


class Relay:
    """Takes connections, and passes nothing on of what the registry says; until it is told to, or to cut all off."""

    def __init__(self, machine):
        self.machine = machine
        self.changed = threading.Condition()
        self.allowed = self.passed = 0  # bytes that the registry says
        self.holding = 0  # connections with more of them
        self.is_cut = False
        self.sockets = [machine.socket()]
        listener, = self.sockets
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", PORT))
        listener.listen()
        threading.Thread(target=self.serve, args=(listener,), daemon=True).start()

    def lets_through(self, n):
        """So many bytes in all."""
        with self.changed:
            self.allowed = n
            self.changed.notify_all()

    def holds(self):
        """Whether all that was allowed has been passed on, and there is more."""
        with self.changed:
            return self.passed == self.allowed and self.holding > 0

    def cut(self):
        """Ends all connections, and takes no more."""
        with self.changed:
            self.is_cut = True
            self.changed.notify_all()
            for one in self.sockets:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
                one.close()
            self.sockets.clear()

    def serve(self, listener):
        with contextlib.suppress(OSError):
            while True:
                engine, _ = listener.accept()
                registry = self.machine.connect_inside(REGISTRY_PORT)
                registry.settimeout(None)
                self.connect(engine, registry)

    def connect(self, engine, registry):
        with self.changed:
            self.sockets += [engine, registry]
            if self.is_cut:
                self.cut()
                return
        for ends in ((engine, registry, self.pass_on), (registry, engine, self.pass_on_counted)):
            threading.Thread(target=self.copy, args=ends, daemon=True).start()

    def copy(self, source, sink, pass_on):
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                pass_on(sink, data)
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def pass_on(self, sink, data):
        sink.sendall(data)

    def pass_on_counted(self, sink, data):
        while data:
            n = self.take(len(data))
            sink.sendall(data[:n])
            data = data[n:]

    def take(self, wanted):
        """How many bytes may be passed on, once any may."""
        with self.changed:
            self.holding += 1
            self.changed.wait_for(lambda: self.is_cut or self.allowed > self.passed)
            self.holding -= 1
            if self.is_cut:
                raise ConnectionAbortedError
            n = min(wanted, self.allowed - self.passed)
            self.passed += n
            return n
