/* SPDX-License-Identifier: MIT */
#include "bus/call.h"

#include <errno.h>
#include <unistd.h>

#include "auth/auth.h"
#include "auth/polkit.h"
#include "basic/json-util.h"
#include "basic/messages.h"
#include "bus/decode.h"
#include "bus/method.h"
#include "bus/objects.h"
#include "bus/words.h"
#include "core/model/instance.h"
#include "core/registry/context.h"
#include "core/registry/counters.h"
#include "core/registry/registry.h"
#include "core/verbs/audit.h"
#include "core/verbs/dispatch.h"
#include "core/verbs/request.h"
#include "core/verbs/table.h"
#include "core/verbs/verb.h"

/* The longest customer's name that polkit is told of, in bytes; longer ones are refused in any case. */
#define CLIENT_DETAIL_MAX 256
/* What polkit's dialog says in place of an id that cannot be one. */
#define NOT_AN_ID "?"

/*
 * A method call in flight: first the bus is asked who sent it, then the gate and, where that says so, polkit whether
 * they may, then the action runs. Asking is a message like any other, as sd_bus_query_sender_creds() and sd_bus_track
 * would wait for its answer.
 */
struct BusCall {
        BusApi *api;
        BusCall *prev, *next;
        sd_bus_message *message;
        const BusMethod *method;
        const Action *action;
        struct json_object *arguments; /* without a document: see bus_call_read() */
        sd_bus_slot *query; /* while the bus is asked who calls */
        uid_t uid; /* once the bus has said so */
        bool limited; /* not of an operator: counts among the user's */
        char *instance, *product; /* ids of what polkit was asked about */
        Caller caller;
        bool waits; /* for polkit to have answered other questions */
        PolkitQuery *polkit;
        Request *request;
        BusOutcome outcome; /* as it is counted when the call is freed */
};

static void bus_calls_ask_next(BusApi *api);

static BusCall *bus_call_free(BusCall *call)
{
        if (!call)
                return NULL;
        if (call->prev)
                call->prev->next = call->next;
        else if (call->api->calls == call)
                call->api->calls = call->next;
        if (call->next)
                call->next->prev = call->prev;
        call->api->n_calls--;
        if (call->outcome < _BUS_OUTCOME_MAX)
                manager_counters(call->api->manager)->bus[call->outcome]++;
        sd_bus_slot_unref(call->query);
        polkit_query_free(call->polkit);
        caller_done(&call->caller);
        free(call->instance);
        free(call->product);
        request_free(call->request);
        json_object_put(call->arguments);
        sd_bus_message_unref(call->message);
        return mfree(call);
}
DEFINE_CLEANUP_FUNC(BusCall, bus_call_free);

void bus_calls_drop(BusApi *api, const char *sender)
{
        for (BusCall *call = api->calls, *next; call; call = next) {
                next = call->next;
                if (!sender || streq(sd_bus_message_get_sender(call->message), sender))
                        bus_call_free(call);
        }
        if (sender)
                bus_calls_ask_next(api);
}

/* Replies with error, or for a negative errno alone with a plain failure. The call is over. */
static void bus_call_reply_error(BusCall *call, int r, const sd_bus_error *error)
{
        _cleanup_(sd_bus_error_free) sd_bus_error plain = SD_BUS_ERROR_NULL;

        if (!sd_bus_error_is_set(error)) {
                (void) sd_bus_error_setf(&plain, BUS_ERROR_FAILED,
                                "The call could not be answered: %s. See the journal of arkd.service.",
                                strerror(abs(r)));
                error = &plain;
        }
        r = sd_bus_reply_method_error(call->message, error);
        if (r < 0)
                (void) log_debug_errno(r, "Cannot reply to %s on the bus: %m",
                                sd_bus_message_get_sender(call->message));
        call->outcome = BUS_FAILED;
        bus_call_free(call);
}

static int bus_call_encode(BusCall *call, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_message_new_method_return(call->message, &reply);
        if (r >= 0)
                r = call->method->encode(call->api, call->request->result, reply, error);
        if (r >= 0)
                r = sd_bus_send(NULL, reply, NULL);
        return r;
}

static void bus_call_on_request_done(Request *request, void *userdata)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        BusCall *call = userdata;
        int r;

        if (request->fault != FAULT_NONE)
                r = sd_bus_error_setf(&error, bus_error_of_fault(request->fault), "%s",
                                request->reason ? request->reason : "The call failed without a reason");
        else
                r = bus_call_encode(call, &error);
        call->outcome = BUS_SUCCEEDED;
        if (r < 0)
                bus_call_reply_error(call, r, &error);
        else
                bus_call_free(call);
}

