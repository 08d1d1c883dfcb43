/* The engine: cuts a program into units of work, which threads share.
 *
 * A program unfolds into *intervals*, each a number of independent units:
 *   - a chunk phase with at least as many chunks as threads is one interval, a unit being a chunk taken through all steps;
 *   - a chunk phase with fewer chunks is one interval per step, a unit being some items of the step;
 *   - a parts phase is one interval, its units being items of any of its steps.
 * Units are numbered through the whole program. Who takes the next number (threads.c) waits until all units of earlier
 * intervals are done, and runs it, or, of a single step, one where it worked in the step before (fc_claim). There are no barriers.
 * Which thread runs a unit never changes a result. */
#include "ops/ops.h"
#include "threads.h"

#define UNITS_PER_THREAD 4  /* in parts: enough to even out, few enough to keep packing worthwhile */
#define SERIAL_COST 1.5e6   /* multiply-adds, about 50 µs on one core: less than waking a second thread is worth */

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
    ptrdiff_t from, to;           /* images */
    int threads;
} run;

typedef struct {
    ptrdiff_t phase, step;           /* where the next interval begins */
    ptrdiff_t first, count, chunk;   /* the current one: its steps … */
    ptrdiff_t deep;                  /* … taken together by chunk */
    ptrdiff_t units, begin, end;     /* units numbered [begin, end) */
} interval;

_Static_assert(sizeof(interval) <= sizeof(fc_cursor), "an interval is what a thread remembers");

static ptrdiff_t chunk_count(const run *r, ptrdiff_t chunk) { return fc_chunks(r->to, chunk) - r->from / chunk; }

/* How many items a step has; *first: the first one's number. */
static ptrdiff_t item_count(const run *r, const fc_step *step, ptrdiff_t chunk, ptrdiff_t *first)
{
    const fc_op *op = &r->program->ops[step->op];
    const fc_op_class *class = fc_op_classes[op->kind];
    const fc_cut cut = class->cut(op, step->pass);
    const ptrdiff_t each = class->items(op, step->pass);
    *first = each * (cut == FC_BY_IMAGE ? r->from : cut == FC_BY_CHUNK ? r->from / chunk : 0);
    return each * (cut == FC_BY_IMAGE ? r->to - r->from : cut == FC_BY_CHUNK ? chunk_count(r, chunk) : 1);
}

static ptrdiff_t unit_count(const run *r, const fc_step *step, ptrdiff_t chunk)
{
    ptrdiff_t first;
    return fc_min(item_count(r, step, chunk, &first), r->threads == 1 ? 1 : (ptrdiff_t)r->threads * UNITS_PER_THREAD);
}

/* Moves on to the next interval; 0 at the end of the program. */
static int next_interval(const run *r, interval *v)
{
    const fc_program *p = r->program;
    for (; v->phase < r->last; v->phase++, v->step = 0) {
        const fc_phase *phase = &p->phases[v->phase];
        if (v->step >= phase->count) continue;
        const ptrdiff_t chunks = chunk_count(r, phase->chunk);
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

static void run_step(const run *r, const fc_step *step, const fc_work *work, int thread)
{
    const fc_program *p = r->program;
    const double start = p->seconds ? fc_thread_seconds() : 0;
    fc_op_classes[p->ops[step->op].kind]->pass[step->pass](&p->ops[step->op], &p->io[step->op], work);
    if (p->seconds) p->seconds[thread * p->timed + (step - p->steps)] += fc_thread_seconds() - start;
}

static void run_unit(const run *r, const interval *v, ptrdiff_t unit, int thread)
{
    const fc_program *p = r->program;
    fc_work work = {.batch = r->batch, .chunk = v->chunk, .from = r->from, .to = r->to, .unit = p->unit ? p->unit : v->chunk,
                    .image0 = r->from, .slot = -1, .scratch = p->scratch + thread * p->scratch_size};
    if (v->deep) {
        const ptrdiff_t from = r->from + unit * v->chunk, to = fc_min(from + v->chunk, r->to);
        work.image0 = from, work.slot = thread;
        for (ptrdiff_t s = v->first; s < v->first + v->count; s++) {
            const fc_op *op = &p->ops[p->steps[s].op];
            const fc_op_class *class = fc_op_classes[op->kind];
            const int by_chunk = class->cut(op, p->steps[s].pass) == FC_BY_CHUNK;
            const ptrdiff_t each = class->items(op, p->steps[s].pass), at = by_chunk ? from / v->chunk : from;
            work.first = at * each, work.last = (by_chunk ? at + 1 : to) * each;
            run_step(r, &p->steps[s], &work, thread);
        }
        return;
    }
    for (ptrdiff_t s = v->first; s < v->first + v->count; s++) {
        ptrdiff_t first;
        const ptrdiff_t units = unit_count(r, &p->steps[s], v->chunk), items = item_count(r, &p->steps[s], v->chunk, &first);
        if (unit < units) {
            work.first = first + unit * items / units, work.last = first + (unit + 1) * items / units;
            run_step(r, &p->steps[s], &work, thread);
            return;
        }
        unit -= units;
    }
}

static void run_numbered(const void *job, ptrdiff_t unit, int thread, fc_cursor *cursor)
{
    const run *r = job;
    interval *v = (interval *)cursor;
    if (!v->end) v->phase = r->first;
    while (unit >= v->end) {
        next_interval(r, v);
        v->begin = v->end;
        v->end += v->units;
    }
    fc_wait_for(v->begin);
    const ptrdiff_t mine = v->deep || v->count > 1 ? unit : fc_claim(unit, v->begin, v->end, thread);
    const unsigned mode = fc_k->flush_denormals();
    run_unit(r, v, mine - v->begin, thread);
    fc_k->restore_denormals(mode);
}

static double cost(const fc_program *p, ptrdiff_t first, ptrdiff_t last, ptrdiff_t batch)
{
    double total = 0;
    for (ptrdiff_t i = first; i < last; i++)
        for (ptrdiff_t s = p->phases[i].first; s < p->phases[i].first + p->phases[i].count; s++) {
            const fc_pass pass = p->steps[s].pass;
            const double once = p->ops[p->steps[s].op].cost;
            const int by_image = pass == FC_STATISTICS || pass == FC_FORWARD || pass == FC_DATA || pass == FC_WEIGHTS;
            if (by_image) total += once * (double)batch;
            if (pass == FC_UPDATE) total += once;
        }
    return total;
}

ptrdiff_t fc_step_units(const fc_program *program, ptrdiff_t phase, ptrdiff_t step, ptrdiff_t batch, int threads)
{
    const run r = {.program = program, .batch = batch, .to = batch, .threads = threads};
    return unit_count(&r, &program->steps[step], program->phases[phase].chunk);
}

void fc_run(const fc_program *program, ptrdiff_t first, ptrdiff_t count, ptrdiff_t batch, int threads)
{
    run r = {.program = program, .first = first, .last = first + count, .batch = batch, .threads = threads};
    r.from = program->to ? program->from : 0, r.to = program->to ? program->to : batch;
    r.threads = threads < 1 || cost(program, r.first, r.last, r.to - r.from) < SERIAL_COST ? 1 : fc_threads_now(threads);
    interval v = {.phase = first};
    ptrdiff_t units = 0;
    while (next_interval(&r, &v)) units += v.units;
    fc_share(r.threads, units, run_numbered, &r);
}
