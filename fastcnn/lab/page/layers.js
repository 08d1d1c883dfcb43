// Each layer of the network: its maps, gradients and filters, histograms, and the image that passes through.

import { $, button, choices, four, later, make, percent, png, resize, thousands, write } from "./dom.js";
import { emit, on, post, remember, remembered, trying } from "./talk.js";
import { SCALES, chooseScale, chosenScale, paintPicture, scale } from "./colours.js";
import { Mosaic, paintMap } from "./mosaic.js";

const KINDS = { activations: "activations", gradients: "gradients", filters: "filters",
  filter_gradients: "filter gradients" };
const SOURCES = [["test", "a test image"], ["training", "a training image"], ["test-on", "other test images all the time"],
  ["training-on", "other training images all the time"], ["drawing", "my drawing"]];
const shown = new Set(remembered("shown", "activations,gradients,filters").split(",").filter(Boolean));
const BINS = 25;
const wish = later(80, () => emit("wish"));
let rows = new Map(), lab, picture, sight;

/** Names of the layers that a frame should bring pictures of: those in sight. */
export function wanted() {
  if (document.hidden || $("layers-panel").hidden && !$("lens").open) return [];
  return [...rows.values()].filter((row) => row.near || row.held).map((row) => row.name);
}

/** Keeps a layer's pictures coming, though it may be out of sight. */
export const hold = (name, held) => { if (rows.has(name)) rows.get(name).held = held; };

export const mosaicOf = (name, kind) => rows.get(name)?.figures[kind]?.mosaic;

export function another() {
  const count = lab.network?.test ?? 1;
  trying(() => post("specimen", { kind: "test", number: Math.floor(Math.random() * count) }));
}

function figure(row, kind) {
  const canvas = make("canvas", { tabindex: "0", role: "button" });
  const range = make("span", { class: "range" });
  const title = make("figcaption", {}, `${KINDS[kind]} `, range);
  const element = make("figure", { class: "maps", hidden: true }, title, make("div", {}, canvas));
  const mosaic = new Mosaic(canvas), open = (place) => emit("enlarge", { name: row.name, kind, place });
  canvas.addEventListener("click", (event) => { const place = mosaic.at(event); if (place) open(place); });
  canvas.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    open([0, 0, 0]);
  });
  return { element, mosaic, canvas, range };
}

function makeRow(fact) {
  const row = { name: fact.name, figures: {}, shapes: {}, near: false, held: false };
  const facts = [[fact.type, fact.window].filter(Boolean).join(" "), fact.activation].filter(Boolean).join(", ");
  row.note = make("p", { class: "note" });
  row.more = make("p", { class: "dead" });
  row.histograms = make("div", { class: "histograms" });
  for (const kind of Object.keys(KINDS)) row.figures[kind] = figure(row, kind);
  row.element = make("article", { class: "card layer", "aria-label": `Layer ${fact.name}` },
    make("header", {}, make("h3", {}, fact.name), make("p", { class: "kind" }, facts),
      make("p", { class: "shape" }, fact.shape.join(" × ")),
      fact.parameters && make("p", { class: "kind", title: "filters × window × channels + biases" }, fact.parameters),
      fact.takes.length > 1 && make("p", { class: "kind" }, `takes ${fact.takes.join(", ")}`), row.more, row.histograms),
    make("div", { class: "pictures" }, ...Object.values(row.figures).map(({ element }) => element), row.note));
  row.element.row = row;
  write(row.note, fact.note);
  return row;
}

function showNetwork(network) {
  sight?.disconnect();
  sight = new IntersectionObserver((changes) => {
    changes.forEach((change) => { change.target.row.near = change.isIntersecting; });
    if (changes.some((change) => change.isIntersecting)) wish();
  }, { rootMargin: "200px" });
  rows = new Map(network.layers.map((fact) => [fact.name, makeRow(fact)]));
  $("layers").replaceChildren(...[...rows.values()].map(({ element }) => element));
  [...rows.values()].slice(0, 4).forEach((row) => { row.near = true; }); // until their places are known
  for (const { element } of rows.values()) sight.observe(element);
}

