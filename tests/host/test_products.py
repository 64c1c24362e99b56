# SPDX-License-Identifier: MIT
"""The catalogue: operators write it, visitors read it."""

import pytest


def ids(client):
    return [one["id"] for one in client.get("/api/products").expect(200).json["items"]]


def test_life_of_a_product(host, work):
    product = work.description({"GREETING": "hello"})
    work.products.append(product["id"])
    path = f"/api/products/{product['id']}"
    host.public.get(path).expect_problem(404)
    answer = host.local.post("/api/products", product).expect(201)
    assert answer.header("Location") == path and answer.json["env"] == product["env"]
    host.local.post("/api/products", product).expect_problem(409)
    assert product["id"] in ids(host.public) and product["id"] in host.redis("smembers", "products").split()
    assert "GREETING" in host.redis("get", f"product:{product['id']}")

    changed = host.local.put(path, product | {"name": "Renamed"}).expect(200).json
    assert changed["name"] == "Renamed"
    assert host.public.get(path).json["name"] == "Renamed"
    host.local.delete(path).expect(200)
    host.local.delete(path).expect_problem(404)
    assert product["id"] not in ids(host.public) and product["id"] not in host.redis("smembers", "products").split()


def test_put_makes_a_new_one_too(host, work):
    product = work.description()
    work.products.append(product["id"])
    answer = host.local.put(f"/api/products/{product['id']}", product)
    assert answer.status in (200, 201), answer
    assert product["id"] in ids(host.public)


def test_visitors_never_see_the_environment(host, work):
    product = work.product({"API_KEY": "very-private-value"})
    path = f"/api/products/{product}"
    for answer in (host.public.get(path), host.public.get("/api/products"), host.outside().get(path)):
        assert "env" not in answer.expect(200).json
        assert "very-private-value" not in answer.text and "API_KEY" not in answer.text
    for client in (host.local, host.admin):
        assert client.get(path).expect(200).json["env"]["API_KEY"] == "very-private-value"


def test_defaults_are_shown(host, work):
    minimal = {"id": work.description()["id"], "name": "Minimal", "image": "docker.io/ark-test/app:1"}
    work.products.append(minimal["id"])
    host.local.post("/api/products", minimal).expect(201)
    shown = host.public.get(f"/api/products/{minimal['id']}").json
    assert (shown["port"], shown["prefix"], shown["health_path"], shown["deadline_s"]) == (80, "strip", "/", 180)
    assert shown["database"] == {"image": "docker.io/library/postgres:16", "data_path": "/var/lib/postgresql/data"}


def test_one_in_use_is_not_deleted(host, work):
    product = work.quick()
    instance = work.deploy(product)
    host.local.delete(f"/api/products/{product}").expect_problem(409)
    assert product in ids(host.public)
    instance.delete()
    host.local.delete(f"/api/products/{product}").expect(200)


def test_a_change_leaves_running_instances_as_they_are(host, work):
    product = work.description(database=None)
    work.products.append(product["id"])
    host.local.post("/api/products", product).expect(201)
    instance = work.deploy(product["id"], "Before")
    host.local.put(f"/api/products/{product['id']}", product | {"env": {"CLIENT_NAME": "changed"}}).expect(200)
    assert "Test app of Before" in instance.ask("/").text
    after = work.deploy(product["id"], "After")
    assert "Test app of changed" in after.ask("/").text


def test_secrets_of_a_product_are_made_for_each_instance(host, work):
    product = work.product({"KEY": "${SECRET:key}", "SAME": "<${SECRET:key}>", "OTHER": "${SECRET:other}",
                            "MONEY": "$$5", "WHO": "${CLIENT_NAME}"},
                           database=None, credentials=[{"label": "Key", "value": "${SECRET:key}"}])

    def environment(instance):
        return dict(pair.split("=", 1) for pair in host.container(instance.id)["Config"]["Env"])
    one, two = work.deploy(product, "One"), work.deploy(product, "Two")
    first, second = environment(one), environment(two)
    assert len(first["KEY"]) == 24 and first["SAME"] == f"<{first['KEY']}>"
    assert len({first["KEY"], first["OTHER"], second["KEY"], second["OTHER"]}) == 4
    assert (first["MONEY"], first["WHO"]) == ("$5", "One")
    given = host.public.get(f"/api/instances/{one.id}/access",
                            headers={"Authorization": f"Bearer {one.token}"}).json["credentials"]
    assert given == [{"label": "Key", "value": first["KEY"]}]


