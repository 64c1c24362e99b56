/* SPDX-License-Identifier: MIT */
#pragma once

#include "engine/task.h"

/*
 * A container that somebody has renamed: its labels say whose it is. For EngineTaskClass.search of all classes that work
 * on a container by its name.
 *
 * Where reply says that there is no container of the task's name and the name is an instance's, the container is looked
 * for by its labels, once for each task. What is found is given its name back where the class says that it renames, else
 * the task goes by its id; then the task begins again. Where nothing is found, the step that was waiting is told that
 * there is no such container.
 *
 * Answers true where it has taken the reply over; the task may have ended then. False leaves it to the step.
 */
bool engine_task_search(EngineTask *t, const EngineReply *reply);
