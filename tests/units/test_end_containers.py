# SPDX-License-Identifier: MIT
"""What ends containers that the engine has forgotten, with a systemd of its own: wherever the engine keeps its records."""

import pathlib
import subprocess

import pytest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "packaging/arkd-end-containers"
RUNS = '{"Config":{},"State":{"Running":true,"Pid":7}}'
ENDED = '{"Config":{},"State":{"Running":false,"Pid":0}}'
SLICE = "ark-client_aaaaaaaaaaaa.slice"

SYSTEMCTL = """#!/bin/sh
case "$*" in
*is-active*) exit 3 ;;
*=ExecStart*) cat "{folder}/exec" ;;
*=Environment\\ *) cat "{folder}/environment" ;;
*=EnvironmentFiles*) echo "{folder}/file (ignore_errors=yes)" ;;
*list-units*) for id in gone ended runs; do echo "docker-$id.scope loaded active running libcontainer"; done ;;
*=Slice*) echo {slice} ;;
*kill*) echo "$@" >>"{folder}/killed" ;;
*) echo "what is $*?" >&2; exit 1 ;;
esac
"""


@pytest.fixture
def end(tmp_path):
    """Runs it: the engine is started so, its records are there; answers which were ended."""
    def run(records, command="", environment="", file="", daemon=None):
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin/systemctl").write_text(SYSTEMCTL.format(folder=tmp_path, slice=SLICE))
        (tmp_path / "bin/systemctl").chmod(0o755)
        config = tmp_path / "daemon.json"
        if daemon is not None:
            config.write_text(daemon)
        command = f"{{ path=/usr/sbin/dockerd ; argv[]=/usr/sbin/dockerd -H fd:// --config-file {config} {command} ; flags= }}"
        for name, text in (("exec", command), ("environment", environment), ("file", file)):
            (tmp_path / name).write_text(text.replace("ROOT", str(tmp_path / "root")) + "\n")
        if records:
            for name, record in (("ended", ENDED), ("runs", RUNS)):
                (tmp_path / records / name).mkdir(parents=True)
                (tmp_path / records / name / "config.v2.json").write_text(record)
        done = subprocess.run([SCRIPT], env={"PATH": f"{tmp_path}/bin:/usr/bin:/bin"}, capture_output=True, text=True)
        assert done.returncode == 0 and not done.stderr, done
        killed = tmp_path / "killed"
        return killed.read_text().split() if killed.exists() else [], done.stdout
    return run


BOTH = ["kill", "--signal=KILL", "docker-gone.scope", "kill", "--signal=KILL", "docker-ended.scope"]


@pytest.mark.parametrize("how", [
    {"command": "--data-root=ROOT $DOCKER_OPTS"}, {"command": "--data-root ROOT"}, {"command": "-g ROOT"},
    {"environment": "DOCKER_OPTS=--data-root=ROOT"}, {"file": 'A=b\nDOCKER_OPTS="--debug --data-root ROOT"'},
])
@pytest.mark.parametrize("records", ["root/containers", "root/100000.100000/containers"])
def test_where_the_engine_is_told_to(end, how, records):
    killed, said = end(records, **how)
    assert killed == BOTH and "Ended container gone" in said


@pytest.mark.parametrize("text", ['{{"debug": true, "data-root": "{}"}}', '{{\n  "data-root"\n :"{}"\n}}\n'])
def test_where_its_file_says(end, tmp_path, text):
    assert end("root/containers", daemon=text.format(tmp_path / "root"))[0] == BOTH


def test_the_command_line_counts_more_than_the_file(end):
    assert end("root/containers", "--data-root=ROOT", daemon='{"data-root": "/nowhere"}')[0] == BOTH


def test_without_records_nothing_is_ended(end):
    killed, said = end(None, "--data-root=ROOT")
    assert killed == [] and "no records in" in said and "nothing was ended" in said
