# SPDX-License-Identifier: MIT
"""No visitor's header reaches an application that takes it for a proxy's word, however it is spelled."""

import itertools
import threading
import wsgiref.simple_server

import pytest

CLAIMS = ["Remote-User", "Remote-Groups", "X-Remote-User", "X-Remote-Extra-Scopes", "X-Forwarded-User", "X-Forwarded-Email",
          "X-Forwarded-Groups", "X-Forwarded-Preferred-Username", "X-Forwarded-Access-Token", "X-Forwarded-Ssl",
          "X-Forwarded-Port", "X-Forwarded-Server", "X-Forwarded-By", "X-Forward-For", "Forwarded", "X-Auth-Request-User",
          "X-Auth-Request-Groups", "X-Authenticated-User", "X-Authenticated-Userid", "X-Authentik-Username", "X-Webauth-User",
          "Tailscale-User-Login", "Tailscale-User-Name", "Tailscale-App-Capabilities", "X-Tailscale-User",
          "Cf-Connecting-Ip", "Cf-Access-Jwt-Assertion", "Cf-Visitor", "X-Goog-Authenticated-User-Email",
          "X-Goog-Iap-Jwt-Assertion", "X-Ms-Client-Principal-Name", "X-Amzn-Oidc-Identity", "X-Pomerium-Claim-Email",
          "Oidc-Claim-Sub", "Shib-Identity-Provider", "X-Client-Ip", "True-Client-Ip", "X-Cluster-Client-Ip", "Client-Ip",
          "Fastly-Client-Ip", "X-Original-Url", "X-Original-Host", "X-Rewrite-Url", "X-Script-Name", "X-Host",
          "Front-End-Https", "X-Url-Scheme", "X-Scheme", "X-Https", "Ssl-Client-Verify", "Ssl-Client-S-Dn", "X-Ssl-Client-Dn",
          "X-Ssl-Cert", "X-Client-Cert", "Client-Cert", "X-Ark-Instance", "X-Ark-Proxy-Key", "X-Ark-Upstream",
          "X-Consumer-Id", "X-Consumer-Username", "X-Consumer-Custom-Id", "X-Consumer-Groups", "X-Credential-Identifier",
          "X-Credential-Username", "X-Anonymous-Consumer", "X-Authenticated-Scope", "X-Authenticated-Groups", "X-Userinfo",
          "X-Jwt-Assertion", "X-Jwt-Payload", "X-Jwt-Claim-Sub", "Teleport-Jwt-Assertion", "X-Apigateway-Api-Userinfo",
          "X-Endpoint-Api-Userinfo", "X-Token-User-Email", "X-Token-Subject", "X-Auth-Username", "X-Auth-Userid", "X-Auth-Email",
          "X-Auth-Groups", "X-Auth-Roles", "X-Auth-Subject", "Auth-User", "Auth-Mail", "Auth-Groups", "Cas-User", "Sm-User",
          "Sm-Universalid", "Iv-User", "Iv-Groups", "Oam-Remote-User", "Osso-User-Dn", "Ynh-User", "X-Sandstorm-User-Id",
          "Ms-Aspnetcore-User", "Ms-Aspnetcore-Winauthtoken", "X-Iis-Windowsauthtoken", "Persistent-Id", "Targeted-Id",
          "Unscoped-Affiliation", "X-Amzn-Oidc-Data", "X-Amzn-Mtls-Clientcert-Subject", "X-Amzn-Tls-Version", "X-Tls-Client-Verify",
          "X-Goog-Authenticated-User-Id", "Cf-Access-Authenticated-User-Email", "Cloudfront-Viewer-Address",
          "X-Vercel-Forwarded-For", "X-Sucuri-Clientip", "Incap-Client-Ip", "Do-Connecting-Ip", "X-Ark-Anything-Else", "Proxy",
          "X-Accel-Mapping", "X-Sendfile-Type"]
# What clients themselves log in with, or say of themselves, under names that are alike.
HONEST = [(name, "mine") for name in ["Authorization", "Cookie", "X-Auth-Token", "X-Auth-Key", "X-Auth-User", "X-User-Id", "X-Api-Key",
                                      "X-Access-Token", "X-Jwt-Token", "X-Id-Token", "X-Csrf-Token", "X-Requested-With", "Auth-Token",
                                      "X-Credentials", "X-Id"]]
# These are nginx's own words: the application sees them once, and not the visitor's.
# Not one whose word counts, as that of a proxy at 127.0.0.1 does.
VISITOR = "127.1.0.5"
OWN = ["X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Prefix", "X-Real-Ip"]


def spellings(name):
    parts = name.split("-")
    for separators in itertools.product("-_.", repeat=len(parts) - 1):
        one = "".join(itertools.chain(*zip(parts, [*separators, ""])))
        yield one
        yield one.upper()


class Handler(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def wsgi(arkd, new_id):
    """The address of an instance that is a WSGI application, and what it has seen."""
    seen = []

    def application(environ, start_response):
        seen.append({key: value for key, value in environ.items() if isinstance(value, str)})
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"seen"]
    server = wsgiref.simple_server.make_server("127.0.0.1", 0, application, handler_class=Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    instance = new_id()
    arkd.run(instance, f"127.0.0.1:{server.server_port}", place="shared")
    yield f"/instances/{instance}/", seen
    server.shutdown()
    server.server_close()


def cgi(name):
    """As WSGI, PHP and Rack read it; some take a dot for an underscore, too."""
    return "HTTP_" + name.upper().replace("-", "_").replace(".", "_")


def test_no_claim_reaches_a_wsgi_application(site, wsgi):
    target, seen = wsgi
    for name in CLAIMS + OWN:
        forged = [(one, "forged") for one in spellings(name)]
        # Not more than nginx takes in one request.
        for i in range(0, len(forged), 50):
            answer = site.ask(target, headers=[*forged[i:i + 50], ("X-Own", "mine"), ("api_key", "1"), ("a.b", "2")],
                              source=VISITOR)
            assert answer.status == 200, answer.text
            environ = seen.pop()
            assert not [key for key, value in environ.items() if "forged" in value], (name, environ)
            assert environ["HTTP_X_OWN"] == "mine"
            assert environ["HTTP_API_KEY"] == "1" and environ["HTTP_A.B"] == "2"
            for own in OWN:
                assert cgi(own) in environ


def test_what_clients_log_in_with_reaches_it(site, wsgi):
    target, seen = wsgi
    assert site.ask(target, headers=HONEST, source=VISITOR).status == 200
    assert [name for name, value in HONEST if seen[-1].get(cgi(name)) != value] == []


def test_a_proxy_on_this_host_is_heard(site, wsgi):
    target, seen = wsgi
    site.ask(target, headers=[("X-Forwarded-For", "198.51.100.7"), ("X-Forwarded-Proto", "https"), ("Tailscale-User-Login", "me")])
    assert "198.51.100.7" == seen[-1]["HTTP_X_FORWARDED_FOR"] and seen[-1]["HTTP_X_FORWARDED_PROTO"] == "https"
    assert "HTTP_TAILSCALE_USER_LOGIN" not in seen[-1]
