/* A pool of threads that does the tasks 0..tasks-1 of one call, the caller among them. */
#ifndef UNROLLED_POOL_H
#define UNROLLED_POOL_H

#include <stddef.h>

typedef void task_fn(void *context, ptrdiff_t task);

/* Run every task once, on at most `threads` threads, and return when all are done. Which thread takes which task is
 * left to chance, so a task's result must not depend on it. A second caller meanwhile does its tasks alone. */
void pool_run(ptrdiff_t threads, ptrdiff_t tasks, task_fn *task, void *context);

#endif