static bool action_has_document(const Action *action)
{
        for (const Argument *a = action->arguments; a && a->name; a++)
                if (a->type == ARGUMENT_OBJECT)
                        return true;
        return false;
}

/* Reads the arguments with the document, where there is one. Parsed it takes some thirty times the memory of its text
 * and far longer than all else, and anybody can make many calls wait: it is read when it is needed and not kept. */
static int bus_call_read(BusCall *call, struct json_object **ret, sd_bus_error *error)
{
        int r;

        if (!action_has_document(call->action)) {
                *ret = json_object_get(call->arguments);
                return 0;
        }
        r = sd_bus_message_rewind(call->message, true);
        return r < 0 ? r : bus_decode(call->method, call->action, call->message, true, ret, error);
}

static int too_many_calls(sd_bus_error *error)
{
        return sd_bus_error_set(error, SD_BUS_ERROR_LIMITS_EXCEEDED,
                        "Too many of your calls are waiting for their reply. Wait for some of them first.");
}

static int bus_call_dispatch(BusCall *call, sd_bus_error *error)
{
        struct json_object *arguments;
        int r;

        r = bus_call_read(call, &arguments, error);
        if (r < 0)
                return r;
        call->request = request_new(call->api->manager, call->action, &call->caller, arguments,
                        bus_call_on_request_done, call);
        if (!call->request)
                return -ENOMEM;
        call->request->whole = true;
        request_dispatch(call->request);
        return 0;
}

/* Whether polkit may ask the caller for a password. */
static bool bus_call_is_interactive(BusCall *call)
{
        return sd_bus_message_get_allow_interactive_authorization(call->message) > 0;
}

/* Anybody may be refused as often as they like, and the journal drops what comes faster than it wants: that shall not
 * be what others did. */
static bool bus_may_tell_refusal(BusApi *api)
{
        uint64_t now = now_monotonic();

        if (now - api->refusals_since > BUS_REFUSALS_USEC) {
                if (api->n_refusals > BUS_REFUSALS_MAX)
                        log_notice("Refused %u more calls on the bus, which are not told one by one",
                                        api->n_refusals - BUS_REFUSALS_MAX);
                api->refusals_since = now;
                api->n_refusals = 0;
        }
        return api->n_refusals++ < BUS_REFUSALS_MAX;
}

static int bus_call_refuse(BusCall *call, PolkitAnswer answer, sd_bus_error *error)
{
        LogContext context = {
                .instance = call->instance,
                .product = call->product,
                .caller = call->caller.identity,
                .origin = call->caller.origin,
                .action = call->action->name,
                .message_id = MESSAGE_ACCESS_DENIED,
        };

        manager_counters(call->api->manager)->bus_denied++;
        log_full(bus_may_tell_refusal(call->api) ? LOG_NOTICE : LOG_DEBUG, 0, &context,
                        "Refused %s to %s on the bus", call->action->name, call->caller.identity);
        if (answer == POLKIT_CHALLENGE)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED,
                                "%s needs an administrator to authenticate for polkit action %s. %s, or run "
                                "it as root.",
                                call->action->name, call->action->polkit_action,
                                bus_call_is_interactive(call)
                                                ? "Start a polkit agent that can ask for the password, such "
                                                  "as pkttyagent"
                                                : "Allow interactive authorization");
        if (answer == POLKIT_UNAVAILABLE)
                return sd_bus_error_setf(error, SD_BUS_ERROR_ACCESS_DENIED,
                                "%s needs root while polkit does not answer. Run it as root, or see "
                                "\"systemctl status polkit\".",
                                call->action->name);
        return sd_bus_error_setf(error, SD_BUS_ERROR_ACCESS_DENIED,
                        "%s needs an administrator: polkit action %s. Run it as root, or have a polkit rule "
                        "allow it.",
                        call->action->name,
                        call->action->polkit_action ? call->action->polkit_action : "none");
}

