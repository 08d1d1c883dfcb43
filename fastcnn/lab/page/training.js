// The head of the page, and the numbers that training goes by.

import { $, choices, duration, four, later, make, percent, thousands, write } from "./dom.js";
import { on, post, tell, trying } from "./talk.js";

const POWERS = { toValue: (x) => 10 ** x, toPlace: (v) => Math.log10(Math.max(v, 1e-9)) };
const PLAIN = { toValue: (x) => x, toPlace: (v) => v };
const SIZES = { toValue: (x) => Math.round(2 ** x), toPlace: (v) => Math.log2(v) };
const NUMBERS = [ // name, label, what it means, smallest and largest place of the slider, step, its scale
  ["learning_rate", "learning rate", "How far each step goes. Too small is slow, too large breaks what was learnt.", -5, 1, 0.02,
    POWERS],
  ["momentum", "momentum", "How much of the last step's direction is kept.", 0, 0.99, 0.01, PLAIN],
  ["batch_size", "batch size", "Images that each step learns from. Another size begins the epoch anew.", 0, 10, 1, SIZES],
  ["weight_decay", "weight decay", "Pulls weights to zero, so that they stay small.", -6, -1, 0.1, POWERS],
  ["dropout", "dropout", "Part of the values that are left out by chance while learning.", 0, 0.9, 0.05, PLAIN],
];
const RATES = { SGD: 0.05, Nesterov: 0.05, Adagrad: 0.01, Adadelta: 1 }; // where others than the usual ones suit small networks
let running = false;

/** The learning rate that an optimizer begins with. */
export const rateOf = (lab, name) => RATES[name] ?? lab.network.optimizers[name].learning_rate;

export const startOrPause = () => trying(() => post("do", { action: running ? "pause" : "start" }));
export const step = () => trying(() => post("do", { action: "step" }));
const set = (name, value) => trying(() => post("settings", { [name]: value }));

function slider([name, label, meaning, min, max, step_, scale]) {
  const value = make("input", { class: "value", inputmode: "decimal", "aria-label": `${label}, as a number` });
  const range = make("input", { type: "range", min, max, step: step_, id: `set-${name}`,
    "aria-describedby": `means-${name}` });
  const send = later(120, (number) => set(name, number));
  range.addEventListener("input", () => {
    const off = scale === POWERS && name === "weight_decay" && Number(range.value) <= min;
    const number = off ? 0 : Number(scale.toValue(Number(range.value)).toPrecision(3));
    value.value = four(number);
    send(number);
  });
  value.addEventListener("change", () => set(name, Number(value.value)));
  const row = make("div", { class: "setting" }, make("label", { for: `set-${name}`, title: meaning }, label), range, value,
    make("span", { class: "unseen", id: `means-${name}` }, meaning));
  return { row, show: (now) => {
    row.hidden = now === null || now === undefined;
    if (row.hidden || document.activeElement === value || range.matches(":active")) return;
    if (Number(value.value) !== Number(four(now)) || value.value === "") {
      value.value = four(now);
      range.value = scale.toPlace(now);
      range.setAttribute("aria-valuetext", value.value);
    }
  } };
}

export function begin(lab) {
  const optimizer = choices([], { id: "set-optimizer", onchange: () => trying(() => post("settings", {
    optimizer: optimizer.value, learning_rate: rateOf(lab, optimizer.value) })) });
  const epochs = make("input", { type: "number", min: 1, id: "set-epochs", class: "value",
    onchange: () => set("epochs", Number(epochs.value)) });
  const sliders = Object.fromEntries(NUMBERS.map((number) => [number[0], slider(number)]));
  const setting = (input, id, text, title) => make("div", { class: "setting" }, make("label", { for: id, title }, text), input);
  $("settings").append(
    setting(optimizer, "set-optimizer", "optimizer", "The rule that turns gradients into steps."),
    ...Object.values(sliders).map(({ row }) => row),
    setting(make("span", {}, epochs, " epochs"), "set-epochs", "stop after", "An epoch is once through all training images."));

  if (innerWidth < 640) document.querySelector(".numbers").open = false; // it is long there
  $("start").addEventListener("click", startOrPause);
  $("step").addEventListener("click", step);
  $("reset").addEventListener("click", () => trying(() => post("do", { action: "reset" })));
  $("stop").addEventListener("click", () => {
    if (!confirm("Close the lab? What was learnt and not saved is lost.")) return;
    post("do", { action: "stop" }).catch(() => {}); // the last frame says what has become of it
  });

  on("network", (network) => {
    write($("title"), network.title);
    write($("data"), `${network.data}, ${thousands(network.training)} images`);
    optimizer.replaceChildren(...choices(Object.keys(network.optimizers)).children);
  });
  on("waiting", (frame) => frame.state === "loading" && tell(`${frame.message || "one moment"} …`));
  on("frame", (frame) => {
    if (!frame.whole) return;
    running = frame.state === "running";
    write($("start"), running ? "Pause" : "Start");
    document.body.dataset.state = frame.state;
    write($("epoch"), frame.epoch.toFixed(2));
    write($("right"), percent(frame.test.accuracy));
    $("right").title = `${thousands(frame.test.count)} of ${thousands(frame.test.of)} test images were asked`;
    write($("speed"), frame.speed ? thousands(frame.speed) : "–");
    const size = frame.settings.batch_size, milliseconds = four((1000 * size) / frame.speed);
    $("speed").title = frame.speed ? `forward and backward of ${size} images, and the step: ${milliseconds} ms` : "";
    write($("left"), frame.left ? duration(frame.left) : "–");
    tell(frame.message);
    if (optimizer.value !== frame.settings.optimizer && document.activeElement !== optimizer) {
      if (![...optimizer.options].some((option) => option.value === frame.settings.optimizer)) {
        optimizer.append(make("option", {}, frame.settings.optimizer));
      }
      optimizer.value = frame.settings.optimizer;
    }
    if (document.activeElement !== epochs) epochs.value = frame.settings.epochs;
    for (const [name, { show }] of Object.entries(sliders)) show(frame.settings[name]);
  });
}
