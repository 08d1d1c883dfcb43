// The network: presets, blocks and text, checked while it is written.

import { $, button, card, choices, later, make, note, thousands, write } from "./dom.js";
import { on, post, say, trying } from "./talk.js";
import { blocks, written } from "./blocks.js";

let lab, entries = null;
const parts = {};
const DRAFT = "definition"; // what is written and not yet in use outlives a reload
const draft = () => sessionStorage.getItem(DRAFT);
const keep = (text) => (text === null ? sessionStorage.removeItem(DRAFT) : sessionStorage.setItem(DRAFT, text));

function build() {
  parts.presets = choices([], { "aria-label": "Networks to begin with" });
  parts.text = make("textarea", { id: "definition", spellcheck: "false", rows: 14, wrap: "off",
    "aria-describedby": "definition-says" });
  parts.lines = make("div", { class: "lines", "aria-hidden": "true" });
  parts.says = make("p", { id: "definition-says", class: "says-what", role: "status", "aria-live": "polite" });
  parts.blocks = make("div", { class: "blocks" });
  parts.apply = button("Use this network", apply, { class: "primary" });
  parts.facts = make("p", { class: "note" });
  const take = button("Take it", () => {
    keep(null);
    trying(() => post("preset", { name: parts.presets.value }));
  });
  $("network-panel").append(
    card("A network to begin with", make("div", { class: "row" }, parts.presets, take), parts.facts),
    card("As blocks", parts.blocks),
    card(make("label", { for: "definition" }, "As text"),
      note("A list of layers, or ConvNetJS' layer_defs. Weights of layers that stay the same are kept."),
      make("div", { class: "editor" }, parts.lines, parts.text), parts.says,
      make("div", { class: "row" }, parts.apply, button("Undo", () => {
        keep(null);
        setText(lab.network.text);
      }))));
  const check = later(250, tryText);
  parts.text.addEventListener("input", () => {
    keep(parts.text.value);
    number();
    check();
  });
  parts.text.addEventListener("scroll", () => { parts.lines.scrollTop = parts.text.scrollTop; });
}

/** Numbers of the lines, the wrong one marked. */
function number(wrong = null) {
  const count = parts.text.value.split("\n").length;
  const line = (_, i) => make("div", { class: i + 1 === wrong ? "wrong" : "" }, String(i + 1));
  parts.lines.replaceChildren(...Array.from({ length: count }, line));
  parts.lines.scrollTop = parts.text.scrollTop;
}

function setText(text) {
  if (parts.text.value !== text) parts.text.value = text;
  number();
  tryText();
}

function showWrong(error) {
  parts.says.classList.add("wrong");
  parts.text.setAttribute("aria-invalid", "true");
  write(parts.says, `${error.line ? `Line ${error.line}: ` : ""}${error.message}`);
  number(error.line ?? null);
  blocks.mark(error.place, error.message);
}

async function tryText() {
  const text = parts.text.value;
  if (!text.trim()) return;
  try {
    const found = await post("build", { text });
    if (text !== parts.text.value) return;
    parts.says.classList.remove("wrong");
    parts.text.removeAttribute("aria-invalid");
    write(parts.says, `This works: ${thousands(found.parameters)} parameters.`);
    number();
    entries = found.entries ?? entries;
    if (found.entries) blocks.show(parts.blocks, found.entries, found.layers, change);
    parts.apply.disabled = false;
  } catch (error) {
    if (text !== parts.text.value) return;
    showWrong(error);
    parts.apply.disabled = true;
  }
}

/** A block was changed: its text is written anew. */
function change(found) {
  entries = found;
  keep(written(found));
  setText(draft());
}

async function apply() {
  try {
    const { kept } = await post("apply", { text: parts.text.value });
    keep(null);
    say(kept.length ? `In use. Layers that kept what they had learnt: ${kept.join(", ")}.` : "In use, with new weights.");
  } catch (error) {
    showWrong(error);
  }
}

export function begin(given) {
  lab = given;
  build();
  on("network", (network) => {
    const chosen = parts.presets.value;
    parts.presets.replaceChildren(...choices(Object.entries(network.presets)).children);
    parts.presets.value = chosen || Object.keys(network.presets)[0];
    write(parts.facts, `Now: ${network.title}. Images of ${network.input.join(" × ")}, ${network.classes.length} classes, `
      + `${thousands(network.parameters)} parameters.`);
    if (network.why_not) {
      parts.text.disabled = parts.apply.disabled = true;
      return write(parts.says, network.why_not);
    }
    parts.text.disabled = false;
    setText(draft() ?? network.text);
  });
}
