// Optimizers side by side: copies of the network that learn from the same images.

import { $, four, make, percent, thousands, write } from "./dom.js";
import { Chart, COLOURS } from "./chart.js";
import { get, on, post, trying } from "./talk.js";

const BEGIN = [["SGD", 0.01, 0], ["SGD", 0.05, 0.9], ["Nesterov", 0.05, 0.9], ["Adagrad", 0.01, null], ["Adadelta", 1, null], ["Adam", 0.001, 0.9]];
const RATES = { SGD: 0.05, Nesterov: 0.05, RMSprop: 0.001, Adagrad: 0.01, Adadelta: 1, Adam: 0.001, AdamW: 0.001, SDLM: 0.0005 };
let lab, rows = [], busy = false;
const parts = {};

function row(name, rate, momentum, place) {
  const mark = make("i", { "aria-hidden": "true" });
  mark.style.background = COLOURS[place];
  const kind = make("select", { "aria-label": "Optimizer", onchange: () => { learning.value = RATES[kind.value]; } }, ...lab.network.optimizers.map((one) => make("option", {}, one)));
  kind.value = name;
  const learning = make("input", { class: "value", inputmode: "decimal", "aria-label": "Learning rate" });
  const kept = make("input", { class: "value", inputmode: "decimal", "aria-label": "Momentum" });
  learning.value = rate;
  kept.value = momentum ?? "";
  const on_ = make("input", { type: "checkbox", checked: true, "aria-label": "Takes part" });
  const result = make("td", {});
  return { element: make("tr", {}, make("td", {}, on_), make("td", {}, mark, kind), make("td", {}, learning), make("td", {}, kept), result), result,
    on: on_, chosen: () => ({ optimizer: kind.value, learning_rate: Number(learning.value), ...(kept.value === "" ? {} : { momentum: Number(kept.value) }) }) };
}

function build() {
  parts.go = make("button", { class: "primary", onclick: go }, "Compare");
  parts.body = make("tbody", {});
  parts.says = make("p", { class: "note", role: "status" });
  const canvases = ["loss", "right answers"].map((name) => make("canvas", { role: "img", "aria-label": `${name} of each optimizer` }));
  $("compare-panel").append(make("section", { class: "card" }, make("h2", {}, "Which optimizer learns fastest?"),
    make("p", { class: "note" }, "Copies of the network begin with the same weights and see the same images. Your training waits meanwhile."),
    make("div", { class: "scroll" }, make("table", { class: "plain" }, make("thead", {}, make("tr", {}, ...["", "optimizer", "learning rate", "momentum", "right, at last"].map((text) => make("th", { scope: "col" }, text)))), parts.body)),
    make("div", { class: "row" }, parts.go, parts.says),
    make("div", { class: "pair" }, ...canvases.map((canvas, i) => make("figure", { class: "chart tall" },
      make("figcaption", {}, ["loss", "right answers, of 500 test images"][i]), canvas)))));
  const across = (x) => String(Number(x.toFixed(3)));
  parts.charts = [new Chart(canvases[0], { across }), new Chart(canvases[1], { across, unit: (y) => percent(y, 0), zero: false, most: 1 })];
}

const comparing = () => lab.frame?.state === "comparing";

async function go() {
  if (comparing()) return trying(() => post("compare", {}));
  rows.shown = rows.filter((each) => each.on.checked);
  await trying(() => post("compare", { optimizers: rows.shown.map((each) => each.chosen()) }));
  poll();
}

async function poll() {
  if (busy || $("compare-panel").hidden) return;
  busy = true;
  for (let running = true; running && !$("compare-panel").hidden;) {
    const found = await get("compare").catch(() => null);
    if (!found) break;
    show(found);
    running = found.running;
    await new Promise((wake) => setTimeout(wake, 400));
  }
  busy = false;
}

function show({ names, curves = [], seen = 0, running }) {
  write(parts.go, running ? "Stop" : "Compare");
  write(parts.says, names.length ? `${thousands(seen)} images seen by each` : "");
  const places = rows.map((each, i) => [each, i]).filter(([each]) => !rows.shown || rows.shown.includes(each)).map(([, i]) => i);
  const lines = (column) => curves.map((points, i) => ({ name: names[i], colour: places[i] ?? i, points: points.map((point) => [point[0] / lab.network.training, point[column]]) }));
  parts.charts[0].show(lines(1));
  parts.charts[1].show(lines(2));
  curves.forEach((points, i) => { if (rows[places[i]] && points.length) write(rows[places[i]].result, `${percent(points.at(-1)[2])}, loss ${four(points.at(-1)[1])}`); });
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
