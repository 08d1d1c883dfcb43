"""ConvNetJS, run by node: a child process that holds a network and images, and answers a line for each line it is sent.

node must find the package: `npm install convnetjs` in the checkout, or NODE_PATH.
"""

import json
import shutil
import subprocess
from pathlib import Path

from benchmarks import timing

PACKAGE = "convnetjs"
_ROOT = Path(__file__).resolve().parents[2]
_SCRIPT = """
const convnet = require('convnetjs');
let net, images, labels, trainer;
const answers = {
  load: work => {
    net = new convnet.Net();
    net.fromJSON(work.net);
    images = work.x.map(x => {
      const v = new convnet.Vol(work.size[0], work.size[1], work.size[2], 0);
      v.w = Float64Array.from(x);
      return v;
    });
    labels = work.y;
    trainer = new convnet.Trainer(net, work.options || {});
    return true;
  },
  forward: () => images.map(v => Array.from(net.forward(v).w)),
  step: () => {
    let cost = 0;
    images.forEach((v, i) => { cost += trainer.train(v, labels[i]).cost_loss; });
    return cost / images.length;
  },
};
require('readline').createInterface({input: process.stdin}).on('line', line => {
  const work = JSON.parse(line);
  console.log(JSON.stringify(answers[work.answer](work)));
});
"""


def _find():
    if shutil.which("node") is None:
        raise ImportError("node is not installed")
    run = subprocess.run(["node", "-e", f"require.resolve('{PACKAGE}')"], cwd=_ROOT, capture_output=True)
    if run.returncode:
        raise ImportError(f"node does not find the package {PACKAGE}")


_find()


class Child:
    """A node process.

    Args:
        net: a `fastcnn.convnetjs.Net`, whose weights it starts from.
        x, y: images (samples, sy, sx, depth) and their labels.
        options: of its `Trainer`.
    """

    def __init__(self, net, x, y=None, options=None):
        self.process = subprocess.Popen(["node", "-e", _SCRIPT], cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        timing.WORKERS.add(self.process.pid)
        self.ask("load", net=net.toJSON(), x=x.reshape(len(x), -1).tolist(), size=[x.shape[2], x.shape[1], x.shape[3]],
                 y=None if y is None else y.tolist(), options=options)

    def ask(self, answer, **more):
        """What it answers."""
        self.process.stdin.write(json.dumps({"answer": answer, **more}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        """Ends it."""
        timing.WORKERS.discard(self.process.pid)
        self.process.stdin.close()
        self.process.wait(timeout=20)
        self.process.stdout.close()