@pytest.mark.parametrize("change, field", [
    ({"colour": "red"}, "colour"),
    ({"id": "Upper"}, "id"), ({"id": ""}, "id"), ({"id": "x" * 41}, "id"), ({"id": "1x"}, "id"),
    ({"id": "a_b"}, "id"), ({"id": 5}, "id"),
    ({"name": ""}, "name"), ({"name": 5}, "name"), ({"name": {"fr": "Nom"}}, "name"), ({"name": {}}, "name"),
    ({"description": ["x"]}, "description"),
    ({"icon": "javascript:alert(1)"}, "icon"), ({"icon": "http://plain.example/icon.png"}, "icon"),
    ({"icon": "data:text/html,x"}, "icon"),
    ({"image": ""}, "image"), ({"image": "../etc"}, "image"), ({"image": "a b"}, "image"),
    ({"image": "x/json?y"}, "image"),
    ({"port": 0}, "port"), ({"port": 65536}, "port"), ({"port": "80"}, "port"), ({"port": 80.5}, "port"),
    ({"prefix": "maybe"}, "prefix"),
    ({"health_path": "healthz"}, "health_path"), ({"health_path": "/a b"}, "health_path"),
    ({"health_path": "/a\r\nHost: x"}, "health_path"),
    ({"env": []}, "env"), ({"env": {"A": 5}}, None), ({"env": {"A=B": "x"}}, None), ({"env": {"": "x"}}, None),
    ({"env": {"A": "${NOTHING}"}}, "env.A"), ({"env": {"A": "$x"}}, "env.A"), ({"env": {"A": "${DB_HOST"}}, "env.A"),
    ({"database": None, "env": {"A": "${DB_HOST}"}}, "env.A"),
    ({"database": {"image": "x:1", "data_path": "relative"}}, "database.data_path"),
    ({"database": "postgres"}, "database"), ({"database": {"image": "x:1", "data_path": "/x", "y": 1}}, None),
    ({"needs_database_first": "yes"}, "needs_database_first"),
    ({"credentials": {}}, "credentials"), ({"credentials": [{"label": "x"}]}, "credentials"),
    ({"credentials": [{"label": "x", "value": "${NOTHING}"}]}, "credentials.value"),
    ({"limits": {"app": {"memory": "1"}}}, "limits.app.memory"),
    ({"limits": {"app": {"cpus": -1}}}, "limits.app.cpus"), ({"limits": {"app": {"pids": -1}}}, "limits.app.pids"),
    ({"limits": {"web": {}}}, "limits"), ({"limits": {"app": {"disk": 5}}}, "limits.app.disk"),
    ({"expires_days": -1}, "expires_days"), ({"expires_days": "1"}, "expires_days"),
    ({"deadline_s": 0}, "deadline_s"), ({"deadline_s": 10**9}, "deadline_s"),
    ({"user": "a b"}, "user"), ({"capabilities": ["ALL"]}, "capabilities"), ({"capabilities": "CHOWN"}, "capabilities"),
    ({"read_only": 1}, "read_only"),
])
def test_bad_fields(host, work, change, field):
    product = work.description() | change
    before = ids(host.local)
    host.local.post("/api/products", product).expect_problem(400, field)
    assert ids(host.local) == before


@pytest.mark.parametrize("missing", ["id", "name", "image"])
def test_missing_fields(host, work, missing):
    product = work.description()
    del product[missing]
    host.local.post("/api/products", product).expect_problem(400, missing)


def test_path_and_body_must_agree(host, work):
    product = work.description()
    host.local.put("/api/products/another", product).expect_problem(400, "id")
    host.public.get("/api/products/another").expect_problem(404)
