/* The engine: walks a program inside one parallel region, and is the one door to OpenMP.
 *
 * A program unfolds into *intervals*, each a number of independent units:
 *   - a chunk phase with at least as many chunks as threads is one interval, a unit being a chunk taken through all steps;
 *   - a chunk phase with fewer chunks is one interval per step, a unit being some items of the step;
 *   - a parts phase is one interval, its units being items of any of its steps.
 * Units are numbered through the whole program. A thread draws the next number, waits until all units of earlier intervals
 * are done, and runs it. There are no barriers: a thread that the system has put aside holds up no one unless
 * it owns a unit. Which thread runs a unit never changes a result. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#ifdef _OPENMP
#include <omp.h>
#endif

#include "ops/ops.h"

#define UNITS_PER_THREAD 4  /* in parts: enough to even out, few enough to keep packing worthwhile */
#define SERIAL_COST 1.5e6   /* multiply-adds, about 50 µs on one core: less than waking a second thread is worth */
#define SPINS 4000          /* about 50 µs before a waiting thread sleeps; it never yields: Linux 6.18 makes who yields pay a slice */

static _Atomic int forked;

static void after_fork(void) { forked = 1; }
void fc_init_threads(void) { pthread_atfork(NULL, NULL, after_fork); }
int fc_openmp(void)
{
#ifdef _OPENMP
    return 1;
#else
    return 0;
#endif
}
int fc_openmp_threads(void)
{
#ifdef _OPENMP
    return omp_get_max_threads();
#else
    return 1;
#endif
}
const char *fc_compiler(void)
{
#if defined(__clang__)
    return "clang " __clang_version__;
#elif defined(__GNUC__)
    return "gcc " __VERSION__;
#else
    return "unknown";
#endif
}

ptrdiff_t fc_chunks(ptrdiff_t batch, ptrdiff_t chunk) { return fc_ceil_div(batch, chunk); }

typedef struct {
    const fc_program *program;
    ptrdiff_t first, last, batch; /* phases [first, last) */
    int threads;
    _Atomic ptrdiff_t drawn, done;
    _Atomic int sleepers;
    pthread_mutex_t mutex;        /* of those who sleep until `done` has grown */
    pthread_cond_t more;
} run;

typedef struct {
    ptrdiff_t phase, step;           /* where the next interval begins */
    ptrdiff_t first, count, chunk;   /* the current one: its steps … */
    int deep;                        /* … taken together by chunk */
    ptrdiff_t units;
} interval;

static ptrdiff_t item_count(const run *r, const fc_step *step, ptrdiff_t chunk)
{
    const fc_op *op = &r->program->ops[step->op];
    const fc_op_class *class = fc_op_classes[op->kind];
    switch (class->cut(op, step->pass)) {
    case FC_BY_IMAGE: return class->items(op, step->pass) * r->batch;
    case FC_BY_CHUNK: return fc_chunks(r->batch, chunk);
    default: return class->items(op, step->pass);
    }
}

static ptrdiff_t unit_count(const run *r, const fc_step *step, ptrdiff_t chunk)
{
    return fc_min(item_count(r, step, chunk), (ptrdiff_t)r->threads * UNITS_PER_THREAD);
}

/* Moves on to the next interval; 0 at the end of the program. */
static int next_interval(const run *r, interval *v)
{
    const fc_program *p = r->program;
    for (; v->phase < r->last; v->phase++, v->step = 0) {
        const fc_phase *phase = &p->phases[v->phase];
        if (v->step >= phase->count) continue;
        const ptrdiff_t chunks = fc_chunks(r->batch, phase->chunk);
        v->chunk = phase->chunk;
        v->deep = !phase->parts && (r->threads == 1 || chunks >= r->threads);
        v->first = phase->first + v->step;
        v->count = v->deep || phase->parts ? phase->count : 1;
        v->units = v->deep ? chunks : 0;
        for (ptrdiff_t s = 0; !v->deep && s < v->count; s++) v->units += unit_count(r, &p->steps[v->first + s], v->chunk);
        v->step += v->count;
        return 1;
    }
    return 0;
}

static void run_step(const run *r, const fc_step *step, const fc_work *work)
{
    fc_op_classes[r->program->ops[step->op].kind]->pass[step->pass](&r->program->ops[step->op], &r->program->io[step->op],
                                                                    work);
}

