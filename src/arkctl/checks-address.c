/* SPDX-License-Identifier: MIT */

/* What links begin with, and whether applications have an address to themselves. */

#include <errno.h>

#include "arkctl/checks.h"
#include "basic/string-util.h"

/* Links that lead to localhost serve nobody but this host. */
int check_address(Checks *checks, const char *base_url)
{
        if (!base_url)
                return checks_add(checks, "address", VERDICT_SKIPPED, NULL,
                                "The arkd that runs is too old to tell");
        if (startswith(base_url, "http://localhost"))
                return checks_add(checks, "address", VERDICT_WARNING,
                                "Set BaseURL= in /etc/arkd/arkd.conf to where customers reach this host, "
                                "then systemctl restart arkd.",
                                "Links begin with %s, which works on this host only", base_url);
        return checks_add(checks, "address", VERDICT_OK, NULL, "Links begin with %s", base_url);
}

/* One origin for all: whoever's application runs in a browser may act as the page. */
static int check_shared(Checks *checks, const char *base_url)
{
        const char *remedy = "Set ApplicationsPort= in /etc/arkd/arkd.conf to a port that customers reach, "
                             "then systemctl restart arkd.";

        if (startswith(base_url, "https://"))
                remedy = "Have what ends TLS lead another port or name to port 3002 of this host, and set "
                         "ApplicationsURL= in /etc/arkd/arkd.conf to its URL, then systemctl restart arkd.";
        return checks_add(checks, "applications", VERDICT_WARNING, remedy,
                        "Applications share the landing page's address: each can script the page in a "
                        "visitor's browser, and read what it knows");
}

static int check_misplaced(Checks *checks, const char *applications_url, char *const *misplaced)
{
        _cleanup_free_ char *names = checks_join_names(misplaced);
        size_t n = strv_length(misplaced);

        if (!names)
                return -ENOMEM;
        return checks_add(checks, "applications", VERDICT_WARNING,
                        "An application of before knows an address that is no longer its own, such as the "
                        "landing page's, where its pages run without an origin: links and logins of its own "
                        "may fail. When its users can do without it for a moment, \"arkctl restart ID\"; "
                        "\"arkctl restart --all\" restarts these alone.",
                        "%zu instance%s of before %s not moved to %s: %s", n, n == 1 ? "" : "s",
                        n == 1 ? "has" : "have", applications_url, names);
}

int check_applications(
                Checks *checks, const char *base_url, const char *applications_url, char *const *misplaced)
{
        if (!base_url || !applications_url)
                return checks_add(checks, "applications", VERDICT_SKIPPED, NULL,
                                "The arkd that runs is too old to tell");
        if (streq(base_url, applications_url))
                return check_shared(checks, base_url);
        if (strv_length(misplaced) > 0)
                return check_misplaced(checks, applications_url, misplaced);
        return checks_add(checks, "applications", VERDICT_OK, NULL,
                        "Applications are at %s, away from the landing page", applications_url);
}
