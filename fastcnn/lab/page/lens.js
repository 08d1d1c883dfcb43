// A map, large, and how the number below the pointer comes about.

import { $, button, four, make, note, tiny, write } from "./dom.js";
import { get, on } from "./talk.js";
import { colourOf, scale } from "./colours.js";
import { hold, mosaicOf } from "./layers.js";
import { paintMap } from "./mosaic.js";

let open = null, asked = 0, waiting = false;
const parts = {};

function build() {
  parts.canvas = make("canvas", { tabindex: "0", class: "pixels", role: "img",
    "aria-label": "The map. Arrow keys move to another number." });
  parts.title = make("h2", { id: "lens-title" });
  parts.where = make("p", { class: "note" });
  parts.sum = make("div", { class: "sum", "aria-live": "polite" });
  const move = (step) => () => go(open.map + step, open.row, open.column);
  $("lens").append(
    make("header", {}, parts.title, make("div", { class: "row" },
      button("◀", move(-1), { "aria-label": "The map before" }), button("▶", move(1), { "aria-label": "The next map" }),
      button("Close", () => $("lens").close()))),
    make("div", { class: "lens" }, make("div", { class: "large" }, parts.canvas, parts.where), parts.sum));
  $("lens").addEventListener("close", () => { hold(open.name, false); open = null; });
  parts.canvas.addEventListener("pointermove", (event) => {
    const box = parts.canvas.getBoundingClientRect(), { height, width } = open.picture;
    const row = within(Math.floor(((event.clientY - box.top) / box.height) * height), height);
    const column = within(Math.floor(((event.clientX - box.left) / box.width) * width), width);
    if (row !== open.row || column !== open.column) go(open.map, row, column);
  });
  parts.canvas.addEventListener("keydown", (event) => {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!step) return;
    event.preventDefault();
    go(open.map, open.row + step[0], open.column + step[1]);
  });
}

const within = (i, n) => Math.max(0, Math.min(n - 1, i));

function go(map, row, column) {
  const { count, height, width } = open.picture;
  Object.assign(open, { map: within(map, count), row: within(row, height), column: within(column, width) });
  draw();
  explain();
}

function draw() {
  const mosaic = mosaicOf(open.name, open.kind);
  if (!mosaic?.shown) return;
  open.picture = mosaic.shown.picture;
  const { count, height, width, colours } = open.picture;
  const zoom = Math.max(1, Math.min(90, Math.floor(336 / Math.max(height, width))));
  Object.assign(parts.canvas, { width: width * zoom, height: height * zoom });
  const small = make("canvas", { width, height }), image = new ImageData(width, height), pen = parts.canvas.getContext("2d");
  paintMap(image.data, width, 0, 0, mosaic.shown.bytes, open.map, height, width, colours, scale());
  small.getContext("2d").putImageData(image, 0, 0);
  pen.imageSmoothingEnabled = false;
  pen.drawImage(small, 0, 0, width * zoom, height * zoom);
  pen.lineWidth = 2;
  pen.strokeStyle = "#111";
  pen.strokeRect(open.column * zoom, open.row * zoom, zoom, zoom);
  pen.strokeStyle = "#ffd23e";
  pen.strokeRect(open.column * zoom - 1.5, open.row * zoom - 1.5, zoom + 3, zoom + 3);
  write(parts.title, `${open.name}: ${open.kind.replace("_", " ")}, map ${open.map + 1} of ${count}`);
}

/** Asks how the number comes about; one question at a time. */
async function explain() {
  asked++;
  if (waiting || !open) return;
  waiting = true;
  while (open) {
    const mine = asked, { name, kind, map, row, column } = open;
    const place = open.flat && kind === "activations" ? [map] : [row, column, map];
    try {
      const found = await get("pixel", { layer: name, kind, place });
      if (open) showSum(found);
    } catch (error) {
      write(parts.where, error.message);
    }
    if (mine === asked) break;
  }
  waiting = false;
}

const cell = (text, value) => {
  const td = make("td", {}, text);
  if (value !== undefined) Object.assign(td.style, colourOf(value));
  return td;
};

