# SPDX-License-Identifier: MIT
"""What keeps instances apart after the package is removed, with real rules in a network of the test's own."""

import pathlib
import re
import shutil
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
UNIT = (TOP / "units/arkd-isolation.service.in").read_text()
SAVED = "/var/lib/arkd-firewall/"
TABLES = "table inet arkd\ndelete table inet arkd\ntable inet arkd {{\n\tchain kept_apart {{\n\t}}\n\tchain allowed {{\n{}\t}}\n}}\n"

needs_nft = pytest.mark.skipif(not shutil.which("nft") or subprocess.run(["unshare", "-rn", "nft", "list", "ruleset"],
                               capture_output=True).returncode != 0, reason="needs nft and a network namespace")


def run(kind, saved):
    """Runs the commands of the unit as systemd does; returns whether it succeeded, and the rules."""
    script = ""
    for ignored, command in re.findall(rf"^{kind}=(-?)@NFT@ (.*)$", UNIT, re.M):
        script += f"nft {command.replace(SAVED, f'{saved}/')}" + (" || true\n" if ignored else " || exit 1\n")
    seen = subprocess.run(["unshare", "-rn", "sh", "-c", script + "nft list ruleset"], capture_output=True, text=True)
    return seen.returncode == 0, seen.stdout


@needs_nft
@pytest.mark.parametrize("kind", ("ExecStart", "ExecReload"))
def test_a_mistake_of_the_operators_leaves_the_isolation(tmp_path, kind):
    rules = tmp_path / "operator.nft"
    (tmp_path / "rules.nft").write_text(TABLES.format(""))
    # Saved by the version before this one, too.
    assert run(kind, tmp_path)[0]
    (tmp_path / "rules-with-operator.nft").write_text(TABLES.format(f'\t\tinclude "{rules}"\n'))
    rules.write_text("tcp dport 11434 accept\n")
    done, seen = run(kind, tmp_path)
    assert done and "kept_apart" in seen and "11434" in seen
    for mistake in ("no rule\n", "tcp dport accept\n", "}\n", None):
        rules.write_text(mistake) if mistake else rules.unlink()
        done, seen = run(kind, tmp_path)
        assert done and "kept_apart" in seen, mistake
    (tmp_path / "rules.nft").unlink()
    (tmp_path / "rules-with-operator.nft").unlink()
    assert not run(kind, tmp_path)[0]
