// A pad to draw on, pictures that are opened or dropped, and the camera: whatever is on the pad goes through the network.

import { $, make, write } from "./dom.js";
import { on, post, say, trying } from "./talk.js";
import { paintPicture } from "./colours.js";
import { bars } from "./layers.js";

const SIDE = 280;
let lab, pen, stroke = null, cursor = [SIDE / 2, SIDE / 2], stream = null;
let sending = false, changed = false, drawn = false, photograph = false, begun = false;

const isGrey = () => lab.network?.shape[2] === 1;
const isDigits = () => isGrey() && lab.network.classes.join("") === "0123456789";

function wipe() {
  pen.fillStyle = isGrey() ? "#000" : "#fff";
  pen.fillRect(0, 0, SIDE, SIDE);
  drawn = photograph = false;
  $("says").replaceChildren();
}

function line(from, to) {
  pen.strokeStyle = isGrey() ? "#fff" : "#222";
  pen.lineCap = pen.lineJoin = "round";
  pen.lineWidth = Number($("pen").value);
  pen.beginPath();
  pen.moveTo(...from);
  pen.lineTo(to[0] + 0.01, to[1]);
  pen.stroke();
  drawn = true;
  send();
}

const placeOf = (event) => {
  const box = $("pad").getBoundingClientRect();
  return [((event.clientX - box.left) / box.width) * SIDE, ((event.clientY - box.top) / box.height) * SIDE];
};

/** Draws a picture over the whole pad, its middle if it is not square. */
function put(source, width, height) {
  const side = Math.min(width, height);
  pen.drawImage(source, (width - side) / 2, (height - side) / 2, side, side, 0, 0, SIDE, SIDE);
  drawn = photograph = true;
  send();
}

const greyOf = (data, i) => 0.3 * data[4 * i] + 0.59 * data[4 * i + 1] + 0.11 * data[4 * i + 2];

/** Ink of the pad, 0 to 1 for each pixel: of photographs on paper what is darker than the paper. */
function ink() {
  const { data } = pen.getImageData(0, 0, SIDE, SIDE), found = new Float32Array(SIDE * SIDE);
  for (let i = 0; i < found.length; i++) found[i] = greyOf(data, i) / 255;
  if (photograph) {
    const sorted = Float32Array.from(found).sort(), at = (part) => sorted[Math.floor(part * (sorted.length - 1))];
    const paper = at(0.5), low = at(0.01), high = at(0.99), bright = paper > (low + high) / 2;
    const range = Math.max(0.1, bright ? paper - low : high - paper);
    for (let i = 0; i < found.length; i++) {
      const value = (bright ? paper - found[i] : found[i] - paper) / range;
      found[i] = value < 0.3 ? 0 : Math.min(1, value * 1.2);
    }
  }
  return found;
}

/** Where a digit is to lie, as MNIST's do: in a box of 20 of 28 pixels, the middle of its ink in the middle. */
function framed(values) {
  let [left, right, top, bottom, sum, x, y] = [SIDE, -1, SIDE, -1, 0, 0, 0];
  values.forEach((v, i) => {
    if (v < 0.15) return;
    const column = i % SIDE, row = Math.floor(i / SIDE);
    left = Math.min(left, column); right = Math.max(right, column);
    top = Math.min(top, row); bottom = Math.max(bottom, row);
    sum += v; x += v * column; y += v * row;
  });
  if (!sum) return null;
  const side = (Math.max(right - left, bottom - top, 20) * 28) / 20;
  return [x / sum - side / 2, y / sum - side / 2, side];
}

/** The pad in the size of the images, as bytes. */
function pixels() {
  const [height, width, channels] = lab.network.shape;
  const small = make("canvas", { width, height }), to = small.getContext("2d", { willReadFrequently: true });
  to.imageSmoothingQuality = "high";
  to.fillStyle = isGrey() ? "#000" : "#fff";
  to.fillRect(0, 0, width, height);
  let source = $("pad"), box = [0, 0, SIDE];
  if (isDigits()) {
    const values = ink(), image = new ImageData(SIDE, SIDE);
    values.forEach((v, i) => image.data.set([255 * v, 255 * v, 255 * v, 255], 4 * i));
    source = make("canvas", { width: SIDE, height: SIDE });
    source.getContext("2d").putImageData(image, 0, 0);
    box = framed(values) ?? box;
  }
  halve(source, box, to, width, height);
  const { data } = to.getImageData(0, 0, width, height), found = [];
  for (let i = 0; i < width * height; i++) {
    if (channels === 3) found.push(data[4 * i], data[4 * i + 1], data[4 * i + 2]);
    else found.push(Math.round(greyOf(data, i)));
  }
  return found;
}

