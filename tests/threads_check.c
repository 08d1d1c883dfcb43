/* Checks the team of threads without Python, so that it can be built with OpenMP, without it, and under ThreadSanitizer.
 * Each unit of a job must run once, on a slot that no other unit uses meanwhile, after those it waits for. The second half is
 * claimed in ranges, most of which have fewer units than there are parts, or one more.
 * Usage: threads_check FORKS; ThreadSanitizer bears none. */
#define _DEFAULT_SOURCE
#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef _OPENMP
#include <omp.h>
#endif

#include "fastcnn.h"
#include "threads.h"

#define UNITS 300
#define THREADS 5

typedef struct {
    int threads, at_once, runs[UNITS];
    _Atomic int slots[THREADS], first_half;
} counted;

static void check(int holds, const char *what)
{
    if (holds) return;
    fprintf(stderr, "wrong: %s\n", what);
    _exit(1);
}

static void count_unit(const void *job, ptrdiff_t unit, int slot, fc_cursor *cursor)
{
    counted *c = (counted *)job;
    check(unit >= cursor->at[0], "units come in order");
    cursor->at[0] = unit + 1;
    check(slot >= 0 && slot < c->threads, "slot");
    check(!atomic_exchange(&c->slots[slot], 1), "one thread a slot");
#ifdef _OPENMP
    check(!slot || (omp_get_level() == 1 && omp_get_num_threads() > slot), "workers are threads of an OpenMP region");
#endif
    ptrdiff_t mine = unit;
    if (unit >= UNITS / 2) {
        const ptrdiff_t range = 1 + c->at_once, begin = unit - unit % range, end = begin + range < UNITS ? begin + range : UNITS;
        fc_wait_for(begin < UNITS / 2 ? UNITS / 2 : begin);
        check(atomic_load(&c->first_half) == UNITS / 2, "waiting for the first half");
        mine = begin < UNITS / 2 ? unit : fc_claim(unit, begin, end, slot);
        check(begin < UNITS / 2 || (mine >= begin && mine < end), "a unit of the range");
    }
    for (volatile int i = 0; i < 2000; i++) continue;
    c->runs[mine]++;
    if (unit < UNITS / 2) atomic_fetch_add(&c->first_half, 1);
    atomic_store(&c->slots[slot], 0);
}

static void share(int threads, int at_once)
{
    counted c = {.threads = threads, .at_once = at_once};
    fc_share(threads, UNITS, count_unit, &c);
    for (int i = 0; i < UNITS; i++) check(c.runs[i] == 1, "each unit once");
}

static void meet(const void *job, ptrdiff_t unit, int slot, fc_cursor *cursor)
{
    _Atomic int *missing = (_Atomic int *)job;
    (void)unit, (void)slot, (void)cursor;
    atomic_fetch_sub(missing, 1);
    for (int i = 0; i < 30000 && atomic_load(missing); i++) usleep(1000);
    check(!atomic_load(missing), "all threads take part");
}

/* Units that wait for each other, one for each thread. */
static void share_by_all(int threads)
{
    _Atomic int missing = threads;
    fc_share(threads, threads, meet, &missing);
}

#ifdef PAUSE /* workers sleep before each job */
static void check_who_is_late(void) {}
#else
static void be_late(const void *job, ptrdiff_t unit, int slot, fc_cursor *cursor)
{
    meet(job, unit, slot, cursor);
    usleep(15000);
}

static void compute(const void *job, ptrdiff_t unit, int slot, fc_cursor *cursor)
{
    (void)job, (void)unit, (void)slot, (void)cursor;
    const double start = fc_thread_seconds();
    while (fc_thread_seconds() - start < 0.005) continue;
}

/* Do other processes want the CPUs? There workers may sleep before each job. */
static int is_crowded(void)
{
    struct timespec before, now;
    clock_gettime(CLOCK_MONOTONIC, &before);
    for (int i = 0; i < 10; i++) compute(NULL, 0, 0, NULL);
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - before.tv_sec) + 1e-9 * (double)(now.tv_nsec - before.tv_nsec) > 0.055;
}

