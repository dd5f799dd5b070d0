/* A pool of threads that does the phases of one call, task by task, the caller among them. */
#ifndef UNROLLED_POOL_H
#define UNROLLED_POOL_H

#include <stddef.h>

typedef void task_fn(void *context, ptrdiff_t task);

/* The tasks 0..tasks-1 of `task`. No task starts before all of the phase before are done. */
struct phase {
    task_fn *task;
    ptrdiff_t tasks;
};

#define MAX_PHASES 4

/* Run every task of every phase once, on at most `threads` threads, and return when all are done. Which thread takes
 * which task is left to chance, so a task's result must not depend on it. A second caller meanwhile does its tasks
 * alone. */
void pool_run(ptrdiff_t threads, const struct phase *phases, int count, void *context);

/* One phase. */
static inline void pool_each(ptrdiff_t threads, ptrdiff_t tasks, task_fn *task, void *context) {
    pool_run(threads, &(struct phase){task, tasks}, 1, context);
}

/* OpenMP's GOMP_parallel, to run on the threads that torch's own operators use; NULL: on threads of the pool's own. */
typedef void team_fn(void (*body)(void *), void *argument, unsigned threads, unsigned flags);
void pool_use_team(team_fn *team);

#endif
