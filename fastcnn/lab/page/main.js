// The page begins: tabs, keys, and frames for as long as the lab is open.

import { $, make, write } from "./dom.js";
import { emit, get, getMany, on, remember, remembered, say } from "./talk.js";
import { otherTheme, scale, showTheme } from "./colours.js";
import * as answers from "./answers.js";
import * as compare from "./compare.js";
import * as curves from "./curves.js";
import * as draw from "./draw.js";
import * as files from "./files.js";
import * as layers from "./layers.js";
import * as lens from "./lens.js";
import * as network from "./network.js";
import * as training from "./training.js";

const TURNS = 5; // while it learns, each fifth frame paints words, curves and what changes slowly, too: once a second
const TABS = ["layers", "answers", "network", "compare", "files"];

/** What the page knows of the lab. */
export const lab = { frame: null, network: null };

function showTab(name, focus = false) {
  for (const tab of TABS) {
    const chosen = tab === name, button = $(`tab-${tab}`);
    button.setAttribute("aria-selected", chosen);
    button.tabIndex = chosen ? 0 : -1;
    $(`${tab}-panel`).hidden = !chosen;
    if (chosen && focus) button.focus();
  }
  remember("tab", name);
  emit("tab", name);
}

function beginTabs() {
  TABS.forEach((tab, i) => {
    $(`tab-${tab}`).addEventListener("click", () => showTab(tab));
    $(`tab-${tab}`).addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (step) showTab(TABS[(i + step + TABS.length) % TABS.length], true);
    });
  });
  const wanted = remembered("tab", "layers");
  showTab(TABS.includes(wanted) ? wanted : "layers");
}

function beginKeys() {
  const actions = { " ": training.startOrPause, s: training.step, n: layers.another, "?": () => $("helping").showModal() };
  TABS.forEach((tab, i) => { actions[String(i + 1)] = () => showTab(tab); });
  document.addEventListener("keydown", (event) => {
    const busy = event.target.closest("input, textarea, select, button, dialog, canvas, label, summary");
    if (busy || event.ctrlKey || event.metaKey || event.altKey || !actions[event.key]) return;
    event.preventDefault();
    actions[event.key]();
  });
  $("help").addEventListener("click", () => $("helping").showModal());
}

function beginTheme() {
  $("theme").addEventListener("click", otherTheme);
  on("colours", () => {
    write($("theme"), document.documentElement.dataset.theme === "dark" ? "☀" : "☾");
    const strip = make("canvas", { width: 254, height: 1, "aria-hidden": "true" });
    const image = new ImageData(new Uint8ClampedArray(scale().slice(4, 4 * 255)), 254, 1);
    strip.getContext("2d").putImageData(image, 0, 0);
    $("scale").replaceChildren(strip);
  });
  showTheme();
}

async function refreshNetwork() {
  lab.network = await get("network");
  emit("network", lab.network);
}

/** Asks for frames, some at a time; each comes when there is something new, or other layers are wished for. */
async function watch() {
  let version = -1, turn = 0, question;
  const marks = {};
  on("wish", () => {
    version = -1;
    question?.abort();
  });
  for (;;) {
    try {
      question = new AbortController();
      const values = { after: version, layers: layers.wanted(), ...marks };
      for await (const [frame, bytes] of getMany("frames", values, { signal: question.signal })) {
        if (document.body.classList.contains("away")) say("");
        document.body.classList.remove("away");
        version = frame.version;
        if (frame.state === "over") return over(frame.message);
        if (frame.layers) {
          for (const [name, tail] of Object.entries(frame.curves)) marks[name] = tail.mark;
          Object.assign(frame, { bytes });
          if (!lab.network || lab.network.revision !== frame.revision) await refreshNetwork();
          turn = frame.state === "running" ? turn % TURNS + 1 : 0;
          lab.frame = Object.assign(frame, { whole: turn < 2 });
          emit("frame", frame);
        } else emit("waiting", frame);
        await new Promise(requestAnimationFrame);
      }
    } catch (error) {
      if (error.name === "AbortError") continue;
      version = -1;
      document.body.classList.add("away");
      say(error.place === undefined ? "The lab does not answer. Is it still open?" : error.message, true);
      await new Promise((wake) => setTimeout(wake, 1500));
    }
  }
}

function over(message) {
  document.body.classList.add("away");
  say(message || "The lab is closed. This page can be closed, too.", true);
}

beginTheme();
for (const part of [curves, training, draw, layers, lens, answers, network, compare, files]) part.begin(lab);
beginTabs();
beginKeys();
watch();
