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

/* Runs a job of so many units on up to `threads` threads: calls `run` that often, with numbers from 0 on, in the order of the numbers
 * as far as the calls' beginning goes. Returns when all are done. */
void fc_share(int threads, ptrdiff_t units, fc_unit_fn *run, const void *job);

/* So many threads, or 1, if other processes have just made jobs slower on several than on one. For a caller who cuts his job for them. */
int fc_threads_now(int threads);

/* Called by a unit: waits until `count` units of its job are done. They must be units of smaller numbers. */
void fc_wait_for(ptrdiff_t count);

/* Called by a unit that was given `number`, once, when all before `begin` are done: which of [begin, end) it is to run, where each of
 * these numbers asks. Threads have parts of them, the same ones from range to range, so that they find in their caches what they
 * wrote; who has done its own takes from the others'. */
ptrdiff_t fc_claim(ptrdiff_t number, ptrdiff_t begin, ptrdiff_t end, int slot);

/* Processor time of the calling thread, in seconds. */
double fc_thread_seconds(void);

#endif
