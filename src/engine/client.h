/* SPDX-License-Identifier: MIT */
#pragma once

#include <json-c/json.h>
#include <systemd/sd-event.h>

#include "core/ports.h"
#include "glue/curl-glue.h"

/* The versions of the Engine API that this client was written for. */
#define ENGINE_API_OLDEST_MINOR 41U
#define ENGINE_API_NEWEST_MINOR 51U

/* What a reply may be at most, in bytes: of one thing, and of lists. */
#define ENGINE_REPLY_MAX ((size_t) 4 * 1024 * 1024)
#define ENGINE_LIST_MAX  ((size_t) 64 * 1024 * 1024)

/* The engine as this client knows it: where it is, and what it said about itself. */
typedef struct EngineClient {
        sd_event *event;
        CurlGlue *glue;
        char *socket_path;
        char *deployment; /* the value of the deployment label on all that is ours */

        bool negotiated; /* the rest is known; forgotten when the connection is lost */
        char api[16]; /* "1.41" */
        bool known; /* … or was, and what follows is as of then */
        bool cgroup_systemd; /* containers may be put into slices */
        char root_dir[256]; /* where it keeps all that it has */
        char volumes_dir[256 + sizeof "/volumes"]; /* … and the volumes among it */
        bool log_relay; /* arkd-journal takes what the syslog driver sends */
        bool log_journald; /* the journald log driver is offered */
        bool log_json_file; /* the default log driver is json-file, which grows without limit unless told */
} EngineClient;

/* How far apart our versions and the engine's are. */
typedef enum EngineApiFit {
        ENGINE_API_FITS,
        ENGINE_API_NEWER, /* it no longer speaks any that we know; its oldest was chosen */
} EngineApiFit;

/*
 * Chooses the API version: the highest that both know. api and min are the engine's ApiVersion and MinAPIVersion
 * (min may be NULL). Answers an EngineApiFit, -EPROTO where it is not a version, -EOPNOTSUPP where the engine
 * is too old.
 */
int engine_choose_api(const char *api, const char *min, char ret_api[16]);

/* Takes in the answers to GET /version and GET /info. Answers as engine_choose_api(); 0 or -EPROTO. */
int engine_client_take_version(EngineClient *c, struct json_object *version);
int engine_client_take_info(EngineClient *c, struct json_object *info);

/* Whether labels (the object of an inspect's reply) have this deployment's label. */
bool engine_client_owns(const EngineClient *c, struct json_object *labels);
