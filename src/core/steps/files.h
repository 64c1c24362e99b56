/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/job/job.h"

/*
 * Files in the own layers of containers, which a restart that makes them again would lose. Both are steps (Step.start).
 * The first finds them while all runs, so that nothing is fetched for a container that stays. The second comes when
 * nothing else stands in the way: it stops those that are to be replaced and looks again, as nothing comes after that.
 */
int restart_find_files(StepRun *run);
int restart_find_last_files(StepRun *run);

/* Starts again what a restart has stopped to look at it and has not replaced, as it was; then ends the job. */
void restart_wake(Job *job);

/* What a restart makes of a container; whether it has one. */
struct ContainerSpec *restart_spec_of(const Job *job, Part part);
bool restart_has_part(const Job *job, Part part);

/* Whether it is made, or joined to its networks anew; whether that is from its image, in place of one or not. */
bool restart_must_make(const Job *job, Part part);
bool restart_may_be_new(const Job *job, Part part);
