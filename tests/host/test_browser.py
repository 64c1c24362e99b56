# SPDX-License-Identifier: MIT
"""The click in a real Chromium, from another machine: button, dialog, link, the application's own page."""

import datetime
import json
import shutil
import subprocess

import pytest

from arkhost import TOP

PHASES = ["queued", "image", "network", "volume", "database", "app", "health"]
MONTHS = {
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre".split(),
    "en": "January February March April May June July August September October November December".split(),
}


@pytest.fixture(scope="session")
def node():
    """Node with Playwright's core, which the frontend's tests use too."""
    for program in ("node", "chromium"):
        assert shutil.which(program), f"{program} is missing; run packaging/install-deps"
    if not (TOP / "frontend/node_modules/playwright-core").is_dir():
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"], cwd=TOP / "frontend", check=True,
                       timeout=600)
    return shutil.which("node")


@pytest.fixture
def browse(host, work, node):
    """Plays a scene of browser.mjs and answers what was seen; the instances it made are the workshop's."""
    def play(scene, **settings):
        settings["url"] = f"http://{host.address}:3000/"
        done = subprocess.run([node, TOP / "tests/host/browser.mjs", scene, json.dumps(settings)],
                              capture_output=True, text=True, timeout=180)
        seen = json.loads(done.stdout)
        seen["instances"] = [work.adopt(id) for id in seen["ids"]]
        assert done.returncode == 0, done.stderr + done.stdout
        assert seen["problems"] == []
        return seen
    return play


def check_deploy(host, seen):
    instance, = seen["instances"]
    reached = [phase for phase in seen["phases"] if phase in PHASES]
    assert reached == sorted(reached, key=PHASES.index) and len(reached) >= 2, seen
    assert seen["stages"] == ["form", "progress", "ready"]
    assert seen["link"] == {"target": "_blank", "rel": "noopener noreferrer", "path": f"/instances/{instance.id}/"}
    assert seen["app"]["url"].startswith(f"http://{host.address}:3002/instances/{instance.id}/")
    assert seen["app"]["opener"] is None and seen["app"]["storage"] == 0
    return instance


def check_until(seen, until):
    """The dialog and the row tell until when there is the instance."""
    assert f" {until}." in seen["ready"] and seen["row"].count(until) == 1, seen


@pytest.mark.parametrize("locale, words", [
    ("es-ES", {"lang": "es", "button": "Desplegar", "link": "Acceder a mi aplicación",
               "until": "Disponible hasta el {} de {} de {}"}),
    ("en-GB", {"lang": "en", "button": "Deploy", "link": "Open my application", "until": "Available until {} {} {}"}),
])
def test_miniflux(host, browse, locale, words):
    seen = browse("miniflux", locale=locale, client="Panadería Ñandú")
    instance = check_deploy(host, seen)
    assert seen["lang"] == words["lang"] and seen["button"] == words["button"]
    assert words["link"] in seen["linkText"]
    assert len(seen["credentials"]) == 2 and len(seen["credentials"][1]) == 24
    assert seen["loggedIn"] is True
    assert seen["mine"] is True
    assert instance.state()["client_name"] == "Panadería Ñandú"
    expires = datetime.datetime.fromisoformat(instance.state()["expires_at"])
    check_until(seen, words["until"].format(expires.day, MONTHS[seen["lang"]][expires.month - 1], expires.year))
    assert instance.sql("select username from users") == seen["credentials"][0]


def test_a_row_is_written_and_read_back(host, work, browse):
    product = work.product(expires_days=0)
    seen = browse("notes", product=product, client="Acme", note="Grüße & <b>50 €</b>")
    instance = check_deploy(host, seen)
    check_until(seen, "Does not expire")
    assert seen["notes"] == seen["notesAfterReload"] == ["Grüße & <b>50 €</b>"]
    assert seen["credentials"] == []
    assert instance.sql("select text from notes") == "Grüße & <b>50 €</b>"


def test_failure_is_shown_and_tried_again(work, browse):
    product = work.quick({"MODE": "exit"})
    seen = browse("failure", product=product, client="Acme", locale="es-ES")
    first, second = seen["instances"]
    assert first.id != second.id
    reason = first.state()["error"]["reason"]
    assert reason and reason in seen["text"]
    assert "Comprobar que responde" in seen["text"]
    assert "MODE=exit" not in seen["text"]


def test_name_is_checked_by_the_page(host, browse):
    before = host.local.get("/api/instances").json["items"]
    seen = browse("names", product="miniflux")
    assert all(seen["errors"]) and len(seen["errors"]) == 2
    assert host.local.get("/api/instances").json["items"] == before


def test_waiting_page_becomes_the_application(work, browse):
    """One who follows the link too early waits there."""
    instance = work.order(work.product())
    seen = browse("wait", path=f"/instances/{instance.id}/")
    assert seen["heading"] == "Test app of Acme"


# What applications may do to each other, since they share an origin: doc/security.md says so.
OPEN = {"read the neighbour", "frame the neighbour"}


def print_attempts(title, attempts):
    print(f"\n{title}")
    for name, result in attempts.items():
        verdict, what = next(iter(result.items()))
        print(f"  {name:28} {verdict:8} {what[:90]!r}")


def check_attempts(title, attempts, may=frozenset()):
    print_attempts(title, attempts)
    assert len(attempts) == 16
    assert {name for name, result in attempts.items() if "got" in result} == set(may)


def test_hostile_application(host, work, browse):
    """It gets nothing of the landing page, however it was opened, nor of its visitors' tokens."""
    neighbour = work.deploy(work.quick(), "Neighbour")
    product = work.quick()
    origins = [f"http://{host.address}:{port}" for port in (3000, 3002)]
    before = len(host.local.get("/api/instances").json["items"])
    seen = browse("hostile", product=product, client="Acme", neighbour=neighbour.base + "/", secure=",".join(origins))
    instance, = seen["instances"]
    assert seen["stored"], "there was something to be found"
    for how in ("openedFromThePage", "inItsTab"):
        attempts = seen[how]
        assert attempts.pop("origin") == origins[1]
        check_attempts(how, attempts, OPEN)
    # No script of a document that stays runs, and it has no origin.
    assert seen["inPlace"]["url"].startswith(f"{origins[0]}{instance.base}/hostile")
    assert (seen["inPlace"]["ran"], seen["inPlace"]["origin"]) == ("undefined", "null")
    assert len(host.local.get("/api/instances").json["items"]) == before + 1, "nothing was deployed by it"


def forget_public_url(host, instance):
    """As the record of an instance that was made before there was one."""
    key = f"instance:{instance.id}"
    host.exec("systemctl", "stop", "arkd.service")
    record = json.loads(host.redis("get", key))
    del record["public_url"]
    host.redis("set", key, json.dumps(record))
    host.exec("systemctl", "start", "arkd.service")
    host.wait_healthy()


def test_hostile_application_of_before(host, work, browse):
    """Its scripts run, at the landing page's address, and have no origin."""
    instance = work.deploy(work.quick())
    forget_public_url(host, instance)
    landing = f"http://{host.address}:3000"
    neighbour = f"{landing}{instance.base}/"
    query = f"landing={landing}&neighbour={neighbour}&product=x"
    seen = browse("old", path=f"{instance.base}/hostile?{query}", secure=landing)["old"]
    assert seen["url"].startswith(f"{landing}{instance.base}/hostile") and seen["origin"] == "null"
    check_attempts("at the landing page's address", seen["attempts"])
