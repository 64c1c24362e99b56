/* SPDX-License-Identifier: MIT */
#include "auth/attempts.h"
#include "core/verbs/verb.h"
#include "http/server-internal.h"

/* From where a token comes, or NULL for this host, which is not limited. */
static const Address *call_token_address(const Call *call, const AuthPeer *peer, Address *ret)
{
        return auth_is_elsewhere(call->listener->server->auth, peer, ret) ? ret : NULL;
}

bool call_check_attempts(Call *call, const AuthPeer *peer)
{
        Address address;
        unsigned wait;

        if (!auth_bearer(peer->authorization.value))
                return true;
        wait = attempts_wait_s(call->listener->server->attempts, call->listener->kind,
                        call_token_address(call, peer, &address));
        if (wait == 0)
                return true;
        reply_problem(call->exchange,
                        &(Problem){
                                        .status = MHD_HTTP_TOO_MANY_REQUESTS,
                                        .field = "Authorization",
                                        .reason = "Too many wrong tokens came from your address. None is "
                                                  "looked at until the time in Retry-After has passed.",
                                        .retry_after_s = wait,
                        });
        return false;
}

void call_note_wrong_token(Call *call, const AuthPeer *peer)
{
        const Action *action = call->match.route->action;
        Address address;

        if (auth_bearer(peer->authorization.value))
                attempts_note(call->listener->server->attempts, call->listener->kind,
                                call_token_address(call, peer, &address), action ? action->name : NULL);
}
