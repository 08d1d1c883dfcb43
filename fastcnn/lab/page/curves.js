// Loss and right answers over the epochs, of this run and earlier ones.

import { $, four, make, percent, png } from "./dom.js";
import { Chart, markOf, smoothed } from "./chart.js";
import { on, remember, remembered } from "./talk.js";

const rows = { training: [], test: [] };
let runs = [], images = 1, spoken = 0, news = false;

export function begin() {
  const epochs = (x) => `${Number(x.toFixed(2))}`;
  const unit = (y) => percent(y, y > 0.9 && y < 1 ? 1 : 0);
  const charts = [new Chart($("loss"), { across: epochs }),
    new Chart($("accuracy"), { across: epochs, unit, zero: false, most: 1 })];
  for (const id of ["smooth", "log", "earlier"]) {
    const input = $(id), key = input.type === "checkbox" ? "checked" : "value";
    const kept = remembered(id, null);
    if (kept !== null) input[key] = key === "checked" ? kept === "true" : kept;
    input.addEventListener("input", () => (remember(id, input[key]), draw()));
  }

  function line(name, found, column, colour, faint) {
    const points = found.map((row) => [row[0] / images, row[column]]);
    return { name, colour, faint, dots: !faint, points: smoothed(points, colour === 0 ? Number($("smooth").value) : 0) };
  }

  function draw() {
    const earlier = $("earlier").checked ? runs : [];
    charts.forEach((chart, i) => chart.show([
      ...earlier.flatMap((run, k) => [line(run.label, run.test, i + 1, 2 + (k % 4), true)]),
      line("training", rows.training, i + 1, 0), line("test", rows.test, i + 1, 1)], i === 0 && $("log").checked));
    $("legend").replaceChildren(...[["training", 0], ["test", 1], ...earlier.map((run, k) => [run.label, 2 + (k % 4)])].map(
      ([name, colour]) => make("li", {}, markOf(colour), name)));
  }

  on("network", (network) => {
    ({ runs } = network);
    draw();
  });
  on("colours", draw);
  on("frame", (frame) => {
    images = frame.images;
    for (const [name, tail] of Object.entries(frame.curves)) {
      rows[name] = [...rows[name].slice(0, tail.from), ...tail.rows];
      news ||= tail.rows.length > 0;
    }
    if (news && frame.whole) {
      news = false;
      draw();
    }
    if (Date.now() - spoken > 3000) {
      spoken = Date.now();
      const loss = four(frame.test.loss);
      $("loss").setAttribute("aria-label", `Loss on test images ${loss} after ${epochs(frame.epoch)} epochs`);
      $("accuracy").setAttribute("aria-label", `Right answers to test images ${percent(frame.test.accuracy)}`);
    }
  });
  $("curves-png").addEventListener("click", () => {
    const both = make("canvas", { width: $("loss").width, height: 2 * $("loss").height }), pen = both.getContext("2d");
    pen.fillStyle = getComputedStyle(document.body).getPropertyValue("--card");
    pen.fillRect(0, 0, both.width, both.height);
    ["loss", "accuracy"].forEach((id, i) => pen.drawImage($(id), 0, i * $("loss").height));
    png(both, "curves.png");
  });
}