/* Behind a job that takes longer than its threads work, others are told to take one thread for a while; not behind long work. */
static void check_who_is_late(void)
{
    usleep(200000); /* whatever was before */
    fc_share(2, 2, compute, NULL);
    check(fc_threads_now(2) == 2, "long work is shared");
    int late = 0;
    for (int i = 0; i < 200 && !late; i++) { /* a job at whose beginning a worker sleeps says nothing */
        _Atomic int missing = 2;
        share(2, 0);
        fc_share(2, 2, be_late, &missing);
        late = fc_threads_now(2) == 1;
    }
    check(late || is_crowded(), "one thread after a late job");
    check(fc_threads_now(THREADS + 1) == THREADS + 1, "a team grows when it is asked to");
    usleep(200000);
    check(fc_threads_now(2) == 2, "the threads are tried again");
}
#endif

/* Jobs of ever other numbers of threads, which now and then are ended. */
static void *share_often(void *jobs)
{
    for (int i = 0; i < *(int *)jobs; i++) {
        share(1 + i % THREADS, i % (THREADS + 2));
        if (i % 17 == 16) fc_keep_threads(1 + i % 3);
    }
    return NULL;
}

#ifdef __linux__
static int tasks(void)
{
    int count = -2; /* . and .. */
    DIR *folder = opendir("/proc/self/task");
    while (readdir(folder)) count++;
    closedir(folder);
    return count;
}

/* Tasks when none came or went for 0.1 s: the system may keep one a while that was joined. */
static int settled_tasks(void)
{
    int count = tasks();
    for (int same = 0; same < 100; same++) {
        usleep(1000);
        const int now = tasks();
        if (now != count) count = now, same = 0;
    }
    return count;
}

static void *share_once(void *unused)
{
    (void)unused;
    share(THREADS, THREADS);
    return NULL;
}

/* Whenever somebody wants fewer threads to be kept, before, during or behind a job that has more, no more are left. */
static void check_none_waits(int jobs)
{
    fc_keep_threads(1);
    share(THREADS, 0); /* with what tools start */
    const int own = settled_tasks();
    for (int i = 0; i < jobs; i++) {
        pthread_t other;
        fc_keep_threads(THREADS);
        check(!pthread_create(&other, NULL, share_once, NULL), "pthread_create");
        usleep(50 * (unsigned)(i % 100));
        fc_keep_threads(1);
        pthread_join(other, NULL);
        for (int t = 0; t < 30000 && tasks() > own; t++) usleep(1000);
        check(tasks() <= own, "no thread waits for jobs");
    }
}
#else
static void check_none_waits(int jobs) { (void)jobs; }
#endif

static void share_by_eight(int jobs)
{
    pthread_t threads[8];
    for (int i = 0; i < 8; i++) check(!pthread_create(&threads[i], NULL, share_often, &jobs), "pthread_create");
    for (int i = 0; i < 8; i++) pthread_join(threads[i], NULL);
}

static void in_a_child(int jobs)
{
    const pid_t child = fork();
    if (!child) {
        alarm(60); /* ends a child that hangs */
        share_by_all(2);
        share_often(&jobs);
        share_by_eight(jobs / 4);
        _exit(0);
    }
    int status = 1;
    waitpid(child, &status, 0);
    check(!status, "a forked child");
}

int main(int count, char **arguments)
{
    static int forever = 1 << 30;
    const int forks = count > 1 ? atoi(arguments[1]) : 0;
    int jobs = 200;
    pthread_t other;
    fc_init_threads();
    if (forks) in_a_child(jobs); /* before its parent has threads */
    for (int threads = 2; threads <= THREADS; threads++) share_by_all(threads);
    share_often(&jobs);
    check_none_waits(jobs);
    fc_keep_threads(THREADS);
    check_who_is_late();
    share_by_all(2);
    if (forks) in_a_child(jobs);
    share_by_eight(jobs);
    check(!pthread_create(&other, NULL, share_often, &forever), "pthread_create");
    for (int i = 0; i < forks; i++) in_a_child(20);
    printf("done, %s OpenMP\n", fc_openmp() ? "with" : "without");
    return 0; /* while the other thread computes */
}
