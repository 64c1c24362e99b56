#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
Prints no-identity.conf: request headers that say who somebody is, from where and how they came. Only this nginx and
who is before it in TrustedProxies= may say so, so whatever a visitor sends by these names is cleared.

A kind is a name or, with a *, the beginning of names. Applications that follow CGI (WSGI, PHP, Rack) take "-" and "_"
for the same letter, and some take "." for it, so each kind is cleared in every spelling. nginx itself drops names with
"_" or "." unless it is told not to, as nginx.conf does for the sake of honest ones.

What clients log in with by themselves is none of these, alike as it may be: X-Auth-Token, X-Auth-User, X-User-Id. Nor
can a name be that an operator has made up for a proxy of theirs.
"""

import itertools

KINDS = [
    # Who came: proxies that authenticate, by the names they have in the wild.
    "Ajp-*", "Auth-Cn", "Auth-Groups", "Auth-Mail", "Auth-User", "Cas-User", "Iv-*", "Mellon-*", "Ms-Aspnetcore-*",
    "Oam-*", "Oidc-*", "Osso-*", "Remote-*", "Shib-*", "Sm-*", "Tailscale-*", "Teleport-*", "X-Amzn-Oidc-*",
    "X-Anonymous-Consumer", "X-Apigateway-*", "X-Appengine-*", "X-Auth-Email", "X-Auth-Groups", "X-Auth-Request-*",
    "X-Auth-Roles", "X-Auth-Subject", "X-Auth-Userid", "X-Auth-Username", "X-Authenticated*", "X-Authentik-*",
    "X-Authelia-*", "X-Consumer-*", "X-Credential-*", "X-Endpoint-Api-*", "X-Goog-Authenticated-*", "X-Goog-Iap-*",
    "X-Iis-Windowsauthtoken", "X-Jwt-Assertion", "X-Jwt-Claim*", "X-Jwt-Payload*", "X-Ms-Client-Principal*",
    "X-Ms-Token-*", "X-Oidc-*", "X-Pomerium-*", "X-Proxy-*", "X-Remote-*", "X-Sandstorm-*", "X-Shib-*", "X-Tailscale-*",
    "X-Token-Subject", "X-Token-User-*", "X-Userinfo", "X-Vouch-*", "X-Webauth-*", "Ynh-*",
    # What Shibboleth says of them.
    "Affiliation", "Entitlement", "Eppn", "Persistent-Id", "Primary-Affiliation", "Targeted-Id", "Unscoped-Affiliation",
    # With what certificate, and whether by TLS at all.
    "Client-Cert*", "Front-End-Https", "Ssl-Client*", "X-Amzn-Mtls-*", "X-Amzn-Tls-*", "X-Arr-Clientcert", "X-Arr-Ssl",
    "X-Client-Cert*", "X-Client-Dn", "X-Client-Verify", "X-Https", "X-Proto", "X-Scheme", "X-Ssl*", "X-Tls-Client*",
    "X-Url-Scheme",
    # From where, and by which names and paths.
    "Ali-Cdn-Real-Ip", "Cf-*", "Client-Ip", "Cloudfront-*", "Do-Connecting-Ip", "Fastly-*", "Fly-*", "Forwarded*",
    "Http-Client-Ip", "Incap-Client-Ip", "True-Client-Ip", "Wl-Proxy-*",
    "X-Azure-*", "X-Client-Ip", "X-Cluster-Client-Ip", "X-Envoy-*", "X-Forward*", "X-Host", "X-Nf-Client-Connection-Ip",
    "X-Original*", "X-Real*", "X-Rewrite-Url", "X-Script-Name", "X-Sucuri-*", "X-Vercel-*",
    # What this nginx and arkd say to each other, and what applications say to a web server.
    "Proxy", "X-Accel-*", "X-Ark-*", "X-Sendfile*",
]


def spellings(kind):
    parts = kind.split("-")
    for separators in itertools.product("-_.", repeat=len(parts) - 1):
        yield "".join(itertools.chain(*zip(parts, [*separators, ""])))


def main():
    print("# SPDX-License-Identifier: MIT\n# Made by nginx/no-identity.py, which says why.\n"
          "# What a trusted proxy says is heard before it is cleared, and after refusals.conf has cleared what it did not say.\n"
          "more_set_input_headers 'X-Ark-Heard: $ark_refused$ark_authority$ark_client_address';")
    for kind in KINDS:
        print("more_clear_input_headers", " ".join(f"'{one}'" for one in spellings(kind)) + ";")


if __name__ == "__main__":
    main()