/** How often numbers of each size occur; zero is in the middle. */
function showHistogram(row, kind, bytes, [low, high]) {
  const found = (row.shapes[kind] ??= makeHistogram(row, kind)), counts = new Uint32Array(BINS);
  for (const byte of bytes) counts[Math.min(BINS - 1, Math.floor(((byte - 1) * BINS) / 255))]++;
  const most = Math.max(...counts), pen = found.getContext("2d"), high_ = found.height;
  pen.clearRect(0, 0, found.width, high_);
  pen.fillStyle = getComputedStyle(found).color;
  counts.forEach((n, i) => {
    const tall = Math.max(n ? 1 : 0, high_ * Math.sqrt(n / most));
    pen.fillRect(3 * i, high_ - tall, 2, tall);
  });
  found.setAttribute("aria-label", `Histogram of ${KINDS[kind]}, ${four(low)} to ${four(high)}`);
}

function makeHistogram(row, kind) {
  const canvas = make("canvas", { width: 3 * BINS, height: 22, role: "img" });
  row.histograms.append(make("figure", {}, canvas, make("figcaption", {}, KINDS[kind])));
  return canvas;
}

function showFrame(frame) {
  showSpecimen(frame);
  for (const fact of frame.layers) {
    const row = rows.get(fact.name);
    if (!row || !Object.keys(fact.pictures).length) continue;
    for (const [kind, { element, mosaic, canvas, range }] of Object.entries(row.figures)) {
      const found = fact.pictures[kind];
      element.hidden = !found || !shown.has(kind);
      const whole = frame.whole || !mosaic.shown;
      if (element.hidden || !whole && kind.startsWith("filter")) continue;
      mosaic.show(found, frame.bytes);
      if (!whole) continue;
      if (!found.colours) showHistogram(row, kind, mosaic.shown.bytes, fact[kind]);
      const [low, high] = fact[kind].map(four);
      write(range, `${low} … ${high}${found.of > found.count ? `, ${found.count} of ${found.of}` : ""}`);
      canvas.setAttribute("aria-label", `${KINDS[kind]} of ${fact.name}, ${low} to ${high}. Enter enlarges.`);
    }
    const [dead, units] = frame.dead[fact.name] ?? [0];
    if (frame.whole) write(row.more, dead ? `${dead} of ${units} units are dead: the same for ${frame.probed} test images` : "");
  }
}

// The image that is shown

function makeSpecimen() {
  const numbered = (step) => () => {
    const { kind, number } = lab.frame.specimen, training = kind === "training";
    const count = training ? lab.network.training : lab.network.test;
    trying(() => post("specimen", { kind: training ? kind : "test", number: ((number ?? -step) + step + count) % count }));
  };
  const source = choices(SOURCES, { "aria-label": "Which image is shown", onchange: () => {
    const [kind, follows] = source.value.split("-");
    if (kind !== "drawing") trying(() => post("specimen", { kind, number: follows ? null : 0 }));
  } });
  picture = { source, image: make("canvas", { class: "pixels", role: "img", "aria-label": "The image that is shown" }),
    saliency: make("canvas", { class: "pixels", role: "img", "aria-label": "Which pixels the answer depends on" }),
    text: make("p", { class: "truth" }), bars: make("ol", { class: "says" }) };
  $("specimen").append(
    make("figure", {}, picture.image, make("figcaption", {}, "image")),
    make("figure", { title: "How much each pixel changes the answer's score" }, picture.saliency,
      make("figcaption", {}, "what matters")),
    make("div", { class: "answer" }, picture.text, picture.bars),
    make("div", { class: "choose" }, source, make("div", { class: "row" },
      button("◀", numbered(-1), { "aria-label": "The image before" }), button("▶", numbered(1), { "aria-label": "The next image" }),
      button("Another", another, { title: "n" }))));
}