/** A small table of numbers, coloured by their sizes. */
function grid(title, values, most) {
  const rows = values.map((row) => make("tr", {}, ...row.map((value) => (value === null ? cell("·") : cell(tiny(value), value / most)))));
  return make("figure", {}, make("figcaption", {}, title), make("table", { class: "grid" }, ...rows));
}

const largest = (grids) => Math.max(1e-30, ...grids.flat(2).filter((v) => v !== null).map(Math.abs));

function windows({ windows: found, kind }) {
  const most = { x: largest(found.map(({ x }) => x)), w: largest(found.map(({ w }) => w ?? [[0]])) };
  const products = found.map(({ x, w }) => (w ? x.map((row, i) => row.map((v, j) => v * w[i][j])) : null));
  const mostProduct = largest(products.filter(Boolean).concat([[[0]]]));
  return found.map(({ channel, x, w }, i) => make("div", { class: "product" },
    grid(found.length > 1 || kind !== "sum" ? `map ${channel + 1} of the layer before` : "what the filter sees", x, most.x),
    ...(w ? ["×", grid("filter", w, most.w), "=", grid("products", products[i], mostProduct)] : [])));
}

function terms({ terms: found, inputs }) {
  const rows = found.map(({ input, x, w }) => make("tr", {}, make("th", { scope: "row" }, `input ${input + 1}`),
    ...[four(x), "×", four(w), "=", four(x * w)].map((text) => make("td", {}, text))));
  return [note(`The ${found.length} largest of ${inputs} products:`), make("table", { class: "terms" }, ...rows)];
}

const ACTIVATED = { linear: "this is the value: ", softmax: "softmax compares it with all other units: " };

const MEANT = { gradients: "how much the loss grows if this number of the map does",
  filters: "what the number below the filter is multiplied by",
  filter_gradients: "how much the loss grows if this number of the filter does" };

function showSum(found) {
  const lines = [], step = (...text) => lines.push(make("p", { class: "line" }, ...text));
  const [row, column, map] = found.place, unit = (map ?? row) + 1;
  const where = open.flat && !open.kind.startsWith("filter") ? `unit ${unit}` : `row ${row}, column ${column}`;
  if (MEANT[found.kind]) {
    const text = [found.value].flat().map(four).join(", ");
    write(parts.where, `${where} after ${found.step} steps: ${text}`);
    return parts.sum.replaceChildren(make("p", { class: "line" }, make("b", {}, text)), note(MEANT[found.kind]));
  }
  write(parts.where, `${where} after ${found.step} steps: ${four(found.value)}`);
  const value = () => make("b", {}, four(found.value));
  if (found.kind === "sum") {
    step(`sum of products ${four(found.sum)} + bias ${four(found.bias)} = ${four(found.before)}`);
    step(ACTIVATED[found.activation] ?? `${found.activation}(${four(found.before)}) = `, value());
    lines.push(...(found.windows ? windows(found) : terms(found)));
    if (found.channels > found.windows?.length) step(`and ${found.channels - found.windows.length} more maps`);
  } else if (found.kind === "max" || found.kind === "mean") {
    step(`the ${found.kind === "max" ? "largest" : "mean"} of these is `, value());
    lines.push(...windows(found));
  } else if (found.kind === "softmax") {
    step(`e^${four(found.before)} divided by the sum of e^score over all ${found.inputs} scores is `, value());
  } else if (found.kind === "function") step(`${found.activation}(${four(found.before)}) = `, value());
  else step("the layer gives ", value());
  parts.sum.replaceChildren(...lines);
}

export function begin(lab) {
  build();
  on("enlarge", ({ name, kind, place: [map, row, column] }) => {
    const mosaic = mosaicOf(name, kind);
    if (!mosaic?.shown) return;
    open = { name, kind, map, row, column, picture: mosaic.shown.picture,
      flat: lab.network.layers.find((fact) => fact.name === name).shape.length === 1 };
    hold(name, true);
    $("lens").showModal();
    go(map, row, column);
    parts.canvas.focus();
  });
  on("frame", () => { if (open) { draw(); explain(); } });
}
