/* The one door to threads: a job of units, shared by the calling thread and a team of workers. */
#ifndef FC_THREADS_H
#define FC_THREADS_H
#include <stddef.h>

/* What a thread remembers from unit to unit of one job; zero at first. */
typedef struct {
    ptrdiff_t at[10];
} fc_cursor;

/* Runs unit `unit` on thread `slot`. */
typedef void fc_unit_fn(const void *job, ptrdiff_t unit, int slot, fc_cursor *cursor);

/* Runs units [0, units) of a job, each once, in the order of their numbers as far as their beginning goes, on up to `threads`
 * threads. Returns when all are done. */
void fc_share(int threads, ptrdiff_t units, fc_unit_fn *run, const void *job);

/* Called by a unit: waits until `count` units of its job are done. They must be units of smaller numbers. */
void fc_wait_for(ptrdiff_t count);

/* Processor time of the calling thread, in seconds. */
double fc_thread_seconds(void);

#endif
