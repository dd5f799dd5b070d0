/* A team of OpenMP's threads does the tasks of one call; without one, the pool does. */
#include "team.h"

#include <stdatomic.h>
#include <stdint.h>

#include "export.h"
#include "flush.h"
#include "threads.h"

typedef void start_fn(void (*body)(void *), void *context, unsigned threads, unsigned flags); /* GOMP_parallel */

static start_fn *start;

/* OpenMP's threads do not survive a fork: the child takes the pool. */
static void forget_team(void) { start = NULL; }
__attribute__((constructor)) static void expect_forks(void) { on_fork_in_child(forget_team); }

struct team_job {
    task_fn *task;
    void *context;
    ptrdiff_t tasks;
    atomic_ptrdiff_t next;
};

static void member(void *argument) {
    struct team_job *job = argument;
    float_mode mode = flush_denormals();
    for (;;) {
        ptrdiff_t task = atomic_fetch_add(&job->next, 1);
        if (task >= job->tasks) break;
        job->task(job->context, task);
    }
    restore_float_mode(mode);
}

void team_run(ptrdiff_t threads, ptrdiff_t tasks, task_fn *task, void *context) {
    ptrdiff_t members = threads < tasks ? threads : tasks;
    if (!start || members < 2) {
        pool_run(members, tasks, task, context);
        return;
    }
    struct team_job job = {task, context, tasks, 0};
    start(member, &job, (unsigned)members, 0);
}

/* `found`: the address of GOMP_parallel in the OpenMP library that torch runs on, or NULL. */
EXPORT int64_t unrolled_use_team(void *found) {
    start = (start_fn *)found;
    return 0;
}
