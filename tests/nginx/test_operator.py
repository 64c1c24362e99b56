# SPDX-License-Identifier: MIT
"""operator.conf.example, in an nginx in front of the site."""

import http.client
import shutil
import ssl
import subprocess

import pytest

from conftest import TOP, free_port, wait_for

FRONT = """daemon off; pid {root}/pid; error_log {root}/log;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {root}/body; proxy_temp_path {root}/proxy; fastcgi_temp_path {root}/fcgi;
    uwsgi_temp_path {root}/uwsgi; scgi_temp_path {root}/scgi;
    {site}
}}
"""


@pytest.fixture(scope="module")
def front(site, tmp_path_factory):
    """Its ports, without TLS and with."""
    root = tmp_path_factory.mktemp("front")
    web, tls = free_port(), free_port()
    key, certificate = root / "key.pem", root / "certificate.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "2",
                    "-subj", "/CN=ark.example.org"], check=True, capture_output=True)
    text = (TOP / "nginx/operator.conf.example").read_text()
    for shipped, ours in (("listen 80;", f"listen 127.0.0.1:{web};"), ("    listen [::]:80;\n", ""),
                          ("listen 443 ssl;", f"listen 127.0.0.1:{tls} ssl;"), (":3000;", f":{site.public};"),
                          (":3002;", f":{site.applications};"), ("/etc/ssl/ark.example.org.pem", certificate),
                          ("/etc/ssl/apps.example.org.pem", certificate), ("/etc/ssl/private/ark.example.org.key", key),
                          ("/etc/ssl/private/apps.example.org.key", key), ("ark.example.org", "ark.example")):
        assert shipped in text, shipped
        text = text.replace(shipped, str(ours))
    (root / "nginx.conf").write_text(FRONT.format(root=root, site=text))
    command = [shutil.which("nginx", path="/usr/sbin:/usr/bin"), "-e", f"{root}/log", "-c", f"{root}/nginx.conf"]
    process = subprocess.Popen(command)
    try:
        wait_for(web, process)
        yield web, tls
    finally:
        process.terminate()
        process.wait(10)


def test_port_80_leads_to_tls(front):
    connection = http.client.HTTPConnection("127.0.0.1", front[0], timeout=10)
    connection.request("POST", "/x?y=%2F", headers={"Host": "ark.example"})
    answer = connection.getresponse()
    assert answer.status == 307 and answer.headers["Location"] == "https://ark.example/x?y=%2F"


def test_the_landing_page_is_behind_tls(front):
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection("127.0.0.1", front[1], timeout=10, context=trust)
    connection.request("GET", "/", headers={"Host": "ark.example"})
    answer = connection.getresponse()
    assert answer.status == 200 and b"landing" in answer.read()
