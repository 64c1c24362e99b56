# SPDX-License-Identifier: MIT
import json
import re

URL = re.compile(r"http://ark\.test:3000/instances/client_new[2-7]a{8}/")


def test_link_is_all_of_standard_output(ctl):
    done = ctl("deploy", "app", "Acme")
    assert URL.fullmatch(done.stdout.strip())
    assert "CreateInstance app Acme " in ctl.calls()


def test_phases_are_lines_elsewhere(ctl):
    lines = ctl("deploy", "app", "Acme").stderr.splitlines()
    assert re.fullmatch("Deploying app for Acme as client_new.*", lines[0])
    phases = [line.split(":")[0] for line in lines[1:]]
    # What was told before the reply is not missed.
    assert phases == ["queued", "image", "network", "volume", "database", "app", "health"]
    assert "\x1b" not in "".join(lines)


def test_phases_are_lines_on_a_dumb_terminal(ctl):
    terminal = ctl.terminal("deploy", "app", "Acme", env={"TERM": "dumb"})
    assert terminal.wait() == 0
    assert "\x1b" not in terminal.shown and "health: " in terminal.shown
    assert "\r" not in terminal.shown.replace("\r\n", "\n")


def test_bar_is_redrawn_on_a_terminal(ctl):
    terminal = ctl.terminal("deploy", "app", "Acme")
    assert terminal.wait() == 0
    shown = terminal.shown
    assert shown.count("\r") > 5 and "█" in shown and "░" in shown and "%" in shown
    for phase in ("image", "network", "volume", "database", "app", "health"):
        assert re.search(rf"✓\x1b\[0m {phase} +[0-9.]+s", shown), phase
    assert URL.fullmatch(shown.splitlines()[-1].strip().removeprefix("\r\x1b[K"))


def test_bar_fits_a_narrow_terminal(ctl):
    terminal = ctl.terminal("deploy", "app", "Acme", columns=40)
    assert terminal.wait() == 0
    for drawn in re.findall(r"\r([█░][^\r\n]*?)\x1b\[K", terminal.shown):
        assert len(drawn) < 40, drawn


def test_quiet_says_the_link_only(ctl):
    done = ctl("-q", "deploy", "app", "Acme")
    assert done.stderr == "" and URL.fullmatch(done.stdout.strip())


def test_json_is_the_instance(ctl):
    instance = json.loads(ctl("deploy", "app", "Acme", "--json=short").stdout)
    assert instance["status"] == "running" and instance["client_name"] == "Acme"


def test_default_client_is_the_user(ctl):
    ctl("deploy", "app", env={"SUDO_USER": "alice"})
    assert "CreateInstance app alice " in ctl.calls()


def test_idempotency_key_is_passed_on(ctl):
    ctl("deploy", "app", "Acme", "--idempotency-key=k1")
    assert "CreateInstance app Acme k1" in ctl.calls()


def test_no_block_does_not_wait(ctl):
    done = ctl("deploy", "slow", "Acme", "--no-block")
    assert URL.fullmatch(done.stdout.strip())
    assert "is being deployed" in done.stderr


def test_failure_says_why(ctl):
    done = ctl("deploy", "broken", "Acme", code=1)
    assert done.stdout == ""
    assert "The deploy of broken failed: app: It exited with status 1" in done.stderr
    assert "arkctl show client_new" in done.stderr


def test_interrupted_it_goes_on(ctl):
    terminal = ctl.terminal("deploy", "slow", "Acme")
    terminal.read_until("volume")
    terminal.interrupt()
    assert terminal.wait() == 130
    assert "The deploy goes on" in terminal.shown
    assert re.search(r"arkctl delete client_new", terminal.shown)


def test_daemon_that_restarts_in_between(ctl):
    done = ctl("deploy", "restarts", "Acme")
    assert URL.fullmatch(done.stdout.strip())


def test_mistyped_product(ctl):
    done = ctl("deploy", "my-raeder", "Acme", code=3)
    assert 'Did you mean the product "my-reader"?' in done.stderr


def test_refusals(ctl):
    for product, code, text in [("quota", 1, "There are 5 instances already"),
                                ("engine", 5, "arkctl status"),
                                ("denied", 4, "as root"),
                                ("challenge", 4, "as root"),
                                ("invalid", 2, "client_name: it is too long")]:
        done = ctl("deploy", product, "Acme", code=code)
        assert done.stdout == "" and text in done.stderr, done.stderr
        assert done.stderr.startswith(f"Cannot deploy {product}: "), done.stderr
