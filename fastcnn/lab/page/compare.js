// Optimizers side by side: copies of the network that learn from the same images.

import { $, button, card, choices, four, headings, make, note, percent, thousands, write } from "./dom.js";
import { Chart, markOf } from "./chart.js";
import { get, on, post, trying } from "./talk.js";
import { rateOf } from "./training.js";

const BEGIN = [["SGD", 0.01, 0], ["SGD", 0.05, 0.9], ["Nesterov", 0.05, 0.9], ["Adagrad", 0.01, null], ["Adadelta", 1, null],
  ["Adam", 0.001, 0.9]];
const COLUMNS = ["", "optimizer", "learning rate", "momentum", "right, at last"];
const CHARTS = ["loss over epochs", "right answers over epochs, of 500 test images"];
let lab, rows = [], busy = false;
const parts = {};

function row(name, rate, momentum, place) {
  const usual = () => {
    const { momentum: own } = lab.network.optimizers[kind.value];
    learning.value = rateOf(lab, kind.value);
    kept.value = own ?? "";
    kept.disabled = own === null;
  };
  const kind = choices(Object.keys(lab.network.optimizers), { "aria-label": "Optimizer", onchange: usual });
  kind.value = name;
  const learning = make("input", { class: "value", inputmode: "decimal", "aria-label": "Learning rate" });
  const kept = make("input", { class: "value", inputmode: "decimal", "aria-label": "Momentum" });
  usual();
  learning.value = rate;
  if (momentum !== null) kept.value = momentum;
  const part = make("input", { type: "checkbox", checked: true, "aria-label": "Takes part" });
  const result = make("td", {});
  const cells = [[part], [markOf(place), kind], [learning], [kept]].map((inside) => make("td", {}, ...inside));
  const chosen = () => ({ optimizer: kind.value, learning_rate: Number(learning.value),
    ...(kept.value === "" ? {} : { momentum: Number(kept.value) }) });
  return { element: make("tr", {}, ...cells, result), result, part, chosen };
}

function build() {
  parts.go = button("Compare", go, { class: "primary" });
  parts.body = make("tbody", {});
  parts.says = make("p", { class: "note", role: "status" });
  const canvases = CHARTS.map((name) => make("canvas", { role: "img", "aria-label": `${name}, of each optimizer` }));
  $("compare-panel").append(card("Which optimizer learns fastest?",
    note("Copies of the network begin with the same weights and see the same images. Your training waits meanwhile."),
    make("div", { class: "scroll" }, make("table", { class: "plain" }, make("thead", {}, headings(COLUMNS)), parts.body)),
    make("div", { class: "row" }, parts.go, parts.says),
    make("div", { class: "pair" }, ...canvases.map((canvas, i) =>
      make("figure", { class: "chart tall" }, make("figcaption", {}, CHARTS[i]), canvas)))));
  const across = (x) => String(Number(x.toFixed(3))), unit = (y) => percent(y, 0);
  parts.charts = [new Chart(canvases[0], { across }), new Chart(canvases[1], { across, unit, zero: false, most: 1 })];
}

const comparing = () => lab.frame?.state === "comparing";

async function go() {
  if (comparing()) return trying(() => post("compare", {}));
  rows.shown = rows.filter((each) => each.part.checked);
  await trying(() => post("compare", { optimizers: rows.shown.map((each) => each.chosen()) }));
  poll();
}

async function poll() {
  if (busy || $("compare-panel").hidden) return;
  busy = true;
  for (let going = true; going && !$("compare-panel").hidden;) {
    const found = await get("compare").catch(() => null);
    if (!found) break;
    show(found);
    await new Promise((wake) => setTimeout(wake, 400));
    going = found.running || comparing();
  }
  busy = false;
}

function show({ names, curves = [], seen = 0, running }) {
  write(parts.go, running ? "Stop" : "Compare");
  write(parts.says, names.length ? `${thousands(seen)} images seen by each` : "");
  const places = (rows.shown ?? rows).map((each) => rows.indexOf(each)), images = lab.network.training;
  const lines = (column) => curves.map((rows_, i) => ({ name: names[i], colour: places[i] ?? i,
    points: rows_.map((row_) => [row_[0] / images, row_[column]]) }));
  parts.charts[0].show(lines(1));
  parts.charts[1].show(lines(2));
  curves.forEach((found, i) => {
    const last = found.at(-1);
    if (rows[places[i]] && last) write(rows[places[i]].result, `${percent(last[2])}, loss ${four(last[1])}`);
  });
}

export function begin(given) {
  lab = given;
  build();
  on("network", () => {
    if (rows.length) return;
    rows = BEGIN.map((values, i) => row(...values, i));
    parts.body.replaceChildren(...rows.map(({ element }) => element));
  });
  on("tab", (name) => { if (name === "compare") poll(); });
  on("frame", () => { if (comparing()) poll(); else if (!busy) write(parts.go, "Compare"); });
  on("colours", () => parts.charts.forEach((chart) => chart.draw()));
}
