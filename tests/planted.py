"""Faults planted in the C kernels and ops, one at a time: the tests must find each.

    python tests/planted.py [--isa plain4] [--only WORDS] [--part NUMBER OF]

Builds the library with each fault in turn (building.py), and runs the tests of its kind on one instruction set: by default
plain C words of 4 lanes and tiles of 8 × 12, which have ends of vectors and tiles. A fault is found if a test fails or the
process crashes. Ends with code 1 if one is not found, or if the sound library fails. `--part 7 4` plants every fourth one,
those that a count up to 7 ends on: CI counts commits, and plants others after each.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import building

TILES, RANDOM, MEMORY = "test_tiles.py", "test_ops_random.py", "test_memory.py"
CONV2D, MAX_POOL2D, AVG_POOL2D = (f"test_ops_exact.py::test_{op}" for op in ("conv2d", "max_pool2d", "avg_pool2d"))
PANEL = "for (ptrdiff_t i = 0; i < inside; i++) copy_few(width, from + i * op->in_c, d + i * mr);"

# (what is wrong, file, the right text, the wrong one, the test file that is to find it)
FAULTS = [
    ("a panel of six channels is copied with the tile of AVX2", "ops/conv2d_direct_weights.c", PANEL,
     PANEL.replace("d + i * mr", "d + i * (width == 6 ? 6 : mr)"), TILES),
    ("gradients of weights: the second block of rows replaces the first", "ops/conv2d_direct_weights.c",
     "dw, image > from || oh > 0)", "dw, image > from)", CONV2D),
    ("gradients of weights: a tile's last rows are read beyond the panel", "ops/conv2d_direct_weights.c",
     "row = i + (t < count ? t : 0);", "row = i + t;", MEMORY),
    ("columns that another thread has multiply with the first ones' weights", "ops/conv2d_direct.c",
     " + (c - g * ocg) * (op->w_size / op->out_c)", "", "test_single_image.py"),
    ("a long sum's second part replaces the first", "ops/correlate.h", "&in, b, bias, s.more)", "&in, b, bias, s.run > 0)",
     TILES),
    ("columns beyond the last are written", "ops/correlate.h", "fc_k->gemm(fc_min(height, count - i), fc_min(nr, c->n - j)",
     "fc_k->gemm(fc_min(height, count - i), nr", TILES),
    ("the second vector of a transposed column tile repeats the first", "ops/correlate.h",
     "src + (j < n ? j * j_step : 0), j_step", "src, j_step", TILES),
    ("forward: the second block of rows begins at the wrong row", "ops/conv2d_direct.c", "row * o->stride_h - o->pad_top",
     "row - o->pad_top", CONV2D),
    ("data: pixels beyond the end of a row are written", "ops/conv2d_direct_data.c",
     "fc_min(k->w1, op->in_w - p * step_w(o))", "k->w1", CONV2D),
    ("data: pixels beside each other are written beyond the end of a row", "ops/conv2d_direct_data.c",
     "&& op->in_w % o->beside == 0)", ")", CONV2D),
    ("weights: all taps of few channels read the first row of the filter", "ops/conv2d_direct_weights.c",
     "row / line * o->dilation_h * k->step + row % line", "row % line", CONV2D),
    ("Winograd: a row beyond the image is read", "ops/conv2d_tiles.c", "inside = h >= 0 && h < k->h",
     "inside = h >= 0 && h <= k->h",
     "test_winograd.py"),
    ("a long sum's second chain replaces the first", "kernels/chains.h", "sum[i] = v_add(sum[i], acc[i]);",
     "sum[i] = acc[i];", TILES),
    ("a long sum's second chain goes on from the first", "kernels/chains.h", " acc[i] = v_zero())", ")", TILES),
    ("gemv: the second chain replaces the first", "kernels/gemm.h", "add(columns, sum, y + j);",
     "memcpy(y + j, sum, (size_t)columns * sizeof *sum);", "test_single_image.py"),
    ("Winograd, filters on the way: the next tiles are the first again", "ops/conv2d_winograd.c", "s->v + i * s->v_row + d",
     "s->v + d", "test_single_image.py"),
    ("Winograd, weights: the last block of images replaces the others", "ops/conv2d_winograd_weights.c",
     "image > from || row > 0)", "row > 0)", "test_winograd.py"),
    ("Winograd along rows: a column beyond the image is read", "ops/conv2d_rows.h", "first + i < w ? row",
     "first + i <= w ? row", "test_winograd_lanes.py"),
    ("Winograd along rows, few images: a tile's window begins a row too low", "ops/conv2d_winograd_rows.c",
     "all + pixel / k->tiles)", "all + pixel / k->tiles + 1)", "test_winograd_rows.py"),
    ("Winograd along rows, few images: all tiles of columns take the first one's weights", "ops/conv2d_winograd_rows.c",
     "packed + p * len * row + oc, NULL", "packed + p * len * row, NULL", "test_winograd_rows.py"),
    ("pooled planes: the second vector of a row is the first again", "ops/conv2d_planar.c",
     "(k->vectors - 1) * n * v", "0 * n * v", "test_pooled_planes.py"),
    ("Winograd along rows: the last of a block's rows lack their last tap", "ops/conv2d_winograd_lanes.c",
     "last - 1 - k->pad_h + filter_h)", "last - 2 - k->pad_h + filter_h)", "test_winograd_lanes.py"),
    ("Winograd along rows: rows at the upper edge take the taps of those below", "ops/conv2d_winograd_lanes.c",
     "if (begin < 0 || begin + rows", "if (begin + rows", "test_winograd_lanes.py"),
    ("Winograd along rows, weights: the second block of rows is added to the first twice", "ops/conv2d_winograd_lanes.c",
     "sum + (row ? k.t + p : p) * sums", "sum + p * sums", "test_winograd_lanes.py"),
    ("a wide dense layer adds its bias with every block of inputs", "ops/dense.c", "io->b && k == 0 ? io->b + j + t : NULL",
     "io->b ? io->b + j + t : NULL", TILES),
    ("a wide dense layer that goes by rows: sums of the second block are left out", "ops/dense.c",
     "block = 1; block < blocks(op)", "block = 2; block < blocks(op)", "test_single_image.py"),
    ("a wide dense layer that goes by rows is done before its last item", "ops/dense.c", "+ done < all) return;",
     "+ done < all - 1) return;", "test_single_image.py"),
    ("a wide dense layer's data gradient: its last block replaces the others", "ops/dense.c", "dy + t * depth, NULL, k > 0)",
     "dy + t * depth, NULL, 0)", TILES),
    ("stored weights: a tile is read from one panel, though it reaches into the next", "ops/dense.c",
     "fc_min(end, fc_round_down(j, FC_PANEL) + FC_PANEL) - j", "end - j", "test_half_weights.py"),
    ("padding in lanes is not cleared", "ops/lanes.c", "{ memset(y, 0, (size_t)(pixels * c * fc_k->v) * sizeof *y); }",
     "{ (void)y, (void)pixels, (void)c; }", "test_lanes.py"),
    ("scale: the pixels that fill no row are left out", "ops/scale.c", "if (r.rest) fc_k->scale_rows(",
     "if (0) fc_k->scale_rows(",
     "test_lenet1998.py"),
    ("batch norm: the spread between chunks is left out", "ops/batch_norm.c",
     "(double)partial[c + i] + apart * apart * (count - more) * more / count", "(double)partial[c + i]",
     "test_batch_norm.py"),
    ("partial gradients: a chunk replaces the sum", "ops/reduce.c", "fc_k->add(n, partial + middle * size, sum);",
     "memcpy(sum, partial + middle * size, (size_t)n * sizeof *sum);", "test_lanes.py"),
    ("gradients of many weights: the second half of a batch is left out", "ops/conv2d.c", "a->add(op, item, spare, dw, db);",
     "if (item < 0) a->add(op, item, spare, dw, db);",
     "test_plan.py::test_gradients_of_many_weights_are_added_by_halves"),
    ("a gradient's norm is taken of the first block", "ops/optimizer.c", "i < o->norm_count; i++", "i < 1; i++",
     "test_optimizers.py"),
    ("average pooling counts padding where it should not", "ops/pool2d.c", "if (o->count_pad)\n        count",
     "if (!o->count_pad)\n        count", AVG_POOL2D),
    ("a gradient of max pooling is set where windows overlap", "ops/pool2d.c", "if (!fresh) memset(dx",
     "if (fresh) memset(dx", MAX_POOL2D),
    ("a mirrored image's pixels are turned round", "ops/augment.c", "case 3: reverse_by(n, 3, 4, from, to); break;",
     "case 3: reverse_by(n, 1, 1, from, to); break;", "test_augment.py"),
    ("gemm: the ends of rows are replaced, not added to", "kernels/gemm.h",
     "v_store_tail(to, left, accumulate ? v_add(v_load_tail(to, left), acc[i][j]) : acc[i][j]);",
     "v_store_tail(to, left, acc[i][j]);",
     RANDOM),
    ("gemm: a whole vector of the bias is read at its end", "kernels/gemm.h",
     "left >= V ? v_load(bias + j * V) : v_load_tail(bias + j * V, left);", "v_load(bias + j * V);", MEMORY),
    ("gemv: the last columns take the first row of weights for all", "kernels/gemm.h", "v_load_tail(w + k * ldw + j, left)",
     "v_load_tail(w + j, left)", TILES),
    ("e^x: a coefficient's third digit", "kernels/vmath.h", "4.16683910e-2f", "4.16783910e-2f", RANDOM),
    ("softmax without its maximum", "kernels/softmax.h",
     "vf e = v_exp(v_sub(load_or(x + i, c - i, v_set1(-HUGE_VALF)), m));",
     "vf e = v_exp(v_sub(load_or(x + i, c - i, v_set1(-HUGE_VALF)), v_mul(v_zero(), m)));", RANDOM),
    ("response normalization: the window begins a channel late", "kernels/lrn.h",
     "const float *e = scratch + b.edge - o->below;", "const float *e = scratch + b.edge - o->below + 1;", RANDOM),
    ("max pooling: of equals, the last gets the gradient", "kernels/pool.h",
     "vm better = v_andnot(v_isnan(best), v_or(v_gt(v, best), v_isnan(v))); \\\n                best",
     "vm better = v_andnot(v_isnan(best), v_or(v_or(v_gt(v, best), v_eq(v, best)), v_isnan(v))); \\\n                best",
     MAX_POOL2D),
    ("Adam: the second moment's root before its running mean", "kernels/optim.h",
     "if (o->amsgrad) v = s[2] = v_max(s[2], s[1]);", "if (o->amsgrad) v = v_max(s[2], s[1]);", "test_optimizers.py"),
    ("dropout: a row that begins within a block of random words", "kernels/random.h",
     "word[skip + j] >= threshold", "word[j] >= threshold", "test_noise_and_scale.py"),
    ("noise: a row that begins within a block of random words", "kernels/random.h",
     "v_load(normal + skip + i), v_load(x + i)", "v_load(normal + i), v_load(x + i)", "test_noise_and_scale.py"),
    ("Winograd: the last of a tile's values has a wrong sign within", "kernels/winograd.h",
     "v_fma(v_set1(product), d[s], v_fnma(v_set1(sum), d[3 * s], d[5 * s]));",
     "v_fma(v_set1(product), d[s], v_fma(v_set1(sum), d[3 * s], d[5 * s]));", "test_winograd.py"),
    ("Winograd's tiles of nine: a pair is left out of a product", "kernels/winograd.h", "product = v_set1(x * y * z)",
     "product = v_set1(x * y)", "test_winograd_lanes.py"),
    ("int8: weights are divided by 128", "kernels/half.h", "v_set1(127.0f)", "v_set1(128.0f)", "test_half_weights.py"),
    ("int8 convolutions: the scale is a little less", "ops/conv2d_int8.c", "inverse = 1.0f / o->x_scale",
     "inverse = 1.00001f / o->x_scale", "test_int8.py"),
    ("int8 convolutions: sums of floats beyond 2^24", "ops/conv2d_int8.c", "#define EXACT 512 ", "#define EXACT 65536 ",
     "test_int8.py"),
    ("float16: ties go away from zero", "isa/vec_one.h", "(bits + 0xfffu + (bits >> 13 & 1u)", "(bits + 0x1000u",
     "test_half_weights.py"),
    ("out of lanes: one image more than there are", "kernels/lanes.h", "if (l >= images) break;", "if (l > images) break;",
     "test_lanes.py"),
    ("dense layers in lanes: each part of a chunk has the first one's weights", "ops/dense_lanes.c",
     "io->w + s.at * op->out_c + from, x", "io->w + s.at * op->out_c, x", "test_lanes.py"),
    ("a table's gradient in lanes: a part reads dy as the whole chunk does", "ops/conv2d_table_lanes.c",
     "ih - above + first - top : 0", "ih - above + first : 0", "test_lanes.py"),
    ("sums: the last run of rows is left out", "kernels/sums.h",
     "for (; n > 0; n--, x += x_step, z += z_step) s[0] =", "for (; n > 1; n--, x += x_step, z += z_step) s[0] =",
     "test_long_sums.py"),
]


def tests_of(place, isa, test):
    """(code, first failure) of a file's tests on the instruction set: of all tests in it, if none is for each of them."""
    chosen = ["-k", isa] if re.search(r"\bisa\b", (building.ROOT / "tests" / test.split("::")[0]).read_text()) else []
    options = ["-x", "-q", "-rf", "-p", "no:cacheprovider", "--no-header", "--tb=no", "-m", "", *chosen]  # long ones, too
    run = subprocess.run([sys.executable, "-m", "pytest", *options, test], cwd=building.ROOT / "tests",
                         env=building.environment(place, FASTCNN_ISA=isa), capture_output=True, text=True, timeout=900)
    failed = re.search(r"^FAILED (\S+)", run.stdout, re.MULTILINE)
    return run.returncode, failed.group(1) if failed else (run.stdout + run.stderr)[-300:].strip()


