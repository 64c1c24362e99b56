# SPDX-License-Identifier: MIT
"""The units as shipped: systemd accepts them, they are as confined as they should be, and the rest parses."""

import pathlib
import re
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
PLACES = {"@SBINDIR@/arkd-firewall": "/bin/true", "@SBINDIR@/arkd": "/bin/true", "@BINDIR@/arkctl": "/bin/true", "@REDIS_SERVER@": "/bin/true", "@NFT@": "/bin/true", "@NGINX@": "/bin/true", "@LIBDIR@/arkd-nginx-config": "/bin/true", "@LIBDIR@/arkd-nginx-bind": "/bin/true", "@LIBDIR@/arkd-drop-bridges": "/bin/true", "@LIBDIR@/arkd-end-containers": "/bin/true", "@LIBDIR@/arkd-journal": "/bin/true",
          "@SYSCONFDIR@": "/etc", "@DATADIR@": "/usr/share"}


@pytest.fixture(scope="module")
def units(tmp_path_factory):
    to = tmp_path_factory.mktemp("units")
    for source in (TOP / "units").iterdir():
        name = source.name.removesuffix(".in")
        if name.endswith((".service", ".socket", ".timer", ".slice")):
            text = source.read_text()
            for place, value in PLACES.items():
                text = text.replace(place, value)
            # The manual is not installed where this runs.
            (to / name).write_text("".join(line for line in text.splitlines(True) if "Documentation=" not in line))
    return to


def run(*command):
    return subprocess.run([str(c) for c in command], capture_output=True, text=True)


def test_systemd_accepts_them(units):
    checked = run("systemd-analyze", "verify", "--man=no", *units.iterdir())
    # It speaks of this machine's other units as well.
    ours = [line for line in checked.stderr.splitlines() if "ark" in line]
    assert checked.returncode == 0 and not ours, checked.stderr


# What systemd-analyze may find open at most, in tenths; a unit that is not named is held to the last.
EXPOSURE = {"arkd.service": 10, "arkd-journal.service": 5, "arkd-redis.service": 5}
EXPOSURE_MAX = 11
SERVICES = sorted(source.name.removesuffix(".in") for source in (TOP / "units").iterdir()
                  if source.name.removesuffix(".in").endswith(".service"))


@pytest.mark.parametrize("unit", SERVICES)
def test_they_are_confined(units, unit):
    seen = run("systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE.get(unit, EXPOSURE_MAX)}",
               units / unit)
    assert seen.returncode == 0, seen.stdout


def test_arkd_warns_of_what_its_unit_keeps_it_from(units):
    allowed, = re.findall(r"^IPAddressAllow=(.*)$", (units / "arkd.service").read_text(), re.M)
    known = re.search(r"reachable\[\] = \{(.*?)\}", (TOP / "src/arkd/reach.c").read_text(), re.S)[1]
    assert allowed.replace("localhost", "127.0.0.0/8 ::1/128").split() == re.findall(r'"([^"]+)"', known)


def test_services_that_visitors_meet_start_however_often_they_end(units):
    for unit in ("arkd", "arkd-nginx", "arkd-redis"):
        lines = (units / f"{unit}.service").read_text().splitlines()
        assert {"StartLimitIntervalSec=0", "Restart=always"} <= set(lines), unit


def test_instances_come_after_the_system(units):
    settings = dict(line.split("=", 1) for line in (units / "ark.slice").read_text().splitlines() if "=" in line)
    assert int(settings["CPUWeight"]) < 100 and int(settings["IOWeight"]) < 100, "100 is system.slice's"
    assert settings["MemoryHigh"] < settings["MemoryMax"] <= "90%" and settings["TasksMax"] <= "90%"


def test_a_socket_each_with_its_name(units):
    for unit, name, listen in (("arkd", "public", "/run/arkd/public.sock"), ("arkd-admin", "admin", "/run/arkd/admin.sock"),
                               ("arkd-local", "local", "127.0.0.1:5050")):
        lines = (units / f"{unit}.socket").read_text().splitlines()
        assert f"FileDescriptorName={name}" in lines and f"ListenStream={listen}" in lines
        assert "Service=arkd.service" in lines
        assert {"StartLimitIntervalSec=0", "TriggerLimitIntervalSec=0"} <= set(lines), "or it fails when arkd often does"


def test_the_configuration_file_names_every_key():
    known = re.findall(r'\{ "([A-Z]\w+)", config_', (TOP / "src/arkd/config-key.c").read_text())
    shown = re.findall(r"^#([A-Z]\w+)=", (TOP / "packaging/arkd.conf").read_text(), re.M)
    assert len(known) > 10 and sorted(known) == sorted(shown)
