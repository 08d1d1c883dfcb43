// What the network answers to test images: a strip of them, which classes it confuses, its worst mistakes.

import { $, button, card, headings, make, note, percent, thousands, write } from "./dom.js";
import { get, getPacked, on, post, trying } from "./talk.js";
import { paintPicture } from "./colours.js";
import { bars } from "./layers.js";

const COUNT = 20;
let lab, first = 0, busy = false, due = 0;
const parts = {};

function build() {
  for (const name of ["strip", "mistakes", "confused"]) parts[name] = make("div", { class: "strip" });
  parts.title = make("p", { class: "note" });
  parts.table = make("div", { class: "scroll" });
  parts.which = make("h3", {}, "");
  const others = button("Others", () => { first += COUNT; refresh(true); });
  $("answers-panel").append(
    make("section", { class: "card" }, make("header", {}, make("h2", {}, "Test images"), others), parts.title, parts.strip),
    card("Which classes it confuses",
      note("Rows: what an image is. Columns: what the network says. Choose a number to see these images."),
      parts.table, parts.which, parts.confused),
    card("Worst mistakes", note("Wrong, and most sure of it."), parts.mistakes));
}

/** Cards of images: each with its picture and the three likeliest classes. */
async function cards(target, found) {
  const names = lab.network.classes;
  if (target.childElementCount !== found.length) {
    target.replaceChildren(...found.map(() => make("button", { class: "answer-card" },
      make("canvas", { class: "pixels", "aria-hidden": "true" }), make("p", {}), make("ol", { class: "says" }))));
  }
  if (!found.length) return;
  const numbers = found.map(({ number }) => number);
  if (target.numbers !== String(numbers)) {
    const [{ shape: [, height, width, channels] }, bytes] = await getPacked("pictures", { numbers });
    const size = height * width * channels;
    numbers.forEach((_, i) => paintPicture(target.children[i].firstChild, bytes.subarray(i * size), height, width, channels));
    target.numbers = String(numbers);
  }
  found.forEach(({ number, label, likeliest }, i) => {
    const card = target.children[i], right = likeliest[0][0] === label;
    card.className = `answer-card ${right ? "right" : "wrong"}`;
    write(card.children[1], right ? `✓ ${names[label]}` : `✗ is ${names[label]}`);
    bars(card.children[2], likeliest, names, label);
    card.onclick = () => trying(() => post("specimen", { kind: "test", number }));
    card.title = `Test image ${number}: show it in the layers`;
  });
}

function showTable(counts, names) {
  if (!counts) return parts.table.replaceChildren(note("There are too many classes for a table."));
  const most = Math.max(1, ...counts.flatMap((row, i) => row.filter((_, j) => i !== j)));
  const cell = (n, i, j) => {
    const what = { "aria-label": `${n} images of ${names[i]} called ${names[j]}` };
    const td = make("td", { class: i === j ? "same" : "" }, button(n ? String(n) : "", () => showConfused(i, j), what));
    td.style.setProperty("--part", i === j ? n / Math.max(1, ...counts[i]) : n / most);
    return td;
  };
  const rows = counts.map((row, i) => make("tr", {}, make("th", { scope: "row" }, names[i]), ...row.map((n, j) => cell(n, i, j))));
  parts.table.replaceChildren(make("table", { class: "confusion" }, headings(["", ...names]), ...rows));
}

async function showConfused(label, answer) {
  const names = lab.network.classes;
  const found = await trying(() => get("confused", { label, answer }));
  if (!found) return;
  write(parts.which, label === answer ? `${names[label]}, and called so` : `${names[label]}, called ${names[answer]}`);
  await cards(parts.confused, found.images);
}

async function refresh(now = false) {
  if (busy || $("answers-panel").hidden || !lab.network || !now && Date.now() < due) return;
  busy = true;
  try {
    const found = await get("answers", { first, count: COUNT });
    write(parts.title, `${percent(found.accuracy)} of ${thousands(found.count)} test images right, `
      + `${thousands(found.wrong)} wrong. Choose one to see it in the layers.`);
    const text = JSON.stringify(found.confusion);
    if (text !== parts.told && !parts.table.matches(":focus-within")) showTable(found.confusion, found.names);
    parts.told = text;
    await cards(parts.strip, found.strip);
    await cards(parts.mistakes, found.mistakes);
  } catch (error) {
    write(parts.title, error.message);
  }
  busy = false;
  due = Date.now() + 800;
}

export function begin(given) {
  lab = given;
  build();
  on("frame", () => refresh());
  on("tab", (name) => { if (name === "answers") refresh(true); });
  on("network", () => { first = 0; parts.confused.replaceChildren(); write(parts.which, ""); });
}
