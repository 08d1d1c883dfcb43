// Each layer of the network: its maps, gradients and filters, histograms, and the image that passes through.

import { $, four, later, make, percent, png, thousands, write } from "./dom.js";
import { emit, on, post, remember, remembered, trying } from "./talk.js";
import { SCALES, chooseScale, chosenScale, paintPicture, scale } from "./colours.js";
import { Mosaic, paintMap } from "./mosaic.js";

const KINDS = { activations: "activations", gradients: "gradients", filters: "filters", filter_gradients: "filter gradients" };
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
  const element = make("figure", { class: "maps", hidden: true }, make("figcaption", {}, `${KINDS[kind]} `, range), make("div", {}, canvas));
  const mosaic = new Mosaic(canvas), open = (place) => emit("enlarge", { name: row.name, kind, place });
  canvas.addEventListener("click", (event) => { const place = mosaic.at(event); if (place) open(place); });
  canvas.addEventListener("keydown", (event) => { if (event.key === "Enter") open([0, 0, 0]); });
  return { element, mosaic, canvas, range };
}

function makeRow(fact) {
  const row = { name: fact.name, figures: {}, shapes: {}, near: false, held: false };
  const facts = [fact.window && `${fact.type} ${fact.window}`, !fact.window && fact.type, fact.activation].filter(Boolean).join(", ");
  row.note = make("p", { class: "note" });
  row.more = make("p", { class: "dead" });
  row.histograms = make("div", { class: "histograms" });
  for (const kind of Object.keys(KINDS)) row.figures[kind] = figure(row, kind);
  row.element = make("article", { class: "card layer", "aria-label": `Layer ${fact.name}` },
    make("header", {}, make("h3", {}, fact.name), make("p", { class: "kind" }, facts),
      make("p", { class: "shape" }, fact.shape.join(" × ")),
      fact.parameters && make("p", { class: "parameters", title: "filters × window × channels + biases" }, fact.parameters),
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
  counts.forEach((n, i) => { const tall = Math.max(n ? 1 : 0, high_ * Math.sqrt(n / most)); pen.fillRect(3 * i, high_ - tall, 2, tall); });
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
      if (element.hidden) continue;
      mosaic.show(found, frame.bytes);
      if (!found.colours) showHistogram(row, kind, mosaic.shown.bytes, fact[kind]);
      const [low, high] = fact[kind].map(four);
      write(range, `${low} … ${high}${found.of > found.count ? `, ${found.count} of ${found.of}` : ""}`);
      canvas.setAttribute("aria-label", `${KINDS[kind]} of ${fact.name}, ${low} to ${high}. Enter enlarges.`);
    }
    const [dead, units] = frame.dead[fact.name] ?? [0];
    write(row.more, dead ? `${dead} of ${units} units are dead: the same for ${frame.probed} test images` : "");
  }
}

// The image that is shown

function makeSpecimen() {
  const numbered = (step) => () => {
    const { kind, number } = lab.frame.specimen, count = kind === "training" ? lab.network.training : lab.network.test;
    trying(() => post("specimen", { kind: kind === "drawing" ? "test" : kind, number: number === null ? 0 : (number + step + count) % count }));
  };
  const source = make("select", { "aria-label": "Which image is shown", onchange: () => {
    const [kind, follows] = source.value.split("-");
    if (kind !== "drawing") trying(() => post("specimen", { kind, number: follows ? null : 0 }));
  } }, ...[["test", "a test image"], ["training", "a training image"], ["test-on", "other test images all the time"],
    ["training-on", "other training images all the time"], ["drawing", "my drawing"]].map(([value, text]) => make("option", { value }, text)));
  picture = { source, image: make("canvas", { class: "pixels", role: "img", "aria-label": "The image that is shown" }),
    saliency: make("canvas", { class: "pixels", role: "img", "aria-label": "Which pixels the answer depends on" }),
    text: make("p", { class: "truth" }), bars: make("ol", { class: "says" }) };
  $("specimen").append(
    make("figure", {}, picture.image, make("figcaption", {}, "image")),
    make("figure", {}, picture.saliency, make("figcaption", { title: "How much each pixel changes the answer's score" }, "what matters")),
    make("div", { class: "answer" }, picture.text, picture.bars),
    make("div", { class: "choose" }, source, make("div", { class: "row" },
      make("button", { onclick: numbered(-1), "aria-label": "The image before" }, "◀"),
      make("button", { onclick: numbered(1), "aria-label": "The next image" }, "▶"),
      make("button", { onclick: another, title: "n" }, "Another"))));
}

/** Bars of the likeliest classes. */
export function bars(list, likeliest, names, label = null) {
  if (list.childElementCount !== likeliest.length) {
    list.replaceChildren(...likeliest.map(() => make("li", {}, make("span", { class: "name" }), make("span", { class: "bar" }, make("i")), make("span", { class: "part" }))));
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
  const { specimen, picture: [height, width, channels], bytes, saliency } = frame, names = lab.network.classes;
  paintPicture(picture.image, bytes, height, width, channels);
  Object.assign(picture.saliency, { width: saliency.width, height: saliency.height });
  const image = new ImageData(saliency.width, saliency.height);
  paintMap(image.data, saliency.width, 0, 0, bytes.subarray(saliency.start), 0, saliency.height, saliency.width, false, scale());
  picture.saliency.getContext("2d").putImageData(image, 0, 0);
  const said = names[specimen.likeliest[0][0]], right = specimen.label === specimen.likeliest[0][0];
  write(picture.text, specimen.label === null ? `Your drawing. The network says ${said}.`
    : `${specimen.kind === "test" ? "Test" : "Training"} image ${thousands(specimen.number)}: ${names[specimen.label]}. The network says ${said}${right ? " ✓" : " ✗"}`);
  bars(picture.bars, specimen.likeliest, names, specimen.label);
  if (document.activeElement !== picture.source) picture.source.value = specimen.kind + (specimen.follows && specimen.kind !== "drawing" ? "-on" : "");
}

/** All pictures in sight on one canvas. */
function together() {
  const found = [...rows.values()].flatMap((row) => Object.entries(row.figures).filter(([, f]) => !f.element.hidden && f.mosaic.shown)
    .map(([kind, f]) => ({ name: `${row.name}: ${KINDS[kind]}, ${f.range.textContent}`, canvas: f.canvas, zoom: Math.max(1, Math.round(f.mosaic.zoom)) })));
  const wide = Math.max(320, ...found.map(({ canvas, zoom }) => canvas.width * zoom)) + 16;
  const whole = make("canvas", { width: wide, height: found.reduce((sum, { canvas, zoom }) => sum + canvas.height * zoom + 28, 8) });
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
  const colours = make("select", { onchange: () => chooseScale(colours.value) }, ...SCALES.map((name) => make("option", {}, name)));
  colours.value = chosenScale();
  $("kinds").append(...boxes, make("label", {}, "colours ", colours), make("button", { class: "quiet", onclick: together }, "PNG"));
  on("network", showNetwork);
  on("frame", showFrame);
  const redraw = () => rows.forEach((row) => Object.values(row.figures).forEach(({ mosaic }) => mosaic.draw()));
  on("colours", () => {
    redraw();
    if (lab.frame) showFrame(lab.frame);
  });
  on("tab", (name) => { if (name === "layers") wish(); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) wish(); });
  addEventListener("resize", redraw);
}