/** Bars of the likeliest classes. */
export function bars(list, likeliest, names, label = null) {
  if (list.childElementCount !== likeliest.length) {
    list.replaceChildren(...likeliest.map(() => make("li", {}, make("span", { class: "name" }),
      make("span", { class: "bar" }, make("i")), make("span", { class: "part" }))));
  }
  likeliest.forEach(([i, part], place) => {
    const [name, bar, value] = list.children[place].children;
    write(name, names[i]);
    write(value, percent(part, part > 0.995 || part < 0.0005 ? 0 : 1));
    bar.firstChild.style.width = `${Math.max(0.5, 100 * part)}%`;
    list.children[place].classList.toggle("true", label !== null && i === label);
  });
}

function showSpecimen(frame) {
  const { specimen: { kind, number, label, follows, likeliest }, picture: [height, width, channels], bytes, saliency } = frame;
  resize(picture.saliency, saliency.width, saliency.height);
  const image = new ImageData(saliency.width, saliency.height);
  paintMap(image.data, saliency.width, 0, 0, bytes.subarray(saliency.start), 0, saliency.height, saliency.width, false, scale());
  picture.saliency.getContext("2d").putImageData(image, 0, 0);
  const of = `${kind} ${number}`, same = kind !== "drawing" && of === picture.of;
  if (same && !frame.whole) return;
  picture.of = of;
  paintPicture(picture.image, bytes, height, width, channels);
  const names = lab.network.classes, said = `The network says ${names[likeliest[0][0]]}`;
  write(picture.text, label === null ? `Your drawing. ${said}.` : `${kind === "test" ? "Test" : "Training"} image `
    + `${thousands(number)}: ${names[label]}. ${said} ${label === likeliest[0][0] ? "✓" : "✗"}`);
  bars(picture.bars, likeliest, names, label);
  if (document.activeElement !== picture.source) picture.source.value = follows && label !== null ? `${kind}-on` : kind;
}

/** All pictures in sight on one canvas. */
function together() {
  const seen = ([, figure_]) => !figure_.element.hidden && figure_.mosaic.shown;
  const found = [...rows.values()].flatMap((row) => Object.entries(row.figures).filter(seen).map(([kind, { range, canvas, mosaic }]) =>
    ({ name: `${row.name}: ${KINDS[kind]}, ${range.textContent}`, canvas, zoom: Math.max(1, Math.round(mosaic.zoom)) })));
  const width = Math.max(320, ...found.map(({ canvas, zoom }) => canvas.width * zoom)) + 16;
  const height = found.reduce((sum, { canvas, zoom }) => sum + canvas.height * zoom + 28, 8);
  const whole = make("canvas", { width, height });
  const pen = whole.getContext("2d"), style = getComputedStyle(document.body);
  pen.fillStyle = style.getPropertyValue("--card");
  pen.fillRect(0, 0, whole.width, whole.height);
  pen.imageSmoothingEnabled = false;
  pen.font = "12px sans-serif";
  let top = 8;
  for (const { name, canvas, zoom } of found) {
    pen.fillStyle = style.color;
    pen.fillText(name, 8, top + 10);
    pen.drawImage(canvas, 8, top + 16, canvas.width * zoom, canvas.height * zoom);
    top += canvas.height * zoom + 28;
  }
  png(whole, "layers.png");
}

export function begin(given) {
  lab = given;
  makeSpecimen();
  const boxes = Object.entries(KINDS).map(([kind, text]) => {
    const input = make("input", { type: "checkbox", checked: shown.has(kind), onchange: () => {
      if (input.checked) shown.add(kind); else shown.delete(kind);
      remember("shown", [...shown].join(","));
      if (lab.frame) showFrame(lab.frame);
    } });
    return make("label", { class: "check" }, input, text);
  });
  const colours = choices(SCALES, { onchange: () => chooseScale(colours.value) });
  colours.value = chosenScale();
  $("kinds").append(...boxes, make("label", {}, "colours ", colours), button("PNG", together, { class: "quiet" }));
  on("network", showNetwork);
  on("frame", showFrame);
  const redraw = () => rows.forEach((row) => Object.values(row.figures).forEach(({ mosaic }) => {
    mosaic.room = 0;
    mosaic.draw();
  }));
  on("colours", () => {
    redraw();
    if (lab.frame) showFrame(lab.frame);
  });
  on("tab", (name) => { if (name === "layers") wish(); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) wish(); });
  addEventListener("resize", redraw);
}