/** Makes a picture smaller by halves, so that every pixel counts. */
function halve(source, [left, top, side], to, width, height) {
  let from = make("canvas", { width: 2 * SIDE, height: 2 * SIDE }), size = 2 * SIDE;
  const first = from.getContext("2d");
  first.fillStyle = isGrey() ? "#000" : "#fff";
  first.fillRect(0, 0, size, size);
  first.drawImage(source, (-left / side) * size, (-top / side) * size, (SIDE / side) * size, (SIDE / side) * size);
  while (size / 2 >= Math.max(width, height)) {
    const next = make("canvas", { width: size / 2, height: size / 2 });
    next.getContext("2d").drawImage(from, 0, 0, size / 2, size / 2);
    [from, size] = [next, size / 2];
  }
  to.drawImage(from, 0, 0, width, height);
}

/** Sends what is on the pad; of what changes meanwhile the last. */
async function send() {
  changed = true;
  if (sending || !lab.network) return;
  sending = true;
  while (changed) {
    changed = false;
    await trying(() => post("specimen", { kind: "drawing", pixels: pixels() }));
  }
  sending = false;
}

async function camera() {
  if (stream) return stopCamera();
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { width: 320, height: 320, facingMode: "environment" } });
  } catch (error) {
    return say(`There is no camera to use: ${error.message}`, true);
  }
  $("video").srcObject = stream;
  await $("video").play();
  write($("camera"), "Stop camera");
  const timer = setInterval(() => {
    if (!stream) return clearInterval(timer);
    const video = $("video");
    if (video.videoWidth) put(video, video.videoWidth, video.videoHeight);
  }, 250);
}

function stopCamera() {
  stream.getTracks().forEach((track) => track.stop());
  stream = null;
  write($("camera"), "Camera");
}

async function openFile(file) {
  await trying(async () => {
    const image = await createImageBitmap(file).catch(() => {
      throw new Error(`${file.name} is no picture that the browser knows.`);
    });
    put(image, image.width, image.height);
  });
}

/** After a reload: what had been drawn, as the network has it. */
function restore({ picture, bytes }) {
  const small = make("canvas");
  paintPicture(small, bytes, ...picture);
  pen.drawImage(small, 0, 0, SIDE, SIDE);
  drawn = true;
}

/** Drawing by keys: arrows move, Space puts the pen down or lifts it. */
function key(event) {
  const step = { ArrowUp: [0, -14], ArrowDown: [0, 14], ArrowLeft: [-14, 0], ArrowRight: [14, 0] }[event.key];
  if (event.key === " ") stroke = stroke ? null : cursor;
  else if (step) {
    const next = cursor.map((v, i) => Math.max(0, Math.min(SIDE, v + step[i])));
    if (stroke) line(cursor, next);
    cursor = next;
  } else return;
  event.preventDefault();
  $("pad-frame").style.setProperty("--x", `${(100 * cursor[0]) / SIDE}%`);
  $("pad-frame").style.setProperty("--y", `${(100 * cursor[1]) / SIDE}%`);
  $("pad-frame").classList.toggle("down", Boolean(stroke));
}

export function begin(given) {
  lab = given;
  const pad = $("pad");
  pen = pad.getContext("2d", { willReadFrequently: true });
  wipe();
  pad.addEventListener("pointerdown", (event) => {
    if (photograph && !stream) wipe();
    pad.setPointerCapture(event.pointerId);
    stroke = placeOf(event);
    line(stroke, stroke);
  });
  pad.addEventListener("pointermove", (event) => {
    if (!stroke || !event.buttons) return;
    for (const each of event.getCoalescedEvents?.() ?? [event]) {
      const next = placeOf(each);
      line(stroke, next);
      stroke = next;
    }
  });
  for (const end of ["pointerup", "pointercancel"]) pad.addEventListener(end, () => { stroke = null; });
  pad.addEventListener("keydown", key);
  $("wipe").addEventListener("click", wipe);
  $("open").addEventListener("change", () => { if ($("open").files[0]) openFile($("open").files[0]); });
  $("camera").addEventListener("click", camera);
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    const file = event.dataTransfer.files[0];
    if (file) openFile(file);
  });
  on("network", () => { if (!drawn) wipe(); });
  on("frame", (frame) => {
    if (!begun && frame.specimen.kind === "drawing") restore(frame);
    begun = true;
    if (drawn && frame.specimen.kind === "drawing") bars($("says"), frame.specimen.likeliest, lab.network.classes);
  });
}
