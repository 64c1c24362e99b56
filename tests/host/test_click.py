# SPDX-License-Identifier: MIT
"""One click, end to end: a product becomes an application behind its link, and goes without a trace."""

import concurrent.futures
import datetime
import json
import re
import time

import pytest

from arkhost import instance_path, wait_for
from visitor import Visitor
from workshop import Workshop, assert_gone

ID = re.compile(r"client_[a-z2-7]{12}")
PHASES = ["queued", "image", "network", "volume", "database", "app", "health", "ready"]


@pytest.fixture(scope="module")
def miniflux(host):
    with Workshop(host) as work:
        yield work.deploy("miniflux")


def test_landing_page(host):
    visitor = Visitor(host)
    page = visitor.page("http://localhost:3000/")
    assert page.own_files
    assert {file: visitor.status(file) for file in page.own_files} == dict.fromkeys(page.own_files, 200)


def test_order_is_accepted_with_link_and_token(host, work):
    answer = host.public.post("/api/instances", {"product_id": "miniflux", "client_name": "Acme"}).expect(202)
    instance = work.take(answer.json)
    order = answer.json
    assert ID.fullmatch(instance.id) and order["id"] == instance.id
    assert answer.header("Location") == f"/api/instances/{instance.id}"
    assert order["access_url"].endswith(f"/instances/{instance.id}/")
    assert len(order["access_token"]) >= 20
    assert (order["product_id"], order["client_name"], order["status"]) == ("miniflux", "Acme", "pending")
    assert order["phase"] in PHASES and 0 <= order["progress"] <= 1
    assert order["db_name"] == f"{instance.id}_db"
    created, expires = (datetime.datetime.fromisoformat(order[key]) for key in ("created_at", "expires_at"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", order["created_at"])
    assert expires - created == datetime.timedelta(days=30)

    running = instance.wait()
    assert (running["phase"], running["progress"], running["error"]) == ("ready", 1, None)
    reached = [phase for phase in PHASES if phase in running["timeline"]]
    assert reached[0] == "queued" and reached[-1] == "ready"
    times = [running["timeline"][phase] for phase in reached]
    assert times == sorted(times) and times[-1] > 0
    assert "access_token" not in running


def test_link_serves_the_login_page_with_its_files(host, miniflux):
    visitor = Visitor(host)
    page = visitor.page(miniflux.created["access_url"])
    assert "Miniflux" in page.text and {"username", "password"} <= page.fields.keys()
    assert len(page.own_files) >= 3
    assert {file: visitor.status(file) for file in page.own_files} == dict.fromkeys(page.own_files, 200)


def test_creator_is_given_a_login_that_works(host, miniflux):
    given = miniflux_login(host, miniflux)
    link = miniflux.created["access_url"]
    visitor = Visitor(host)
    page = visitor.log_in(link, *given)
    assert page.url.startswith(miniflux.created["public_url"]) and page.url.endswith("/unread"), page.url
    assert "logout" in page.text
    assert {cookie.path for cookie in visitor.cookies} == {instance_path(link).rstrip("/")} or \
        {cookie.path for cookie in visitor.cookies} == {instance_path(link)}
    wrong = Visitor(host).log_in(link, given[0], "wrong-" + given[1])
    assert "logout" not in wrong.text


def miniflux_login(host, instance):
    answer = host.public.get(f"/api/instances/{instance.id}/access",
                             headers={"Authorization": f"Bearer {instance.token}"}).expect(200)
    return [one["value"] for one in answer.json["credentials"]]


def test_access_needs_the_token_of_this_instance(host, miniflux, work):
    access = f"/api/instances/{miniflux.id}/access"
    host.public.get(access).expect_problem(401)
    for token in ("x" * len(miniflux.token), miniflux.token[:-1], "", host.admin_token):
        host.public.get(access, headers={"Authorization": f"Bearer {token}"}).expect_problem(401)
    host.public.get(access, headers={"Authorization": miniflux.token}).expect_problem(401)
    other = work.order(work.quick())
    host.public.get(access, headers={"Authorization": f"Bearer {other.token}"}).expect_problem(401)


def test_access_is_refused_while_the_instance_is_not_running(host, work):
    silent = work.order(work.quick({"MODE": "silent"}))
    host.public.get(f"/api/instances/{silent.id}/access",
                    headers={"Authorization": f"Bearer {silent.token}"}).expect_problem(409)


def test_record_in_redis_has_no_secrets(host, miniflux):
    text = host.redis("get", f"instance:{miniflux.id}")
    record = json.loads(text)
    assert (record["id"], record["status"], record["product_id"]) == (miniflux.id, "running", "miniflux")
    assert "env" not in record
    secrets = [miniflux.token, miniflux.credentials()["password"], *miniflux_login(host, miniflux)[1:]]
    assert all(len(secret) >= 20 for secret in secrets)
    assert [secret for secret in secrets if secret in text] == []
    assert host.redis("zscore", "instances", miniflux.id)
    kept = host.redis("get", f"secret:{miniflux.id}")
    assert [secret for secret in secrets if secret not in kept] == []


def test_visitors_see_no_secrets(host, miniflux):
    shown = [host.public.get(f"/api/instances/{miniflux.id}").text, host.public.get("/api/products").text,
             host.public.get("/api/products/miniflux").text]
    for secret in (miniflux.token, miniflux.credentials()["password"], "ADMIN_PASSWORD"):
        assert [text for text in shown if secret in text] == []
    # Whereas an operator sees what is deployed.
    assert "ADMIN_PASSWORD" in host.local.get("/api/products/miniflux").text


def test_operator_sees_credentials_that_open_the_database(host, miniflux):
    given = miniflux.credentials()
    assert given["host"] == given["database"] == miniflux.database and given["user"] == "postgres"
    assert re.fullmatch(r"[A-Za-z0-9]{32}", given["password"])
    address = host.container(miniflux.database)["NetworkSettings"]["Networks"][f"{miniflux.id}_net"]["IPAddress"]
    asked = host.run("env", f"PGPASSWORD={given['password']}", "psql", "-h", address, "-U", given["user"], "-d",
                     given["database"], "-Atc", "select count(*) from users")
    assert asked.stdout.strip() == "1", asked.stderr
    refused = host.run("env", "PGPASSWORD=wrong", "psql", "-h", address, "-U", given["user"], "-d",
                       given["database"], "-Atc", "select 1")
    assert refused.returncode != 0 and "password authentication failed" in refused.stderr


def test_operators_list(host, miniflux):
    listed = host.local.get("/api/instances?status=running&product_id=miniflux").expect(200).json
    assert miniflux.id in [one["id"] for one in listed["items"]]
    assert host.local.get("/api/instances?status=failed&product_id=miniflux").json["items"] == []


def test_list_is_read_page_by_page(host, work):
    product = work.quick()
    made = [work.order(product, f"Customer {n}").id for n in range(3)]
    seen, cursor = [], ""
    for _ in range(3):
        page = host.local.get(f"/api/instances?product_id={product}&limit=1{cursor}").expect(200).json
        seen += [one["id"] for one in page["items"]]
        cursor = f"&cursor={page['next']}"
    assert seen == made and page["next"] is None


def test_events_tell_every_phase_until_it_runs(host, work):
    instance = work.order(work.product())
    states = list(instance.follow())
    assert states[-1]["status"] == "running" and states[-1]["phase"] == "ready"
    assert {state["status"] for state in states[:-1]} == {"pending"}
    phases = [state["phase"] for state in states]
    assert phases == sorted(phases, key=PHASES.index) and len(set(phases)) >= 4
    progress = [state["progress"] for state in states]
    assert progress == sorted(progress) and progress[-1] == 1
    # For one that runs already it is the one state, and the end.
    assert [state["status"] for state in instance.follow(10)] == ["running"]


def test_same_key_makes_one_instance(host, work):
    product = work.quick()
    key = {"Idempotency-Key": f"key-{product}"}
    first = work.order(product, headers=key)
    again = host.public.post("/api/instances", {"product_id": product, "client_name": "Acme"}, headers=key)
    assert again.status in (201, 202) and again.json["id"] == first.id
    assert again.json["access_token"] == first.token
    first.wait()
    host.public.post("/api/instances", {"product_id": product, "client_name": "Acme"}, headers=key).expect(201)
    host.public.post("/api/instances", {"product_id": product, "client_name": "Other"},
                     headers=key).expect_problem(409)
    listed = host.local.get(f"/api/instances?product_id={product}").json["items"]
    assert [one["id"] for one in listed] == [first.id]


def test_same_key_ten_times_at_once(host, work):
    """All come before the store has answered about the first, and all are answered with that."""
    product = work.quick()
    order, key = {"product_id": product, "client_name": "Acme"}, {"Idempotency-Key": f"key-{product}"}
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        with host.paused("arkd-redis.service"):
            calls = [pool.submit(host.public.post, "/api/instances", order, headers=key) for _ in range(10)]
            time.sleep(0.5)
            assert not any(call.done() for call in calls)
        answers = [call.result().expect(202).json for call in calls]
    instance, *_ = [work.take(answer) for answer in answers]
    assert {(answer["id"], answer["access_token"]) for answer in answers} == {(instance.id, instance.token)}, answers
    instance.wait()
    listed = host.local.get(f"/api/instances?product_id={product}").json["items"]
    assert [one["id"] for one in listed] == [instance.id]
    made = [one["Names"] for one in host.engine("/containers/json?all=1")
            if one["Labels"].get("network.ark.product") == product]
    assert made == [[f"/{instance.id}"]]


def test_delete_removes_everything_and_may_be_repeated(host, work):
    instance = work.deploy("miniflux")
    instance.ask("/").expect(200)
    for _ in range(2):
        done = host.local.delete(f"/api/instances/{instance.id}").expect(200).json
        assert (done["id"], done["status"]) == (instance.id, "deleted")
        assert_gone(host, instance.id)
    assert instance.state()["status"] == "deleted"
    tombstone = host.redis("get", f"instance:{instance.id}")
    assert instance.token not in tombstone
    # nginx remembers a route for a second, and notices in two that nobody is at an address.
    instance.wait_for_page(404, 4)
    host.public.get(f"/api/instances/{instance.id}/access",
                    headers={"Authorization": f"Bearer {instance.token}"}).expect_problem(401)


def test_delete_in_the_middle_of_a_deploy(host, work):
    for patience in (0, 0.15, 0.6):
        instance = work.order(work.product())
        if patience:
            wait_for("it has begun", lambda: instance.state()["phase"] != "queued" or None, 10, every=patience)
        instance.delete()
        assert_gone(host, instance.id)


def test_delete_while_it_waits_for_an_answer(host, work):
    instance = work.order(work.quick({"MODE": "silent"}))
    wait_for("it runs", lambda: instance.state()["phase"] == "health", 20)
    instance.delete()
    assert_gone(host, instance.id)


def test_many_at_once(host, work):
    product = work.product()
    made = [work.order(product, f"Customer {n}") for n in range(4)]
    for instance in made:
        instance.wait(seconds=90)
    for n, instance in enumerate(made):
        assert f"Test app of Customer {n}" in instance.ask("/").expect(200).text


def test_unknown_instance(host):
    for client in (host.public, host.local):
        client.get("/api/instances/client_aaaaaaaaaaaa").expect_problem(404)
    host.local.delete("/api/instances/client_aaaaaaaaaaaa").expect_problem(404)
