/* SPDX-License-Identifier: MIT */

/* What keeps instances apart, as the firewall tells systemd. */

#include <errno.h>

#include "arkctl/checks.h"
#include "arkctl/systemd.h"
#include "basic/string-util.h"

#define CHECK "isolation"
#define UNIT  "arkd-firewall.service"

static int check_absent(Checks *checks, const UnitState *unit)
{
        if (!unit_is_there(unit))
                return checks_add(checks, CHECK, VERDICT_FAILED,
                                "Install the package arkd again, which has it.", UNIT " is not installed");
        return checks_add(checks, CHECK, VERDICT_FAILED, "systemctl enable --now " UNIT,
                        UNIT
                        " is %s: nobody restores the rules that keep instances apart, so nothing can be "
                        "deployed",
                        unit->active);
}

int check_isolation(Ctl *ctl, Checks *checks)
{
        _cleanup_free_ char *text = NULL;
        UnitState unit;
        int error;

        if (unit_read(ctl, UNIT, &unit) < 0)
                return checks_add(checks, CHECK, VERDICT_SKIPPED, NULL, "systemd does not tell");
        if (!unit_is_active(&unit))
                return check_absent(checks, &unit);
        if (unit_read_status(ctl, &unit, &text, &error) < 0 || !*text)
                return checks_add(checks, CHECK, VERDICT_WARNING, "systemctl restart " UNIT,
                                UNIT " does not tell whether instances are kept apart");
        switch (error) {
        case 0:
                return checks_add(checks, CHECK, VERDICT_OK, NULL, "%s", text);
        case ENETUNREACH:
                return checks_add(checks, CHECK, VERDICT_WARNING,
                                "Run \"systemctl restart docker\" when it suits: it puts them back, and "
                                "stops "
                                "and starts the containers.",
                                "%s", text);
        case EINVAL:
                return checks_add(checks, CHECK, VERDICT_WARNING,
                                "Mend them, then systemctl reload " UNIT "; see arkd-firewall.service(8).",
                                "%s", text);
        default:
                return checks_add(checks, CHECK, VERDICT_FAILED,
                                "See \"journalctl -u " UNIT "\". Nothing can be deployed meanwhile.", "%s",
                                text);
        }
}
