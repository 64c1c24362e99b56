/* SPDX-License-Identifier: MIT */
#include "arkd/daemon.h"

#include <errno.h>

#include "arkd/bus-link.h"
#include "arkd/isolation.h"
#include "arkd/sockets.h"
#include "arkd/tailnet.h"
#include "basic/file-util.h"
#include "basic/log.h"
#include "config.h"
#include "core/manager.h"
#include "core/model/instance-url.h"
#include "core/registry/context.h"
#include "core/registry/registry.h"
#include "engine/port.h"
#include "glue/curl-glue.h"
#include "http/server.h"
#include "probe/probe.h"
#include "store/store.h"

#define BASE_URL_FALLBACK "http://localhost:3000"

/* In the order in which they are made; freed the other way round. */
struct Daemon {
        CurlGlue *curl;
        Engine *engine;
        Store *store;
        Probe *probe;
        Isolation *isolation;
        Manager *manager;
        HttpServer *http;
        BusLink *bus;
        Tailnet *tailnet;
};

static int daemon_make_ports(Daemon *d, sd_event *event, const Config *config)
{
        int r;

        r = curl_glue_new(event, &d->curl);
        if (r >= 0)
                r = engine_new(event, d->curl, config->engine, config->deployment, &d->engine);
        if (r < 0)
                return log_error_errno(r, "Cannot make the engine's client: %m");
        r = store_new(event, config->redis, config->deployment, &d->store);
        if (r < 0)
                return log_error_errno(r, "Cannot make the store's client, see Redis=%s: %m", config->redis);
        r = probe_new(event, d->curl, &d->probe);
        return r < 0 ? log_error_errno(r, "Cannot make the probes: %m") : 0;
}

static int daemon_make_manager(Daemon *d, sd_event *event, const Config *config)
{
        const ManagerSettings settings = {
                .base_url = config->base_url ? config->base_url : BASE_URL_FALLBACK,
                .base_url_is_guess = !config->base_url,
                .applications = config->applications,
                .deployment = config->deployment,
                .compose_dir = ARK_STATE_DIR "/compose",
                .subnet_pool = config->subnet_pool,
                .expires_usec = config->expires_usec,
                .tombstone_usec = config->tombstone_usec,
                .stop_s = config->stop_s,
                .database_stop_s = config->database_stop_s,
                .workers = config->workers,
                .queue_max = config->queue_max,
                .retry_max = config->retry_max,
                .instances_max = config->max_running,
                .quota_total = config->quota_total,
                .quota_identity = config->quota_identity,
                .quota_rate = config->quota_rate,
                .limits = config->limits,
                .admission = config->admission,
                .users = config->users,
        };
        int r;

        r = manager_new(event, &settings, engine_port(d->engine), store_port(d->store), probe_port(d->probe),
                        &d->manager);
        return r < 0 ? log_error_errno(r, "Cannot make the manager: %m") : 0;
}

/* Where nobody can keep them apart, the operator may have instances all the same. */
static int daemon_make_isolation(Daemon *d, sd_event *event, const Config *config)
{
        int r;

        if (!config->require_firewall) {
                log_warning("RequireFirewall=no: instances are made whether or not they are kept apart");
                return 0;
        }
        r = isolation_new(event, ARK_FIREWALL_STATE, config->subnet_pool, &d->isolation);
        if (r < 0)
                return log_error_errno(r, "Cannot watch %s: %m", ARK_FIREWALL_STATE);
        manager_set_isolation(d->manager, isolation_port(d->isolation));
        return 0;
}

/* A credential that is not there leaves its door shut. */
static int load_secret(const char *name, const char *consequence, char **ret)
{
        int r;

        r = read_credential(name, ret);
        if (r == -ENOENT) {
                log_warning("There is no credential “%s”: %s", name, consequence);
                return 0;
        }
        return r < 0 ? log_error_errno(r, "Credential “%s” cannot be read: %m", name) : 0;
}

static int daemon_make_http(Daemon *d, sd_event *event, const Config *config)
{
        _cleanup_(str_erase_freep) char *token = NULL, *key = NULL;
        int r;

        r = load_secret("admin-token", "operators cannot use the HTTP API", &token);
        if (r >= 0)
                r = load_secret("proxy-key", "nginx is not believed, so visitors are turned away", &key);
        if (r < 0)
                return r;
        const AuthSettings auth = {
                .admin_token = token,
                .proxy_key = key,
                .visitor_networks = config->visitor_networks,
                .trusted_proxies = config->trusted_proxies,
                .instance_pool = config->subnet_pool,
                .base_url = config->base_url,
                .applications_url = config->applications.url,
                .allowed_hosts = config->allowed_hosts,
        };
        r = http_server_new(event, d->manager, &auth, &d->http);
        if (r < 0)
                return log_error_errno(r, "Cannot make the HTTP server: %m");
        r = sockets_take(d->http);
        if (r == 0)
                log_warning("No sockets were passed, so there is no HTTP; start arkd.socket to have them");
        return r;
}

static void on_tailnet_name(const char *host, void *userdata)
{
        _cleanup_free_ char *url = str_printf("http://%s:3000", host);
        Daemon *d = userdata;

        if (!url || manager_set_base_url(d->manager, url) < 0 || http_server_allow_host(d->http, host) < 0) {
                log_oom();
                return;
        }
        log_info("This host is %s on the tailnet; instances are reached at %s", host, url);
}

static int daemon_make_tailnet(Daemon *d, sd_event *event, const Config *config)
{
        int r;

        if (config->base_url)
                return 0;
        r = tailnet_new(event, d->curl, config->tailscale, on_tailnet_name, d, &d->tailnet);
        return r < 0 ? log_error_errno(r, "Cannot ask tailscaled: %m") : 0;
}

int daemon_new(sd_event *event, const Config *config, Daemon **ret)
{
        _cleanup_(daemon_freep) Daemon *d = new0(Daemon, 1);
        int r;

        if (!d)
                return log_oom();
        r = daemon_make_ports(d, event, config);
        if (r >= 0)
                r = daemon_make_manager(d, event, config);
        if (r >= 0)
                r = daemon_make_isolation(d, event, config);
        if (r >= 0)
                r = daemon_make_http(d, event, config);
        if (r >= 0)
                r = bus_link_new(event, d->manager, &d->bus);
        if (r >= 0)
                r = daemon_make_tailnet(d, event, config);
        if (r >= 0)
                r = manager_start(d->manager);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(d);
        return 0;
}

Daemon *daemon_free(Daemon *d)
{
        if (!d)
                return NULL;
        tailnet_free(d->tailnet);
        bus_link_free(d->bus);
        http_server_free(d->http);
        manager_free(d->manager);
        isolation_free(d->isolation);
        probe_free(d->probe);
        store_free(d->store);
        engine_free(d->engine);
        curl_glue_free(d->curl);
        free(d);
        return NULL;
}
