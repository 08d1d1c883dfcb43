"""`fastcnn bench`: how fast it is here, beside other libraries. The suite lies in a checkout's benchmarks/."""

import os
import sys

from fastcnn.cli import options as common
from fastcnn.cli.messages import Failure

_BASELINE = "benchmarks/baseline.json"
_PEERS = "torch,onnxruntime,openvino,keras,ncnn,mnn,litert,dlib,convnetjs"


def add(commands):
    """The command's place in the parser."""
    bench = commands.add_parser(
        "bench", help="measure speed and memory, beside other libraries",
        description="Measure kernels, networks, scaling, memory, import and training to 99 %, check every result before "
                    "it is timed, and say what part of the machine or how many times the best other library it is. Needs a "
                    "checkout of fastcnn, where benchmarks/ is; docs/benchmarks.md there says how to read it.")
    bench.add_argument("--only", metavar="GROUP[/ROW]", action="append", default=[],
                       help="rows whose names begin so or match: networks/alexnet, 'kernels/*.conv2*' (several times)")
    bench.add_argument("--list", action="store_true", help="only print the rows' names")
    bench.add_argument("--peers", metavar="NAMES", nargs="?", const=_PEERS,
                       help=f"compare with these, as far as they are installed ({_PEERS})")
    bench.add_argument("--quick", action="store_true", help="a look: fewer windows and seeds, no large batches")
    bench.add_argument("--batch", metavar="N", type=common.positive, nargs="+",
                       help="these batches instead of each row's own")
    bench.add_argument("--longest", metavar="SECONDS", type=common.positive,
                       help="begin no new round of a row after so long, once there are three (400; with --quick 60)")
    bench.add_argument("--photographs", metavar="DIR_OR_ZIP", help="also measure decoding, and batches of these")
    bench.add_argument("--json", metavar="FILE",
                       help="write rows to FILE as they come, a JSON object a line; -: to standard output")
    common.add_overwrite(bench)
    bench.add_argument("--keep", action="store_true",
                       help="an official run: append the rows to this machine's file in benchmarks/runs/")
    bench.add_argument("--from", metavar="FILE", dest="source", help="measure nothing, take the rows that --json wrote")
    bench.add_argument("--report", metavar="DIR",
                       help="write a page with tables and plots (pip install matplotlib)")
    bench.add_argument("--baseline", metavar="FILE", nargs="?", const=_BASELINE,
                       help=f"compare ratios with FILE ({_BASELINE}); exit code 1 if one fell by more than 10 %%")
    bench.add_argument("--update-baseline", metavar="FILE", nargs="?", const=_BASELINE,
                       help=f"enter the ratios into FILE ({_BASELINE})")
    common.add_threads(bench)
    bench.set_defaults(run=run)


def find_suite():
    """The folder benchmarks/ of the checkout: beside the package, or in the current folder."""
    import fastcnn

    beside = os.path.dirname(os.path.dirname(os.path.abspath(fastcnn.__file__)))
    for place in beside, os.getcwd():
        if all(os.path.exists(os.path.join(place, *path)) for path in (("benchmarks", "suite.py"), ("tests", "cases.py"))):
            return os.path.join(place, "benchmarks")
    raise Failure("bench needs the folder benchmarks of a checkout of fastcnn, which is not installed with the package: run "
                  f"it in the checkout's folder. Received: {os.getcwd()}")


def load_suite(folder):
    """The package `benchmarks` from that folder, whatever else is called so."""
    from importlib.util import module_from_spec, spec_from_file_location

    if "benchmarks" not in sys.modules:
        spec = spec_from_file_location("benchmarks", os.path.join(folder, "__init__.py"),
                                       submodule_search_locations=[folder])
        sys.modules["benchmarks"] = module_from_spec(spec)
    from benchmarks import suite

    return suite


def run(options):
    """Runs the suite."""
    common.set_threads(options)
    for wanted, name in (options.update_baseline, "--update-baseline"), (options.keep, "--keep"):
        if wanted and (options.quick or options.batch):
            raise Failure(f"{name} wants figures worth keeping: no --quick and no --batch with it")
    if options.source and (options.list or options.json or options.keep):
        raise Failure("--from measures nothing: no --list, no --json and no --keep with it")
    folder = find_suite()
    suite = load_suite(folder)
    from benchmarks.jobs import PEERS, Settings

    peers = tuple(name.strip() for name in (options.peers or "").split(",") if name.strip())
    unknown = [name for name in peers if name not in PEERS]
    if unknown:
        raise Failure(f"--peers: there are {', '.join(PEERS)}. Received: {', '.join(unknown)}")
    if peers and not options.list and not options.source:
        peers = _installed(peers)
    files = [path and (os.path.join(folder, "baseline.json") if path == _BASELINE else path)
             for path in (options.baseline, options.update_baseline)]
    for path, replaced in (options.json, options.overwrite), (files[1], True):
        if path and path != "-":
            common.check_writable(path, replaced)
    settings = Settings(peers=peers, quick=options.quick, batches=options.batch, photographs=options.photographs,
                        **({"windows": 3, "most": 9, "longest": 60, "seeds": 1} if options.quick else {}))
    settings.longest = options.longest or settings.longest
    return suite.run(settings, options.only, options.list, options.source, options.json, options.report, *files,
                     keep=options.keep)


def _installed(names):
    """Those that are there; one warning for the others."""
    import warnings

    from benchmarks import peers

    able, unable = peers.installed(names)
    if unable:
        warnings.warn("not compared with " + "; ".join(f"{name} ({why})" for name, why in unable.items())
                      + "; benchmarks/requirements.txt lists them", stacklevel=2)
    return able
