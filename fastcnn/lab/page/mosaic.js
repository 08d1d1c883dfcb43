// Many maps on one canvas, a pixel for each number; the style sheet makes the pixels larger.

import { scale } from "./colours.js";

const gapOf = ({ height, width }) => (height * width > 1 ? 1 : 0); // pixels between maps

/** How many times larger a map is shown. */
function zoomOf({ count, height, width }, room) {
  const side = Math.max(height, width);
  if (count === 1) return Math.max(0.1, Math.min(4, room / width, 300 / height));
  if (side === 1) return 13;
  return side > 64 ? Math.min(1, 90 / side) : Math.max(1, Math.min(9, Math.floor(68 / side)));
}

/** Maps of a layer, side by side. */
export class Mosaic {
  constructor(canvas) {
    this.canvas = canvas;
    this.shown = null;
  }

  /** Shows maps: `picture` is what a frame says of them, `bytes` are all of its bytes. */
  show(picture, bytes) {
    this.shown = { picture, bytes: bytes.slice(picture.start, picture.start + this.size(picture)) };
    this.draw();
  }

  size({ count, height, width, colours }) {
    return count * height * width * (colours ? 3 : 1);
  }

  draw() {
    if (!this.shown) return;
    const { picture, bytes } = this.shown, gap = gapOf(picture);
    const { count, height, width, colours } = picture;
    const room = (this.room ||= this.canvas.parentElement.clientWidth) || 300; // to ask means to lay the page out
    const zoom = zoomOf(picture, room);
    this.columns = Math.max(1, Math.min(count, Math.floor((room / zoom + gap) / (width + gap))));
    const rows = Math.ceil(count / this.columns);
    const wide = this.columns * (width + gap) - gap, high = rows * (height + gap) - gap;
    if (this.canvas.width !== wide || this.canvas.height !== high || this.zoom !== zoom) {
      Object.assign(this.canvas, { width: wide, height: high });
      this.canvas.style.width = `${Math.round(wide * zoom)}px`;
      this.canvas.style.height = `${Math.round(high * zoom)}px`;
      this.zoom = zoom;
    }
    const image = new ImageData(wide, high), table = scale(), out = image.data;
    for (let map = 0; map < count; map++) {
      const left = (map % this.columns) * (width + gap), top = Math.floor(map / this.columns) * (height + gap);
      paintMap(out, wide, left, top, bytes, map, height, width, colours, table);
    }
    this.canvas.getContext("2d").putImageData(image, 0, 0);
  }

  /** [map, row, column] below the pointer, or null. */
  at(event) {
    if (!this.shown) return null;
    const { picture } = this.shown, { count, height, width } = picture, gap = gapOf(picture);
    const box = this.canvas.getBoundingClientRect();
    const x = Math.floor(((event.clientX - box.left) / box.width) * this.canvas.width);
    const y = Math.floor(((event.clientY - box.top) / box.height) * this.canvas.height);
    const map = Math.floor(y / (height + gap)) * this.columns + Math.floor(x / (width + gap));
    return map < count ? [map, Math.min(y % (height + gap), height - 1), Math.min(x % (width + gap), width - 1)] : null;
  }
}

/** Paints one map into the pixels of a picture that is `wide` pixels wide. */
export function paintMap(out, wide, left, top, bytes, map, height, width, colours, table) {
  let from = map * height * width * (colours ? 3 : 1);
  for (let row = 0; row < height; row++) {
    let to = 4 * ((top + row) * wide + left);
    for (let column = 0; column < width; column++, to += 4) {
      if (colours) {
        for (let c = 0; c < 3; c++) out[to + c] = bytes[from++];
      } else {
        const place = 4 * bytes[from++];
        out[to] = table[place];
        out[to + 1] = table[place + 1];
        out[to + 2] = table[place + 2];
      }
      out[to + 3] = 255;
    }
  }
}
