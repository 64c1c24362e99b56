#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
Walks what arkd says of itself on the bus, from the root on, and calls every method and reads and sets every property
with what nobody would send, as the user that it runs as. Prints what came of it, as a Python literal.

    fuzz.py SEED SECONDS CALLS SHARE KEPT EXPENDABLE

Of the strangest signatures and strings each method gets one of SHARE, drawn anew for each. KEPT is the id of an instance that must not be harmed, EXPENDABLE of one that may be.
"""

import collections
import random
import re
import struct
import sys
import time
import xml.etree.ElementTree as ElementTree

import sysbus
from sysbus import BUS_NAME, BUS_PATH

PROPERTIES = "org.freedesktop.DBus.Properties"
NOBODY = "client_aaaaaaaaaaaa"
NAMED = re.compile(r"(org\.freedesktop\.DBus\.Error|network\.ark\.Deploy1\.Error)\.\w+")
# Of the bus itself, when the daemon is gone or does not answer; and what a full memory would be.
LOST = {f"org.freedesktop.DBus.Error.{name}" for name in
        ("NoReply", "ServiceUnknown", "NameHasNoOwner", "Disconnected", "TimedOut", "NoMemory", "Timeout")}
LONGEST_SENTENCE = 2048
MIB = 1 << 20
# What the bus takes is 32 MiB.
LARGEST = 31 * MIB + 4096

STRINGS = ["", "x", " ", NOBODY, "client_", "client_AAAAAAAAAAAA", "../../etc/passwd", "/", "%s%n%x", "${DB_PASSWORD}",
           "a\nb", "\x01\x02\x1b[2J\x7f", "\r\n\t\v\b", "\u0085\u2028\u202e", "\ufeff", "\U0010ffff", "ñ" * 200, "'\";--",
           "null", "true", "0", "-1", "{", "{}", "[]", "[[[[[[[[[[", '{"id":"x"}', '{"id":5}', '{"id":{"id":{}}}',
           '{"id":"fuzz","name":"x","image":"x:1","env":{"A":"${B}"}}', '{"id":"x","id":"y"}', "[" * 5000, '{"a":' * 5000,
           '"\\ud800"', "1e999", "9" * 400, "x" * 255, "x" * 256, "x" * 257, "x" * 1024, "x" * 65536, "x" * 65537,
           "x" * MIB, "\x01" * MIB, "é" * (MIB // 2), '{"id":"' + "x" * 60000 + '"}', "[" + "1," * 32000 + "1]",
           "running", "failed", "status", "product", "idempotency_key", "debug", "info", BUS_NAME, PROPERTIES]
NUMBERS = {"y": 8, "q": 16, "u": 32, "t": 64, "n": -16, "i": -32, "x": -64}
SIGNATURES = ["", "s", "u", "t", "b", "d", "o", "g", "v", "y", "x", "ss", "sss", "su", "us", "tb", "bt", "tt", "st", "as", "av",
              "ay", "at", "(s)", "(ss)", "a(ss)", "a{sv}", "a{ss}", "a{us}", "a{sa{sv}}", "aaaas", "ssa{sv}", "ssa{ss}",
              "ssv", "ssav", "sa{sv}s", "ssa{sv}a{sv}", "s" * 200]
KEYS = ["status", "product", "product_id", "idempotency_key", "cursor", "limit", "id", "access_token", "", "x" * 300,
        "x" * MIB, "a\nb", "\x1b"]


class Fuzzer:
    def __init__(self, seed, share, kept, expendable):
        self.random = random.Random(seed)
        self.share = share
        self.kept, self.expendable = kept, expendable
        self.connection = sysbus.Connection(timeout=60)
        self.outcomes, self.reached, self.findings = collections.Counter(), collections.Counter(), []
        self.calls = 0

    # What is sent

    def number(self, bits):
        top = 2 ** (abs(bits) - (bits < 0))
        low = -top if bits < 0 else 0
        return self.random.choice([0, 1, low, top - 1, top // 2, 10**6, self.random.randrange(low, top)]) % top

    def value(self, kind, depth=0):
        """One of any type, of the type's strangest."""
        chance = self.random
        if kind[0] == "s":
            return chance.choice([*STRINGS, self.expendable])
        if kind[0] in NUMBERS:
            return self.number(NUMBERS[kind[0]])
        if kind[0] == "b":
            return chance.random() < 0.5
        if kind[0] == "d":
            return chance.choice([0.0, -0.0, 1e308, float("inf"), float("nan"), 5e-324])
        if kind[0] == "o":
            return chance.choice(["/", "/a", BUS_PATH, f"{BUS_PATH}/instance/{NOBODY}", "/" + "a" * 5000])
        if kind[0] == "g":
            return chance.choice(["", "s", "a{sv}", "(" * 30 + "s" + ")" * 30, "s" * 255])
        if kind[0] == "v":
            return self.variant(depth)
        if kind == "a{sv}":
            return self.options(depth)
        if kind[0] == "a":
            inner = kind[1:]
            number = chance.choice([0, 1, 3] if depth else [0, 1, 3, 1000])
            if inner[0] == "{":
                return [(self.value(inner[1], depth + 1), self.value(inner[2:-1], depth + 1)) for _ in range(min(number, 5))]
            return [self.value(inner, depth + 1) for _ in range(number if inner in "bdtuy" else min(number, 5))]
        assert kind[0] == "(", kind
        return tuple(self.value(one, depth + 1) for one in split(kind[1:-1]))

    def variant(self, depth):
        if depth == 0 and self.random.random() < 0.2:
            value = ("s", "deep")
            for _ in range(self.random.choice([1, 10, 50])):
                value = ("v", value)
            return value
        kind = self.random.choice(["s", "u", "t", "b", "d", "o", "g", "as", "ay", "a{ss}", "(ss)"])
        return kind, self.value(kind, depth + 1)

    def options(self, depth):
        number = self.random.choice([0, 1, 1, 2, 3] if depth else [0, 1, 1, 2, 5, 20000])
        if number > 5:
            return [(f"key-{n}", ("s", "x")) for n in range(number)]
        return [(self.random.choice(KEYS), self.variant(depth + 1)) for _ in range(number)]

    # What comes back

    def send(self, path, interface, member, signature, body):
        self.calls += 1
        interactive = self.random.random() < 0.3
        made = sysbus.message(path, interface, member, signature, body, interactive=interactive)
        try:
            if len(made.serialise(serial=1)) > LARGEST:
                return None, ""
            error, answer = self.connection.ask(made)
        except (BrokenPipeError, ConnectionResetError):
            self.findings.append(f"the bus hung up at {path} {interface}.{member} {signature!r} {str(body)[:120]}")
            self.connection = sysbus.Connection(timeout=60)
            return "", ""
        self.outcomes[error] += 1
        self.reached[f"{interface}.{member}"] += 1
        what = f"{path} {interface}.{member} {signature!r} {str(body)[:120]}"
        if error and (error in LOST or not NAMED.fullmatch(error)):
            self.findings.append(f"{what}: {error}: {answer[:200]}")
        elif error and (not answer or (len(answer) > LONGEST_SENTENCE and BUS_NAME in error)):
            # sd-bus itself repeats any name that it does not know.
            self.findings.append(f"{what}: {error} says {len(answer)} characters")
        return error, answer

    # The walk

    def walk(self):
        """Every method and property with an object that has it."""
        self.methods, self.properties, self.paths = [], [], []
        left = ["/"]
        while left:
            path = left.pop()
            error, (text,) = self.connection.call(path, "org.freedesktop.DBus.Introspectable", "Introspect")
            assert error is None, (path, error)
            self.paths.append(path)
            node = ElementTree.fromstring(text)
            left += [f"{path.rstrip('/')}/{one.get('name')}" for one in node.findall("node")]
            for interface in node.findall("interface"):
                name = interface.get("name")
                self.methods += [(path, name, one.get("name"), inputs(one)) for one in interface.findall("method")]
                self.properties += [(path, name, one.get("name"), one.get("type"))
                                    for one in interface.findall("property")]

    def is_spared(self, path, member, signature, expected, body):
        """What would do harm to others than the expendable instance, or take long."""
        if signature != expected:
            return False
        if member in ("Restart", "Delete"):
            return True
        return (member == "Cleanup" and not body[1]) or (member == "SetExpiry" and path.endswith(self.kept))

    def call_some(self, path, interface, member, expected):
        chance = self.random
        signature = expected if chance.random() < 0.6 else chance.choice(SIGNATURES)
        body = tuple(self.value(kind) for kind in split(signature))
        if self.is_spared(path, member, signature, expected, body):
            return
        if chance.random() < 0.1:
            path = chance.choice([path.rstrip("/") + "/x", "/", BUS_PATH, f"{BUS_PATH}/instance/{NOBODY}", f"{BUS_PATH}/product/_zz"])
        if chance.random() < 0.05:
            interface = chance.choice(["no.such.Interface", f"{BUS_NAME}.Product", "a." * 100 + "b"])
        if self.is_spared(path, member, signature, expected, body):
            return
        self.send(path, interface, member, signature, body)

    def touch(self, path, interface, name, kind):
        """A property: read, set with its own type and with others."""
        self.send(path, PROPERTIES, "Get", "ss", (interface, name))
        for signature in (kind, "v", self.random.choice(SIGNATURES[1:])):
            if len(split(signature)) == 1:
                self.send(path, PROPERTIES, "Set", "ssv", (interface, name, (signature, self.value(signature))))
        self.send(path, PROPERTIES, "Get", "ss", (interface, name + "x"))
        self.send(path, PROPERTIES, "GetAll", "s", (self.random.choice(STRINGS),))

    def some_of(self, table):
        return self.random.sample(table, -(-len(table) // self.share))

    def each_once(self):
        """Signatures and strings for every method, whatever chance would have it."""
        for path, interface, member, expected in self.methods:
            # What every object has is sd-bus's; on one it is enough.
            if path.endswith(self.kept) or (interface.startswith("org.freedesktop.DBus.") and path != BUS_PATH):
                continue
            for signature in self.some_of(SIGNATURES):
                body = tuple(self.value(kind) for kind in split(signature))
                if not self.is_spared(path, member, signature, expected, body) and signature != expected:
                    self.send(path, interface, member, signature, body)
            for text in self.some_of(STRINGS) if "s" in expected else []:
                body = tuple(text if kind == "s" else [] if kind[0] == "a" else self.value(kind) for kind in split(expected))
                if not self.is_spared(path, member, expected, expected, body):
                    self.send(path, interface, member, expected, body)

    def largest(self):
        """As large as the bus lets through, and larger."""
        for size in (16 * MIB, 31 * MIB):
            error, _ = self.send(BUS_PATH, f"{BUS_NAME}.Manager", "GetInstance", "s", ("x" * size,))
            if error is None:
                self.findings.append(f"a string of {size} bytes was taken")
        too_large = sysbus.message(BUS_PATH, f"{BUS_NAME}.Manager", "GetInstance", "s", ("x" * (33 * MIB),))
        sysbus.RawConnection().send(too_large.serialise(serial=2))

    def raw(self, number):
        """Bytes that no library would send; the bus hangs up, or passes on what happens to be right."""
        chance = self.random
        made = sysbus.message(BUS_PATH, f"{BUS_NAME}.Manager", "GetInstance", "s", ("AAAAAAAA",)).serialise(serial=2)
        for _ in range(number):
            data = bytearray(made)
            kind = chance.randrange(5)
            if kind == 0:
                bad = chance.choice([b"\xff\xfe\xfd", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"A\0A"])
                at = data.rindex(b"AAAAAAAA")
                data[at:at + len(bad)] = bad
            elif kind == 1:
                for _ in range(chance.randrange(1, 8)):
                    data[chance.randrange(len(data))] = chance.randrange(256)
            elif kind == 2:
                data[4:8] = struct.pack("<I", chance.choice([0, 1, 2**31, 2**32 - 1, 2**27]))
            elif kind == 3:
                del data[chance.randrange(16, len(data)):]
            else:
                data[12:16] = struct.pack("<I", chance.choice([0, 7, 2**26, 2**32 - 1]))
            # NO_REPLY_EXPECTED: whether an answer comes is the bus's affair.
            sysbus.RawConnection().send(bytes(data))

    def run(self, seconds, calls):
        deadline = time.monotonic() + seconds
        self.walk()
        for one in self.properties:
            self.touch(*one)
        self.each_once()
        self.largest()
        self.raw(150)
        while self.calls < calls and time.monotonic() < deadline and not self.findings:
            self.call_some(*self.random.choice(self.methods))
        # At last what changes the expendable one.
        path = f"{BUS_PATH}/instance/{self.expendable}"
        for member in ("Restart", "Delete"):
            self.send(path, f"{BUS_NAME}.Instance", member, "", ())
        return {"calls": self.calls, "outcomes": dict(self.outcomes), "findings": self.findings[:20],
                "methods": sorted({f"{interface}.{member}" for _, interface, member, _ in self.methods}),
                "untouched": sorted({f"{interface}.{member}" for _, interface, member, _ in self.methods} - set(self.reached))}


def split(signature):
    """The complete types that it consists of."""
    parts, depth, begun = [], 0, 0
    for at, letter in enumerate(signature):
        depth += (letter in "({") - (letter in ")}")
        if depth == 0 and letter != "a":
            parts.append(signature[begun:at + 1])
            begun = at + 1
    return parts


def inputs(method):
    return "".join(one.get("type") for one in method.findall("arg") if one.get("direction") != "out")


seed, seconds, calls, share, kept, expendable = sys.argv[1:]
print(repr(Fuzzer(seed, int(share), kept, expendable).run(float(seconds), int(calls))))
