// Layers as blocks: fields to change, buttons to move, remove and add them.

import { button, choices, make, thousands } from "./dom.js";

const PALETTE = {
  convolution: { layer: "Conv2D", filters: 8, kernel_size: 3, padding: "same", activation: "relu" },
  "max pooling": { layer: "MaxPooling2D", pool_size: 2 },
  "mean pooling": { layer: "AveragePooling2D", pool_size: 2 },
  "batch normalization": { layer: "BatchNormalization" },
  "local normalization": { layer: "LocalResponseNormalization" },
  activation: { layer: "Activation", activation: "relu" },
  dropout: { layer: "Dropout", rate: 0.5 },
  flatten: { layer: "Flatten" },
  "mean over the image": { layer: "GlobalAveragePooling2D" },
  dense: { layer: "Dense", units: 32, activation: "relu" },
};
const CHOICES = {
  activation: ["linear", "relu", "tanh", "sigmoid", "scaled_tanh", "leaky_relu", "elu", "gelu", "silu", "softmax"],
  padding: ["valid", "same"],
};
const FIELDS = { // shown though by default, in this order
  Conv2D: { name: "", filters: 8, kernel_size: 3, strides: 1, padding: "valid", activation: "linear" },
  Dense: { name: "", units: 32, activation: "linear" },
};

/** The text of entries, a layer a line. */
export function written(entries) {
  const lines = entries.map((entry) => `  ${JSON.stringify(entry).replaceAll('":', '": ').replaceAll(',"', ', "')}`);
  return `[\n${lines.join(",\n")}\n]`;
}

/** A value as its field has it, and back. */
const textOf = (value) => (typeof value === "string" ? value : JSON.stringify(value));

function valueOf(text) {
  try { return JSON.parse(text); } catch { return text; }
}

function field(key, value, change) {
  const options = { class: "field", onchange: () => change(valueOf(input.value)) };
  let input;
  if (CHOICES[key] && typeof value === "string") {
    const names = CHOICES[key].includes(value) ? CHOICES[key] : [...CHOICES[key], value];
    input = choices(names, options);
  } else {
    const inputmode = typeof value === "number" ? "decimal" : "text";
    input = make("input", { ...options, inputmode, size: String(Math.min(16, Math.max(3, textOf(value).length))) });
  }
  input.value = textOf(value);
  return make("label", {}, key.replaceAll("_", " "), input);
}

export const blocks = {
  /** Shows entries; `changed` gets new ones. */
  show(target, entries, facts, changed) {
    const focus = document.activeElement?.closest?.(".block") ? null : undefined;
    if (focus === null && target.told === JSON.stringify(entries)) return;
    target.told = JSON.stringify(entries);
    const shapes = facts.map(({ shape, parameters }) => {
      const count = parameters.split(" = ")[1];
      return shape.join(" × ") + (count ? `, ${thousands(Number(count))} parameters` : "");
    });
    const replaced = (place, ...others) => changed([...entries.slice(0, place), ...others, ...entries.slice(place + 1)]);
    this.elements = entries.map((entry, place) => {
      const input = entry.layer === "Input", { layer, ...own } = entry;
      const fields = Object.entries({ ...FIELDS[layer], ...own }).filter(([key, value]) => key !== "name" || value);
      const swap = (step) => {
        const others = [...entries];
        [others[place], others[place + step]] = [others[place + step], others[place]];
        changed(others);
      };
      const change = (key) => (value) => replaced(place, { ...entry, [key]: value });
      const tool = (sign, what, disabled, action) => button(sign, action, { class: "icon", "aria-label": `${what} ${layer}`, disabled });
      return make("div", { class: "block", role: "group", "aria-label": `${place}: ${layer}` },
        make("span", {}, make("strong", {}, layer), make("span", { class: "shape" }, input ? "" : shapes[place - 1] ?? "")),
        make("div", { class: "fields" }, ...fields.map(([key, value]) => field(key, value, change(key)))),
        make("span", { class: "tools" },
          tool("↑", "Move up", place < 2, () => swap(-1)),
          tool("↓", "Move down", input || place === entries.length - 1, () => swap(1)),
          tool("✕", "Remove", input, () => replaced(place))),
        make("p", { class: "wrong" }));
    });
    const kind = choices(Object.keys(PALETTE), { "aria-label": "Kind of layer" });
    const places = entries.slice(1).map((entry, i) => [String(i + 1), `before ${i + 1}: ${entry.layer}`]);
    const before = choices([...places, [String(entries.length), "at the end"]], { "aria-label": "Where" });
    before.value = String(Math.max(1, entries.length - 1));
    const add = () => {
      const place = Number(before.value);
      changed([...entries.slice(0, place), PALETTE[kind.value], ...entries.slice(place)]);
    };
    target.replaceChildren(...this.elements, make("div", { class: "row" }, button("Add", add), kind, before));
  },

  /** Marks a block as wrong. */
  mark(place, message) {
    (this.elements ?? []).forEach((element, i) => {
      element.classList.toggle("bad", i === place);
      element.lastChild.textContent = i === place ? message : "";
    });
  },
};
