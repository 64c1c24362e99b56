/* SPDX-License-Identifier: MIT */
#pragma once

#include <json-c/json.h>

#include "core/job/job.h"
#include "core/model/instance.h"
#include "core/verbs/request.h"

/* What verbs of instances share. */

/* The instance that the argument "id" names, or NULL and the request failed. */
Instance *action_find_instance(Request *request);

/* How much of an instance the caller is shown. */
InstanceView action_view(const Request *request);

/* Ends the request with the instance, or with an object that has value, which is taken over, under that name. */
void answer_instance(Request *request, const Instance *instance);
void answer_member(Request *request, const char *name, struct json_object *value);

/* The job that deletes the instance, now or once another has been wound down; NULL for none. */
Job *action_delete_job(const Instance *instance);
bool action_is_being_deleted(const Instance *instance);

/* Gives the instance a job that is being stored, behind the one that it has. */
void instance_attach_job(Instance *instance, Job *job);
/* Takes it back, and frees it. */
void instance_detach_job(Instance *instance, Job *job);
