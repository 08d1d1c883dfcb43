/* A team of workers that take a job's units one by one, together with the thread that calls.
 *
 * The caller leaves as soon as all units are done, whether or not the workers have noticed: a worker that the system has put
 * aside holds up no one unless it owns a unit. (libgomp's region ends only when each of its threads has arrived: up to
 * 8 ms for 2 ms of work beside another busy process.) To that end the *ticket* says which job it belongs to: it is
 * (number of the job, next unit), and who increments it owns the unit and may look at the job; who comes late finds
 * another number, or no unit left, and touches nothing. Waiting is by spinning for a bounded time, then by sleeping; never
 * by yielding, for which Linux since 6.18 charges a whole time slice.
 * Where another process has the CPU of a thread that owns a unit, the job waits for a time slice, some milliseconds. A shorter one is
 * done sooner on one thread, for which there is a CPU. So behind a short job that took longer than its threads' work takes one of
 * them, the next ones run on one thread for a while, which is the longer the more often it turns out so (fc_threads_now).
 * One job at a time has the team; other threads' jobs run on their own thread meanwhile. The workers (workers.c) wait for
 * jobs until one asks for more of them, or somebody has them ended. A forked child starts a team of its own. */
#define _GNU_SOURCE
#include "threads.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

#include "fastcnn.h"
#include "workers.h"

#define MOST 1024               /* threads */
#define SPINS 4000              /* about 50 µs: for units of the same job */
#define SPINS_BETWEEN 16000     /* about 200 µs: for the next job, as between two steps of a training … */
#define SPINS_CROWDED 2500      /* … or 30, beside other busy processes: 200 µs would cost a fifth of the speed there */
#define LOOK 256                /* spins between two looks at the clock, 3 µs; if it took 100, another process ran meanwhile */
#define JOBS_CROWDED 256        /* that waiting stays short after one was seen */
#define LATE 300                /* microseconds that a job takes, at least, if one of its threads has had to wait for its CPU */
#define SHORT 700               /* microseconds; what takes one thread longer is as soon done on several even then */
#define PATIENCE 8              /* times as long as was lost, jobs run on one thread; if it is lost anew then, twice that, … */
#define MOST_PATIENCE 128       /* … at most … */
#define LONGEST 100000          /* … so many microseconds */
#define CLOSED UINT32_MAX       /* as next unit: none to be had */
#ifndef PAUSE                   /* between two writes of a job: tests let other threads go on there */
#define PAUSE
#endif

static struct {
    _Atomic uint64_t ticket;    /* job << 32 | next unit */
    _Atomic uint32_t units;
    _Atomic int threads;        /* that may take part; 0: workers end */
    _Atomic ptrdiff_t done;
    fc_unit_fn *run;
    const void *job;
    _Atomic int size;           /* threads asked for when the workers were started, the caller among them; 1: no workers */
    _Atomic int kept;           /* threads that may wait for jobs, with the caller: if there are more, workers end */
    pthread_mutex_t busy;       /* held for a job */
    pthread_mutex_t mutex;      /* of those who sleep */
    pthread_cond_t started, finished;
    _Atomic int asleep, waiting;
    _Atomic int crowded;        /* jobs for which waiting stays short */
    _Atomic int64_t alone;      /* until then jobs run on one thread; microseconds */
    int64_t span, patience;     /* how long it was so the last time, and how many times as long as was lost */
    struct {
        _Alignas(64) _Atomic ptrdiff_t next; /* unit of a thread's part, if not behind it */
    } parts[MOST];
} team = {
    .ticket = CLOSED, .size = 1, .kept = MOST, .busy = PTHREAD_MUTEX_INITIALIZER, .mutex = PTHREAD_MUTEX_INITIALIZER,
    .started = PTHREAD_COND_INITIALIZER, .finished = PTHREAD_COND_INITIALIZER,
};

static _Thread_local int shares; /* is this thread running units of the team's job? */

