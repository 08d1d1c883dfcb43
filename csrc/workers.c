/* Workers are the threads of one OpenMP region, which lasts as long as the crew.
 *
 * A thread made for that purpose opens the region, so that the caller is free meanwhile. A forked child lacks that thread
 * and the pool that libgomp keeps for it, and opens a region of its own. OpenMP may grant fewer threads than asked for
 * (OMP_THREAD_LIMIT, OMP_MAX_ACTIVE_LEVELS). Its threads end with the region, since the opener then ends.
 * One of the region's threads sleeps: it stands for the caller. It is thread 0, the opener, so that workers are threads
 * that OpenMP created, with its stack size. If threads are bound (OMP_PROC_BIND, OMP_PLACES, GOMP_CPU_AFFINITY), it must be
 * one in the caller's place. With libgomp that is thread 0, with LLVM's library another. */
#include "workers.h"

#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#ifdef _OPENMP
#include <omp.h>
#endif

#include "fastcnn.h"

static struct {
    void (*work)(int slot);
    int place;             /* the caller's; -1: threads are not bound */
    int started, returned; /* threads, with the opener */
    pthread_mutex_t mutex; /* of the two counts */
    pthread_cond_t changed;
} crew = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void add(int *count, int more)
{
    pthread_mutex_lock(&crew.mutex);
    *count += more;
    pthread_cond_broadcast(&crew.changed);
    pthread_mutex_unlock(&crew.mutex);
}

static void wait_for(const int *count, int least)
{
    pthread_mutex_lock(&crew.mutex);
    while (*count < least) pthread_cond_wait(&crew.changed, &crew.mutex);
    pthread_mutex_unlock(&crew.mutex);
}

static int start_thread(void *(*run)(void *), int argument)
{
    pthread_t thread;
    pthread_attr_t detached;
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    const int error = pthread_create(&thread, &detached, run, (void *)(intptr_t)argument);
    pthread_attr_destroy(&detached);
    return !error;
}

#ifdef _OPENMP
static void *open_region(void *workers)
{
    const int place = crew.place, elsewhere = place >= 0 && omp_get_place_num() != place;
    int spare = 0; /* the thread that sleeps */
    omp_set_dynamic(0); /* the load of this moment is no measure for a region that lasts */
#pragma omp parallel num_threads((int)(intptr_t)workers + 1)
    {
        const int thread = omp_get_thread_num();
        if (elsewhere) {
            if (omp_get_place_num() == place) {
#pragma omp atomic write
                spare = thread;
            }
#pragma omp barrier
        }
        if (thread != spare) {
            crew.work(thread ? thread : spare);
            add(&crew.returned, 1);
        } else {
            add(&crew.started, omp_get_num_threads());
            wait_for(&crew.returned, omp_get_num_threads() - 1); /* at the region's end it might spin */
        }
    }
    add(&crew.returned, 1);
    return NULL;
}
#else
static void *be_worker(void *slot)
{
    crew.work((int)(intptr_t)slot);
    add(&crew.returned, 1);
    return NULL;
}
#endif

void fc_start_workers(int count, void (*work)(int slot))
{
    crew.work = work;
    crew.started = crew.returned = 0;
#ifdef _OPENMP
    crew.place = omp_get_proc_bind() == omp_proc_bind_false ? -1 : omp_get_place_num();
    if (start_thread(open_region, count)) wait_for(&crew.started, 1);
#else
    while (crew.started < count && start_thread(be_worker, crew.started + 1)) crew.started++;
#endif
}

void fc_await_workers(void) { wait_for(&crew.returned, crew.started); }

void fc_forget_workers(void)
{
    pthread_mutex_init(&crew.mutex, NULL);
    pthread_cond_init(&crew.changed, NULL);
    crew.started = crew.returned = 0;
}

#ifdef _OPENMP
int fc_openmp(void) { return 1; }
int fc_openmp_threads(void) { return omp_get_max_threads(); }
int fc_openmp_limit(void) { return omp_get_thread_limit(); }
int fc_openmp_processors(void) { return omp_get_num_procs(); }
#else
int fc_openmp(void) { return 0; }
int fc_openmp_threads(void) { return INT_MAX; }
int fc_openmp_limit(void) { return INT_MAX; }
int fc_openmp_processors(void) { return INT_MAX; }
#endif