static void run_unit(const run *r, const interval *v, ptrdiff_t unit, int thread)
{
    const fc_program *p = r->program;
    fc_work work = {.batch = r->batch, .chunk = v->chunk, .slot = -1, .scratch = p->scratch + thread * p->scratch_size};
    if (v->deep) {
        const ptrdiff_t from = unit * v->chunk, to = fc_min(from + v->chunk, r->batch);
        work.image0 = from, work.slot = thread;
        for (ptrdiff_t s = v->first; s < v->first + v->count; s++) {
            const fc_op *op = &p->ops[p->steps[s].op];
            const fc_op_class *class = fc_op_classes[op->kind];
            const int by_chunk = class->cut(op, p->steps[s].pass) == FC_BY_CHUNK;
            const ptrdiff_t per_image = by_chunk ? 0 : class->items(op, p->steps[s].pass);
            work.first = by_chunk ? unit : from * per_image;
            work.last = by_chunk ? unit + 1 : to * per_image;
            run_step(r, &p->steps[s], &work);
        }
        return;
    }
    for (ptrdiff_t s = v->first; s < v->first + v->count; s++) {
        const ptrdiff_t units = unit_count(r, &p->steps[s], v->chunk), items = item_count(r, &p->steps[s], v->chunk);
        if (unit < units) {
            work.first = unit * items / units, work.last = (unit + 1) * items / units;
            run_step(r, &p->steps[s], &work);
            return;
        }
        unit -= units;
    }
}

static void wait_for(run *r, ptrdiff_t done)
{
    for (int spin = 0; spin < SPINS; spin++) {
        if (atomic_load_explicit(&r->done, memory_order_acquire) >= done) return;
#if defined(__x86_64__)
        __builtin_ia32_pause();
#endif
    }
    pthread_mutex_lock(&r->mutex);
    atomic_fetch_add(&r->sleepers, 1);
    while (atomic_load(&r->done) < done) pthread_cond_wait(&r->more, &r->mutex);
    atomic_fetch_sub(&r->sleepers, 1);
    pthread_mutex_unlock(&r->mutex);
}

static void count_done(run *r)
{
    atomic_fetch_add(&r->done, 1);
    if (!atomic_load(&r->sleepers)) return; /* who goes to sleep later sees the new count */
    pthread_mutex_lock(&r->mutex);
    pthread_cond_broadcast(&r->more);
    pthread_mutex_unlock(&r->mutex);
}

static void run_thread(run *r, int thread)
{
    const unsigned mode = fc_k->flush_denormals();
    interval v = {.phase = r->first};
    ptrdiff_t begin = 0, end = 0; /* units of the current interval */
    for (;;) {
        const ptrdiff_t unit = atomic_fetch_add_explicit(&r->drawn, 1, memory_order_relaxed);
        while (unit >= end) {
            if (!next_interval(r, &v)) goto out;
            begin = end;
            end += v.units;
        }
        wait_for(r, begin);
        run_unit(r, &v, unit - begin, thread);
        count_done(r);
    }
out:
    fc_k->restore_denormals(mode);
}

static double cost(const fc_program *p, ptrdiff_t first, ptrdiff_t last, ptrdiff_t batch)
{
    double total = 0;
    for (ptrdiff_t i = first; i < last; i++)
        for (ptrdiff_t s = p->phases[i].first; s < p->phases[i].first + p->phases[i].count; s++) {
            const fc_pass pass = p->steps[s].pass;
            const double once = p->ops[p->steps[s].op].cost;
            if (pass == FC_FORWARD || pass == FC_DATA || pass == FC_WEIGHTS) total += once * (double)batch;
            if (pass == FC_UPDATE) total += once;
        }
    return total;
}

void fc_run(const fc_program *program, ptrdiff_t first, ptrdiff_t count, ptrdiff_t batch, int threads)
{
    run r = {.program = program, .first = first, .last = first + count, .batch = batch, .threads = threads,
             .mutex = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER};
    if (forked || threads < 1 || cost(program, r.first, r.last, batch) < SERIAL_COST) r.threads = 1;
#ifdef _OPENMP
    if (r.threads > 1) {
#pragma omp parallel num_threads(r.threads)
        run_thread(&r, omp_get_thread_num());
        return;
    }
#endif
    r.threads = 1;
    run_thread(&r, 0);
}