static inline void pause_briefly(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static uint32_t number(uint64_t ticket) { return (uint32_t)(ticket >> 32); }

static int64_t microseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void wait_until_done(ptrdiff_t count)
{
    for (int spin = 0; spin < SPINS; spin++) {
        if (atomic_load(&team.done) >= count) return;
        pause_briefly();
    }
    pthread_mutex_lock(&team.mutex);
    atomic_fetch_add(&team.waiting, 1);
    while (atomic_load(&team.done) < count) pthread_cond_wait(&team.finished, &team.mutex);
    atomic_fetch_sub(&team.waiting, 1);
    pthread_mutex_unlock(&team.mutex);
}

void fc_wait_for(ptrdiff_t count)
{
    if (shares) wait_until_done(count);
}

ptrdiff_t fc_claim(ptrdiff_t number, ptrdiff_t begin, ptrdiff_t end, int slot)
{
    const int threads = shares ? atomic_load(&team.threads) : 0;
    for (int i = 0; i < threads; i++) {
        const int part = (slot + i) % threads;
        const ptrdiff_t first = begin + part * (end - begin) / threads, last = begin + (part + 1) * (end - begin) / threads;
        ptrdiff_t next = atomic_load(&team.parts[part].next);
        while (first < last && next < last) {
            const ptrdiff_t unit = next < first ? first : next;
            if (atomic_compare_exchange_weak(&team.parts[part].next, &next, unit + 1)) return unit;
        }
    }
    return number; /* of one thread; several find a unit, as there are as many as ask */
}

/* Takes units of job `job` until there are none left. */
static void take_units(uint32_t job, int slot)
{
    fc_cursor cursor = {{0}};
    shares = 1;
    for (uint64_t ticket = atomic_load(&team.ticket); number(ticket) == job && (uint32_t)ticket < atomic_load(&team.units);) {
        if (!atomic_compare_exchange_weak(&team.ticket, &ticket, ticket + 1)) continue;
        team.run(team.job, (uint32_t)ticket, slot, &cursor);
        atomic_fetch_add(&team.done, 1);
        if (atomic_load(&team.waiting)) { /* who goes to sleep later sees the new count */
            pthread_mutex_lock(&team.mutex);
            pthread_cond_broadcast(&team.finished);
            pthread_mutex_unlock(&team.mutex);
        }
        ticket = atomic_load(&team.ticket);
    }
    shares = 0;
}

/* Spins until there is another job than `seen`: long, unless other processes turn out to want this CPU. */
static void spin_for_next(uint32_t seen)
{
    int most = atomic_load(&team.crowded) > 0 ? SPINS_CROWDED : SPINS_BETWEEN;
    int64_t before = microseconds();
    for (int spin = 1; spin < most && number(atomic_load(&team.ticket)) == seen; spin++) {
        pause_briefly();
        if (spin % LOOK) continue;
        const int64_t now = microseconds();
        if (now - before > 100) {
            atomic_store(&team.crowded, JOBS_CROWDED);
            most = SPINS_CROWDED;
        }
        before = now;
    }
}

static void work(int slot)
{
    for (uint32_t seen = 0;;) {
        if (slot < atomic_load(&team.threads)) spin_for_next(seen);
        if (number(atomic_load(&team.ticket)) == seen) {
            pthread_mutex_lock(&team.mutex);
            atomic_fetch_add(&team.asleep, 1);
            while (number(atomic_load(&team.ticket)) == seen) pthread_cond_wait(&team.started, &team.mutex);
            atomic_fetch_sub(&team.asleep, 1);
            pthread_mutex_unlock(&team.mutex);
        }
        seen = number(atomic_load(&team.ticket));
        const int threads = atomic_load(&team.threads);
        if (!threads) return;
        if (slot < threads) take_units(seen, slot);
    }
}

/* Calls the workers to the next job; one without units is closed at once. Until it is called the ticket of the one before must
 * be closed, too: who compared it with the new number of units would take one of a job that has not begun. */
static uint32_t call(int threads, ptrdiff_t units)
{
    const uint32_t next = number(atomic_load(&team.ticket)) + 1;
    atomic_store(&team.units, (uint32_t)units);
    PAUSE;
    atomic_store(&team.threads, threads);
    PAUSE;
    atomic_store(&team.done, 0);
    for (int i = 0; i < threads; i++) atomic_store(&team.parts[i].next, 0);
    PAUSE;
    atomic_store(&team.ticket, (uint64_t)next << 32 | (units ? 0 : CLOSED));
    if (atomic_load(&team.asleep)) {
        pthread_mutex_lock(&team.mutex);
        pthread_cond_broadcast(&team.started);
        pthread_mutex_unlock(&team.mutex);
    }
    return next;
}

/* Ends the workers, and starts others if `threads` is more than 1. */
static void resize(int threads)
{
    if (atomic_load(&team.size) > 1) {
        call(0, 0);
        fc_await_workers();
    }
    atomic_store(&team.threads, threads);
    if (threads > 1) fc_start_workers(threads - 1, work);
    atomic_store(&team.size, threads);
}

static int too_many(void) { return atomic_load(&team.size) > atomic_load(&team.kept); }

/* Leaves the team to others. Who wants fewer to be kept may have come before, and found it busy. */
static void leave(void)
{
    do {
        if (too_many()) resize(1);
        PAUSE;
        pthread_mutex_unlock(&team.busy);
        PAUSE;
    } while (too_many() && !pthread_mutex_trylock(&team.busy));
}

void fc_keep_threads(int most)
{
    atomic_store(&team.kept, most);
    if (too_many() && !pthread_mutex_trylock(&team.busy)) leave();
}

int fc_threads_now(int threads)
{
    return threads > 1 && threads <= atomic_load(&team.size) && microseconds() < atomic_load(&team.alone) ? 1 : threads;
}

/* Decides about the next jobs behind one that began at `start`, when the caller had worked so many seconds. One thread would have
 * taken no more than `threads` times what the caller has worked for it. */
static void weigh(int threads, int64_t start, double worked)
{
    const int64_t now = microseconds();
    if (now - start < LATE) return;
    const int64_t alone = (int64_t)(1e6 * threads * (fc_thread_seconds() - worked)), lost = now - start - alone;
    if (lost <= 0 || alone > SHORT) return;
    const int again = now - atomic_load(&team.alone) < team.span;
    team.patience = !again ? PATIENCE : team.patience < MOST_PATIENCE ? 2 * team.patience : MOST_PATIENCE;
    team.span = team.patience * lost < LONGEST ? team.patience * lost : LONGEST;
    atomic_store(&team.alone, now + team.span);
}

void fc_share(int threads, ptrdiff_t units, fc_unit_fn *run, const void *job)
{
    if (threads > MOST) threads = MOST;
    if (threads < 2 || units < 2 || units >= CLOSED || shares || pthread_mutex_trylock(&team.busy)) {
        fc_cursor cursor = {{0}};
        for (ptrdiff_t unit = 0; unit < units; unit++) run(job, unit, 0, &cursor);
        return;
    }
    if (threads > atomic_load(&team.size)) resize(threads);
    if (atomic_load(&team.crowded) > 0) atomic_fetch_sub(&team.crowded, 1);
    team.run = run, team.job = job;
    const int woken = atomic_load(&team.asleep) > atomic_load(&team.size) - threads; /* of those who take part: half a millisecond */
    const int64_t start = microseconds();
    const double worked = fc_thread_seconds();
    const uint32_t next = call(threads, units);
    take_units(next, 0);
    wait_until_done(units);
    atomic_store(&team.ticket, (uint64_t)next << 32 | CLOSED); /* before the job's fields may change */
    if (!woken) weigh(threads, start, worked);
    leave();
}

#ifdef _WIN32 /* has no fork */
void fc_init_threads(void) {}
#else
/* A forked child has none of its parent's threads, whatever they were doing. */
static void after_fork(void)
{
    fc_forget_workers();
    atomic_store(&team.size, 1);
    shares = 0;
    atomic_store(&team.asleep, 0);
    atomic_store(&team.waiting, 0);
    atomic_store(&team.ticket, CLOSED);
    pthread_mutex_init(&team.busy, NULL);
    pthread_mutex_init(&team.mutex, NULL);
    pthread_cond_init(&team.started, NULL);
    pthread_cond_init(&team.finished, NULL);
}

void fc_init_threads(void) { pthread_atfork(NULL, NULL, after_fork); }
#endif

double fc_thread_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
