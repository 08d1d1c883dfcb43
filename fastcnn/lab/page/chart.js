// A chart of lines on a canvas: axes, smoothing, a logarithmic scale, and the values below the pointer.

import { four, make } from "./dom.js";

const DASHES = [[], [6, 3], [2, 3], [8, 3, 2, 3], [12, 4], [4, 6]];
const LEFT = 44, BOTTOM = 20, TOP = 6, RIGHT = 8;

/** The colour of a line: a variable of the style sheet, by day and by night, far apart for all eyes. */
const nameOf = (colour) => `--line-${colour % DASHES.length}`;

/** A mark in a line's colour, for legends. */
export const markOf = (colour) => {
  const mark = make("i", { "aria-hidden": "true" });
  mark.style.background = `var(${nameOf(colour)})`;
  return mark;
};

/** The mean of what came before, with more weight to what came last. */
export function smoothed(points, weight) {
  let mean = null, total = 0;
  return points.map(([x, y]) => {
    if (y === null) return [x, null];
    mean = mean === null ? y * (1 - weight) : weight * mean + (1 - weight) * y;
    total = weight * total + (1 - weight);
    return [x, mean / total];
  });
}

function ticks(low, high, count) {
  const raw = (high - low) / count, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((k) => k * power).find((k) => k >= raw);
  const found = [];
  for (let k = Math.ceil(low / step); k * step <= high + step * 1e-9; k++) found.push(Number((k * step).toPrecision(6)));
  return found;
}

export class Chart {
  /** `unit` writes a value, `across` what it is over; `zero`: the axis begins there; `most`: no value is larger. */
  constructor(canvas, { unit = four, across = four, zero = true, most = null } = {}) {
    Object.assign(this, { canvas, unit, across, zero, most, lines: [], log: false, pointer: null });
    canvas.addEventListener("pointermove", (event) => this.point(event));
    canvas.addEventListener("pointerleave", () => this.point(null));
    new ResizeObserver(() => this.draw()).observe(canvas.parentElement);
  }

  point(event) {
    const box = this.canvas.getBoundingClientRect();
    this.pointer = event ? event.clientX - box.left : null;
    this.draw();
  }

  /** Shows lines [{name, points: [[x, y]], colour (a number), faint, dots}]. */
  show(lines, log = false) {
    Object.assign(this, { lines, log });
    this.draw();
  }

  draw() {
    const { canvas } = this, wide = canvas.clientWidth, high = canvas.clientHeight, dots = devicePixelRatio || 1;
    if (!wide || !high) return;
    if (canvas.width !== Math.round(wide * dots) || canvas.height !== Math.round(high * dots)) {
      canvas.width = Math.round(wide * dots);
      canvas.height = Math.round(high * dots);
    }
    const pen = canvas.getContext("2d"), style = getComputedStyle(canvas);
    pen.setTransform(dots, 0, 0, dots, 0, 0);
    pen.clearRect(0, 0, wide, high);
    const values = this.lines.flatMap(({ points }) => points.filter(([, y]) => y !== null && (!this.log || y > 0)));
    if (!values.length) {
      pen.font = `12px ${style.fontFamily}`;
      pen.fillStyle = style.color;
      pen.globalAlpha = 0.5;
      pen.fillText("nothing yet", LEFT, high / 2);
      pen.globalAlpha = 1;
      return;
    }
    const form = this.log ? Math.log10 : (y) => y;
    const xs = values.map(([x]) => x), ys = values.map(([, y]) => form(y));
    const range = { x0: Math.min(...xs, 0), x1: Math.max(...xs, 1e-9), y0: Math.min(...ys), y1: Math.max(...ys) };
    if (!this.log && this.zero) range.y0 = Math.min(range.y0, 0);
    const room = (range.y1 - range.y0) * 0.04 || 0.1;
    if (!this.most || range.y1 + room < this.most) range.y1 += room;
    if (this.log || !this.zero) range.y0 -= room;
    const toX = (x) => LEFT + ((x - range.x0) / (range.x1 - range.x0 || 1)) * (wide - LEFT - RIGHT);
    const toY = (y) => high - BOTTOM - ((form(y) - range.y0) / (range.y1 - range.y0)) * (high - BOTTOM - TOP);
    this.axes(pen, style, range, toX, toY, wide, high);
    for (const line of this.lines) this.line(pen, style, line, toX, toY);
    if (this.pointer !== null) this.values(pen, style, toX, toY, wide, high);
  }

