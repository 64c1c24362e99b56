# SPDX-License-Identifier: MIT
"""The units as shipped: systemd accepts them, they are as confined as they should be, and the rest parses."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
PLACES = {"@NGINX_GROUP@": "root", "@SBINDIR@/arkd": "/bin/true", "@BINDIR@/arkctl": "/bin/true", "@REDIS_SERVER@": "/bin/true", "@NFT@": "/bin/true", "@LIBDIR@/arkd-drop-bridges": "/bin/true", "@LIBDIR@/arkd-end-containers": "/bin/true",
          "@SYSCONFDIR@": "/etc", "@DATADIR@": "/usr/share"}


@pytest.fixture(scope="module")
def units(tmp_path_factory):
    to = tmp_path_factory.mktemp("units")
    for source in (TOP / "units").iterdir():
        name = source.name.removesuffix(".in")
        if name.endswith((".service", ".socket", ".timer")):
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


@pytest.mark.parametrize("unit, exposure", [("arkd", 1.5), ("arkd-redis", 0.5), ("arkd-firewall", 2.5), ("arkd-bridges", 2.5), ("arkd-containers", 2.5), ("arkd-cleanup", 1)])
def test_they_are_confined(units, unit, exposure):
    seen = run("systemd-analyze", "security", "--offline=true", f"--threshold={exposure * 10:.0f}",
               units / f"{unit}.service")
    assert seen.returncode == 0, seen.stdout


def test_a_socket_each_with_its_name(units):
    for unit, name, listen in (("arkd", "public", "/run/arkd/public.sock"), ("arkd-admin", "admin", "/run/arkd/admin.sock"),
                               ("arkd-local", "local", "127.0.0.1:5050")):
        lines = (units / f"{unit}.socket").read_text().splitlines()
        assert f"FileDescriptorName={name}" in lines and f"ListenStream={listen}" in lines
        assert "Service=arkd.service" in lines
        assert {"StartLimitIntervalSec=0", "TriggerLimitIntervalSec=0"} <= set(lines), "or it fails when arkd often does"


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("nft", path="/usr/sbin"), reason="needs nft and root")
def test_nft_accepts_the_firewall():
    checked = run("/usr/sbin/nft", "--check", "--file", TOP / "units/firewall.nft")
    assert checked.returncode == 0, checked.stderr


def test_the_configuration_file_names_every_key():
    known = re.findall(r'\{ "([A-Z]\w+)", config_', (TOP / "src/arkd/arkd-config.c").read_text())
    shown = re.findall(r"^#([A-Z]\w+)=", (TOP / "packaging/arkd.conf").read_text(), re.M)
    assert len(known) > 10 and sorted(known) == sorted(shown)