def planted(fault, isa, kept, folder):
    """Was it found, by what."""
    what, file, right, wrong, test = fault
    csrc = building.copied(building.ROOT / "csrc", folder / "csrc")
    text = (csrc / file).read_text(encoding="utf-8")
    if text.count(right) != 1:
        raise ValueError(f"{file} must hold what is planted once. Received: {text.count(right)} times {right!r}")
    (csrc / file).write_text(text.replace(right, wrong), encoding="utf-8")
    objects = building.library(csrc, kept, dict.fromkeys(("scalar", isa)))
    code, by = tests_of(building.package(folder, kept, objects), isa, test)
    return code == 1 or code < 0, by if code >= 0 else f"crash by signal {-code}"


def main(argv=None):
    parser = argparse.ArgumentParser(description="Faults planted in C, which the tests must find")
    parser.add_argument("--isa", default="plain4")
    parser.add_argument("--only", default="", help="faults whose name holds this")
    parser.add_argument("--part", nargs=2, type=int, default=(0, 1), metavar=("NUMBER", "OF"), help="every OF-th fault")
    parser.add_argument("--objects", help="a folder of building.py's with objects of these sources")
    options = parser.parse_args(argv)
    if find_spec("Cython") is None:
        print("SKIPPED: no Cython here")
        return 0
    number, of = options.part
    faults = [fault for fault in FAULTS if options.only in fault[0]][number % of::of]
    if not faults:
        parser.error(f"--only must be part of a fault's name. Received: {options.only!r}")
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(options.objects or folder) / "objects"
        kept.mkdir(exist_ok=True)
        objects = building.library(building.ROOT / "csrc", kept, dict.fromkeys(("scalar", options.isa)))
        sound = building.package(Path(folder) / "sound", kept, objects)

        def one(fault):
            began, place = time.monotonic(), Path(tempfile.mkdtemp(dir=folder))
            found, by = planted(fault, options.isa, kept, place)
            seconds = time.monotonic() - began
            print(f"{'found' if found else 'NOT FOUND'}: {fault[0]} ({fault[1]}): {by} ({seconds:.0f} s)", flush=True)
            return found

        with ThreadPoolExecutor(building.CORES) as pool:
            passes = [pool.submit(tests_of, sound, options.isa, test) for test in sorted({fault[-1] for fault in faults})]
            found = list(pool.map(one, faults))
            failed = [by for code, by in (each.result() for each in passes) if code]
    print(f"{options.isa}: {sum(found)} of {len(found)} planted faults found; without them "
          f"{', '.join(failed) or 'all these tests pass'}")
    return 0 if all(found) and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