  axes(pen, style, range, toX, toY, wide, high) {
    pen.font = `11px ${style.fontFamily}`;
    pen.fillStyle = pen.strokeStyle = style.color;
    pen.lineWidth = 1;
    const heights = this.log ? ticks(Math.floor(range.y0), Math.ceil(range.y1), 4).map((p) => 10 ** p)
      : ticks(range.y0, range.y1, 5);
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    for (const y of heights) {
      const place = Math.round(toY(y)) + 0.5;
      if (place < TOP || place > high - BOTTOM + 1) continue;
      pen.globalAlpha = 0.14;
      pen.beginPath();
      pen.moveTo(LEFT, place);
      pen.lineTo(wide - RIGHT, place);
      pen.stroke();
      pen.globalAlpha = 0.8;
      pen.fillText(this.unit(y), LEFT - 5, place);
    }
    pen.textAlign = "center";
    pen.textBaseline = "top";
    const across = ticks(range.x0, range.x1, Math.max(2, Math.floor(wide / 90)));
    for (const x of across) {
      pen.textAlign = toX(x) > wide - 24 ? "right" : "center";
      pen.fillText(this.across(x), Math.min(toX(x), wide - 2), high - BOTTOM + 5);
    }
    pen.globalAlpha = 1;
  }

  line(pen, style, { points, colour, faint, dots }, toX, toY) {
    pen.strokeStyle = pen.fillStyle = style.getPropertyValue(nameOf(colour));
    pen.setLineDash(DASHES[colour % DASHES.length]);
    pen.lineWidth = faint ? 1 : 2;
    pen.globalAlpha = faint ? 0.6 : 1;
    pen.lineJoin = "round";
    pen.beginPath();
    const shown = points.filter(([, y]) => y !== null && (!this.log || y > 0));
    shown.forEach(([x, y], i) => (i ? pen.lineTo(toX(x), toY(y)) : pen.moveTo(toX(x), toY(y))));
    pen.stroke();
    pen.setLineDash([]);
    if (dots || shown.length === 1) for (const [x, y] of shown.slice(-1)) {
      pen.beginPath();
      pen.arc(toX(x), toY(y), 3, 0, 7);
      pen.fill();
    }
    pen.globalAlpha = 1;
  }

  /** The values of all lines where the pointer is. */
  values(pen, style, toX, toY, wide, high) {
    const away = ([x]) => Math.abs(toX(x) - this.pointer);
    const found = this.lines.filter(({ faint }) => !faint).map((line) => {
      const points = line.points.filter(([, y]) => y !== null);
      const near = points.reduce((best, point) => (best && away(best) <= away(point) ? best : point), null);
      return near && { line, near };
    }).filter(Boolean);
    if (!found.length) return;
    const x = toX(found[0].near[0]);
    pen.strokeStyle = style.color;
    pen.globalAlpha = 0.4;
    pen.beginPath();
    pen.moveTo(x, TOP);
    pen.lineTo(x, high - BOTTOM);
    pen.stroke();
    pen.globalAlpha = 1;
    const texts = [this.across(found[0].near[0]), ...found.map(({ line, near }) => `${line.name} ${this.unit(near[1])}`)];
    const width = Math.max(...texts.map((text) => pen.measureText(text).width)) + 14;
    const left = x + width + 8 > wide ? x - width - 6 : x + 6;
    pen.fillStyle = style.getPropertyValue("--card");
    pen.globalAlpha = 0.92;
    pen.fillRect(left, TOP, width, 16 * texts.length + 6);
    pen.globalAlpha = 1;
    pen.textAlign = "left";
    texts.forEach((text, i) => {
      pen.fillStyle = i ? style.getPropertyValue(nameOf(found[i - 1].line.colour)) : style.color;
      pen.fillText(text, left + 7, TOP + 5 + 16 * i);
    });
  }
}
