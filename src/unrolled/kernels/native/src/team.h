/* The graph kernels' threads: torch's own, where torch's OpenMP was found, so that theirs and ours never want one core.
 *
 * A graph layer goes back and forth between torch's products and ours. torch's threads spin for a while after each of
 * its products, and a pool beside them would share their cores with that spinning. */
#ifndef UNROLLED_TEAM_H
#define UNROLLED_TEAM_H

#include "pool.h"

/* As pool_run. */
void team_run(ptrdiff_t threads, ptrdiff_t tasks, task_fn *task, void *context);

#endif
