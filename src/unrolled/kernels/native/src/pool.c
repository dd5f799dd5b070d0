/* The pool: torch's own OpenMP team where it has one, else workers that spin for some microseconds, then sleep.
 *
 * Torch's threads go on spinning for milliseconds after an operator; threads beside them would have to fight for their
 * cores. Workers of our own are published a job under the lock with a new ticket. Tasks are claimed by atomic counters.
 * The job is over when every task is done and no worker is inside it any more, so that its record can live on the
 * caller's stack.
 */
#include "pool.h"

#include <stdatomic.h>
#include <stdint.h>

#include "amx.h"
#include "flush.h"
#include "threads.h"

#define MAX_WORKERS 255
#define SPINS 4000

struct job {
    const struct phase *phases;
    int count;
    void *context;
    atomic_ptrdiff_t next[MAX_PHASES], done[MAX_PHASES];
};

static struct {
    lock_t owner; /* held by the caller whose job runs */
    lock_t guard; /* of job, inside, workers */
    signal_t published, left;
    struct job *job;
    atomic_uint ticket; /* number of the last published job */
    ptrdiff_t inside, wanted, workers;
    team_fn *team;
} pool = {.owner = LOCK_INIT, .guard = LOCK_INIT, .published = SIGNAL_INIT, .left = SIGNAL_INIT};

static void pause_briefly(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void work(struct job *job) {
    tiles_begin();
    for (int i = 0; i < job->count; ++i) {
        ptrdiff_t tasks = job->phases[i].tasks, task;
        while ((task = atomic_fetch_add(&job->next[i], 1)) < tasks) {
            job->phases[i].task(job->context, task);
            atomic_fetch_add(&job->done[i], 1);
        }
        for (int spin = 0; i + 1 < job->count && atomic_load(&job->done[i]) < tasks; ++spin) {
            if (spin < SPINS) pause_briefly();
            else yield_thread();
        }
    }
    tiles_end();
}

static void work_in_team(void *job) {
    float_mode mode = flush_denormals();
    work(job);
    restore_float_mode(mode);
}

THREAD_BODY worker(void *argument) {
    unsigned seen = (unsigned)(uintptr_t)argument;
    flush_denormals();
    for (;;) {
        for (int spin = 0; spin < SPINS && atomic_load_explicit(&pool.ticket, memory_order_relaxed) == seen; ++spin) pause_briefly();
        lock(&pool.guard);
        while (atomic_load(&pool.ticket) == seen) wait_for(&pool.published, &pool.guard);
        seen = atomic_load(&pool.ticket);
        struct job *job = pool.wanted > 0 ? pool.job : NULL;
        if (job) {
            --pool.wanted;
            ++pool.inside;
        }
        unlock(&pool.guard);
        if (!job) continue;
        work(job);
        lock(&pool.guard);
        if (--pool.inside == 0) wake_all(&pool.left);
        unlock(&pool.guard);
    }
    THREAD_END;
}

/* The child of a fork has the caller's thread only: start again with no workers, and with no team, which would hang. */
static void forget_workers(void) {
    pool.owner = (lock_t)LOCK_INIT;
    pool.guard = (lock_t)LOCK_INIT;
    pool.published = (signal_t)SIGNAL_INIT;
    pool.left = (signal_t)SIGNAL_INIT;
    pool.job = NULL;
    pool.inside = pool.wanted = pool.workers = 0;
    pool.team = NULL;
}
__attribute__((constructor)) static void expect_forks(void) { on_fork_in_child(forget_workers); }

static void publish(struct job *job, ptrdiff_t helpers) {
    lock(&pool.guard);
    unsigned ticket = atomic_load(&pool.ticket);
    while (pool.workers < helpers && pool.workers < MAX_WORKERS && start_thread(worker, (void *)(uintptr_t)ticket)) ++pool.workers;
    pool.job = job;
    pool.wanted = helpers;
    atomic_store(&pool.ticket, ticket + 1);
    wake_all(&pool.published);
    unlock(&pool.guard);
}

static void retire(void) {
    lock(&pool.guard);
    pool.job = NULL;
    pool.wanted = 0;
    while (pool.inside > 0) wait_for(&pool.left, &pool.guard);
    unlock(&pool.guard);
}

void pool_run(ptrdiff_t threads, const struct phase *phases, int count, void *context) {
    struct job job = {.phases = phases, .count = count, .context = context};
    float_mode mode = flush_denormals();
    ptrdiff_t most = 0;
    for (int i = 0; i < count; ++i) most = phases[i].tasks > most ? phases[i].tasks : most;
    ptrdiff_t helpers = (threads < most ? threads : most) - 1;
    if (helpers > 0 && try_lock(&pool.owner)) {
        if (pool.team) {
            pool.team(work_in_team, &job, (unsigned)threads, 0); /* all: a team of another size would be a new one */
        } else {
            publish(&job, helpers);
            work(&job);
            retire();
        }
        unlock(&pool.owner);
    } else {
        work(&job);
    }
    restore_float_mode(mode);
}

void pool_use_team(team_fn *team) { pool.team = team; }