/* What the call is about; the product of an instance is the instance's. */
static int bus_call_subject(BusCall *call, struct json_object *arguments, AuditSubject *ret)
{
        AuditSubject subject;
        const Instance *instance;
        int r;

        audit_subject(call->action, arguments, &subject);
        instance = subject.instance ? manager_get_instance(call->api->manager, subject.instance) : NULL;
        if (instance) {
                subject.product = instance->product_id;
                subject.product_is_valid = true;
        }
        r = free_and_strdup(&call->instance, subject.instance_is_valid ? subject.instance : NULL);
        if (r >= 0)
                r = free_and_strdup(&call->product, subject.product_is_valid ? subject.product : NULL);
        if (r >= 0)
                *ret = subject;
        return r;
}

/* What is asked about, for the dialog and for rules: polkit rules see these by name. Of what cannot be an id or a
 * customer's name a dialog shows nothing. */
static int bus_call_details(BusCall *call, struct json_object *arguments, StringPairs *details)
{
        AuditSubject subject;
        const char *client;
        int r;

        r = bus_call_subject(call, arguments, &subject);
        if (r >= 0 && subject.instance)
                r = string_pairs_add(details, "instance",
                                subject.instance_is_valid ? subject.instance : NOT_AN_ID);
        if (r >= 0 && subject.product)
                r = string_pairs_add(
                                details, "product", subject.product_is_valid ? subject.product : NOT_AN_ID);
        if (r >= 0 && json_get_string(arguments, "client_name", &client) >= 0 &&
                        strlen(client) <= CLIENT_DETAIL_MAX)
                r = string_pairs_add(details, "client", client);
        return r;
}

static void bus_call_on_polkit(PolkitAnswer answer, void *userdata)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        BusCall *call = userdata;
        BusApi *api = call->api;
        int r;

        call->polkit = NULL;
        if (answer == POLKIT_ALLOWED) {
                /* An administrator has vouched for this call: for it, the caller is one. */
                call->caller.role = ROLE_OPERATOR;
                call->caller.unlimited = true;
                r = bus_call_dispatch(call, &error);
        } else
                r = bus_call_refuse(call, answer, &error);
        if (r < 0)
                bus_call_reply_error(call, r, &error);
        bus_calls_ask_next(api);
}

static int bus_call_ask_polkit(BusCall *call, sd_bus_error *error)
{
        _cleanup_json_ struct json_object *arguments = NULL;
        StringPairs details = { 0 };
        int r;

        call->waits = false;
        r = bus_call_read(call, &arguments, error);
        if (r >= 0)
                r = bus_call_details(call, arguments, &details);
        if (r >= 0)
                r = polkit_query_new(call->api->bus, sd_bus_message_get_sender(call->message),
                                call->action->polkit_action, &details, bus_call_is_interactive(call),
                                bus_call_on_polkit, call, &call->polkit);
        string_pairs_done(&details);
        return r;
}

static bool bus_call_may_ask(const BusCall *call)
{
        unsigned n = 0;

        for (const BusCall *other = call->api->calls; other; other = other->next)
                n += other->polkit && other->uid == call->uid;
        return n < BUS_QUESTIONS_USER_MAX;
}

/* Asks polkit about the calls that wait for it, oldest first, as far as there is room. */
static void bus_calls_ask_next(BusApi *api)
{
        while (polkit_unanswered() < BUS_QUESTIONS_MAX) {
                _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
                BusCall *oldest = NULL;
                int r;

                for (BusCall *call = api->calls; call; call = call->next)
                        if (call->waits && bus_call_may_ask(call))
                                oldest = call;
                if (!oldest)
                        return;
                r = bus_call_ask_polkit(oldest, &error);
                if (r < 0)
                        bus_call_reply_error(oldest, r, &error);
        }
}

/* One user does not take the room of all. */
static int bus_call_check_user(BusCall *call, sd_bus_error *error)
{
        unsigned n = 0;

        if (call->caller.role == ROLE_OPERATOR)
                return 0;
        for (const BusCall *other = call->api->calls; other; other = other->next)
                n += other->limited && other->uid == call->uid;
        call->limited = true;
        return n < BUS_CALLS_USER_MAX ? 0 : too_many_calls(error);
}

static int bus_call_authorize(BusCall *call, uid_t uid, sd_bus_error *error)
{
        int r;

        call->uid = uid;
        r = auth_caller_from_uid(uid, geteuid(), &call->caller);
        if (r >= 0)
                r = bus_call_check_user(call, error);
        if (r < 0)
                return r;
        switch (gate_check(call->action, &call->caller, LISTENER_BUS)) {
        case VERDICT_ALLOW:
                return bus_call_dispatch(call, error);
        case VERDICT_ASK_POLKIT:
                call->waits = true;
                bus_calls_ask_next(call->api);
                return 0;
        default:
                return bus_call_refuse(call, POLKIT_DENIED, error);
        }
}

