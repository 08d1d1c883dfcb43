// Small words for elements, numbers and files.

export const $ = (id) => document.getElementById(id);

/** A new element: make("button", {class: "quiet", onclick: f, "aria-label": "more"}, "text", child). */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (name in element && typeof value !== "string") element[name] = value;
    else if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child || child === 0 || child === ""));
  return element;
}

// What the page has many of

export const note = (text) => make("p", { class: "note" }, text);

export const card = (title, ...children) => make("section", { class: "card" }, make("h2", {}, title), ...children);

export const button = (text, onclick, properties = {}) => make("button", { ...properties, onclick }, text);

/** A list to choose from, of texts or [value, text]. */
export const choices = (entries, properties = {}) => make("select", properties, ...entries.map((entry) =>
  (typeof entry === "string" ? make("option", {}, entry) : make("option", { value: entry[0] }, entry[1]))));

export const headings = (texts) => make("tr", {}, ...texts.map((text) => make("th", { scope: "col" }, text)));

/** Writes a text, if it is another one: what stays costs nothing. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Sizes a canvas, if it has another size: to set it makes the canvas anew. */
export function resize(canvas, width, height) {
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
}

/** A number in four digits, as short as may be. */
export function four(value) {
  return value === null || value === undefined ? "–" : String(Number(value.toPrecision(4)));
}

/** A number in few letters, for a small place. */
export function tiny(value) {
  if (value === null || value === undefined) return "";
  const size = Math.abs(value);
  if (size !== 0 && (size < 0.01 || size >= 10000)) return value.toExponential(0).replace("e+", "e");
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2).replace("0.", ".");
}

export const percent = (part, digits = 1) => `${(100 * part).toFixed(digits)} %`;

export const thousands = (value) => Math.round(value).toLocaleString("en");

export function duration(seconds) {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${(minutes / 60).toFixed(1)} h`;
}

/** Gives the user a file. */
export function download(name, blob) {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/** Gives the user a canvas as a PNG file. */
export const png = (canvas, name) => canvas.toBlob((blob) => download(name, blob));

/** Calls a function when nothing has happened for a while. */
export function later(wait, action) {
  let timer;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => action(...values), wait);
  };
}
