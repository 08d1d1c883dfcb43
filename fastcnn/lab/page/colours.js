// Scales of colours for bytes: 128 is zero, 1 and 255 are the largest sizes below and above. All can be told apart by people
// who see red and green alike.

import { resize } from "./dom.js";
import { emit, remember, remembered } from "./talk.js";

const ANCHORS = {
  signs: [[21, 74, 158], [116, 168, 228], [248, 248, 246], [242, 160, 104], [168, 32, 28]],
  "signs at night": [[126, 190, 255], [50, 106, 176], [27, 31, 39], [178, 86, 34], [255, 168, 92]],
  grey: [[0, 0, 0], [64, 64, 64], [128, 128, 128], [192, 192, 192], [255, 255, 255]],
  "blue to yellow": [[8, 24, 72], [58, 74, 116], [122, 122, 116], [184, 170, 100], [255, 226, 88]],
};
const tables = {};

/** Red, green and blue of each byte, 4 × 256 numbers. */
function table(name) {
  if (!tables[name]) {
    const found = new Uint8ClampedArray(1024).fill(255);
    const anchors = ANCHORS[name];
    for (let i = 0; i < 256; i++) {
      const place = Math.max(0, (i - 1) / 254) * (anchors.length - 1);
      const k = Math.min(Math.floor(place), anchors.length - 2);
      for (let c = 0; c < 3; c++) found[4 * i + c] = anchors[k][c] + (place - k) * (anchors[k + 1][c] - anchors[k][c]);
    }
    tables[name] = found;
  }
  return tables[name];
}

export const SCALES = ["signs", "grey", "blue to yellow"];
let chosen = remembered("colours", "signs");
const night = matchMedia("(prefers-color-scheme: dark)");

export function isDark() {
  const theme = remembered("theme", "");
  return theme ? theme === "dark" : night.matches;
}

/** The table in use. */
export const scale = () => table(chosen === "signs" && isDark() ? "signs at night" : chosen);

export function chooseScale(name) {
  chosen = name;
  remember("colours", name);
  emit("colours");
}

export const chosenScale = () => chosen;

export function showTheme() {
  document.documentElement.dataset.theme = isDark() ? "dark" : "light";
  emit("colours");
}

export function otherTheme() {
  remember("theme", isDark() ? "light" : "dark");
  showTheme();
}

night.addEventListener("change", showTheme);

/** The colour of a number between −1 and 1, for cells with numbers in them. */
export function colourOf(value) {
  const i = 4 * Math.round(128 + 127 * Math.max(-1, Math.min(1, value)));
  const [r, g, b] = scale().slice(i, i + 3);
  return { background: `rgb(${r} ${g} ${b})`, color: 0.3 * r + 0.59 * g + 0.11 * b > 128 ? "#111" : "#fff" };
}

/** A picture of bytes, grey or in colours, on a canvas. */
export function paintPicture(canvas, bytes, height, width, channels) {
  resize(canvas, width, height);
  const image = new ImageData(width, height);
  for (let i = 0; i < height * width; i++) {
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = bytes[channels * i + (channels >= 3 ? c : 0)];
    image.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}
