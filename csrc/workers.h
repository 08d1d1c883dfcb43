/* Where workers come from: OpenMP's threads, or POSIX threads in a build without OpenMP. There is one crew at a time. */
#ifndef FC_WORKERS_H
#define FC_WORKERS_H

/* Starts up to `count` threads. Each calls `work` once, with a slot of its own: 1, 2, … OpenMP may grant fewer. */
void fc_start_workers(int count, void (*work)(int slot));

/* Waits until `work` has returned on each of them. Before that, no other crew may be started. */
void fc_await_workers(void);

/* Called in a forked child, which has none of its parent's threads. */
void fc_forget_workers(void);

#endif