static int bus_call_on_uid(sd_bus_message *answer, void *userdata, sd_bus_error *ret_error)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        BusCall *call = userdata;
        uint32_t uid = UINT32_MAX;
        int r;

        call->query = sd_bus_slot_unref(call->query);
        if (sd_bus_message_is_method_error(answer, SD_BUS_ERROR_NAME_HAS_NO_OWNER)) {
                /* It is gone already. */
                bus_call_free(call);
                return 0;
        }
        if (sd_bus_message_is_method_error(answer, NULL))
                r = sd_bus_error_setf(&error, SD_BUS_ERROR_ACCESS_DENIED,
                                "The bus does not tell who is calling: %s",
                                sd_bus_message_get_error(answer)->message);
        else
                r = sd_bus_message_read(answer, "u", &uid);
        if (r >= 0)
                r = bus_call_authorize(call, uid, &error);
        if (r < 0)
                bus_call_reply_error(call, r, &error);
        return 0;
}

static int bus_call_check_limits(BusApi *api, const char *sender, sd_bus_error *error)
{
        unsigned n = 0;

        if (api->n_calls >= BUS_CALLS_MAX)
                return sd_bus_error_set(error, SD_BUS_ERROR_LIMITS_EXCEEDED,
                                "Too many calls are waiting for their reply. Try again in a moment.");
        for (BusCall *call = api->calls; call; call = call->next)
                n += streq(sd_bus_message_get_sender(call->message), sender);
        return n < BUS_CALLS_SENDER_MAX ? 0 : too_many_calls(error);
}

static int bus_call_begin(BusApi *api, sd_bus_message *message, const BusMethod *method,
                const Action *action, struct json_object *arguments, sd_bus_error *error)
{
        _cleanup_json_ struct json_object *owned = arguments;
        _cleanup_(bus_call_freep) BusCall *call = NULL;
        const char *sender = sd_bus_message_get_sender(message);
        int r;

        if (!sender)
                return sd_bus_error_set(error, SD_BUS_ERROR_ACCESS_DENIED, "The call names no sender");
        r = bus_call_check_limits(api, sender, error);
        if (r < 0)
                return r;
        call = new0(BusCall, 1);
        if (!call)
                return -ENOMEM;
        *call = (BusCall){
                .api = api,
                .next = api->calls,
                .message = sd_bus_message_ref(message),
                .method = method,
                .action = action,
                .arguments = TAKE_PTR(owned),
                .outcome = _BUS_OUTCOME_MAX, /* until it is under way */
        };
        if (call->next)
                call->next->prev = call;
        api->calls = call;
        api->n_calls++;
        r = sd_bus_call_method_async(api->bus, &call->query, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                        "org.freedesktop.DBus", "GetConnectionUnixUser", bus_call_on_uid, call, "s", sender);
        if (r < 0)
                return r;
        call->outcome = BUS_ABANDONED; /* unless it is answered */
        TAKE_PTR(call);
        return 1;
}

static void bus_call_count_failure(BusApi *api)
{
        manager_counters(api->manager)->bus[BUS_FAILED]++;
}

int bus_call_start(BusApi *api, sd_bus_message *message, const BusMethod *method, const Action *action,
                struct json_object *arguments, sd_bus_error *error)
{
        int r;

        r = bus_call_begin(api, message, method, action, arguments, error);
        if (r < 0)
                bus_call_count_failure(api);
        return r;
}

int bus_call_handle(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        /* userdata is the object's; the vtable itself was registered with the API. */
        BusApi *api = sd_bus_slot_get_userdata(sd_bus_get_current_slot(sd_bus_message_get_bus(message)));
        const BusMethod *method = bus_method_find(message);
        const Action *action = method ? action_find(method->action) : NULL;
        _cleanup_json_ struct json_object *arguments = NULL;
        int r;

        if (!action)
                return sd_bus_error_setf(error, SD_BUS_ERROR_NOT_SUPPORTED,
                                "%s is not supported by this version", sd_bus_message_get_member(message));
        r = bus_decode(method, action, message, false, &arguments, error);
        if (r < 0) {
                bus_call_count_failure(api);
                return r;
        }
        return bus_call_start(api, message, method, action, TAKE_PTR(arguments), error);
}
