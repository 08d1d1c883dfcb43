// Models in files, and the page as a Python program.

import { $, download, make, write } from "./dom.js";
import { get, on, post, say, trying } from "./talk.js";

const parts = {};

function build(lab) {
  parts.name = make("input", { id: "save-name", placeholder: "a name", maxlength: "64" });
  parts.list = make("ul", { class: "files" });
  parts.code = make("code", {});
  parts.where = make("p", { class: "note" });
  $("files-panel").append(
    make("section", { class: "card" }, make("h2", {}, "Save and load"), parts.where,
      make("form", { class: "row", onsubmit: save }, make("label", { for: "save-name" }, "Save as "), parts.name, make("button", { class: "primary" }, "Save")), parts.list),
    make("section", { class: "card" }, make("header", {}, make("h2", {}, "Show as code"),
      make("button", { onclick: () => navigator.clipboard.writeText(parts.code.textContent).then(() => say("Copied.")) }, "Copy"),
      make("button", { onclick: () => download("network.py", new Blob([parts.code.textContent], { type: "text/x-python" })) }, "Save as a file")),
    make("p", { class: "note" }, "Python that makes this network and trains it in this way."), make("pre", { tabindex: "0", "aria-label": "Python" }, parts.code)));
  on("network", (network) => {
    write(parts.where, `Models lie in the folder “${network.folder}”, as files that fastcnn.load_model reads.`);
    refresh();
  });
  on("tab", (name) => { if (name === "files" && lab.network) refresh(); });
}

async function save(event) {
  event.preventDefault();
  const name = parts.name.value.trim();
  if (await trying(() => post("save", { name }))) {
    say(`Saved as ${name}.`);
    refresh();
  }
}

async function refresh() {
  if ($("files-panel").hidden) return;
  const found = await trying(() => Promise.all([get("files"), get("code")]));
  if (!found) return;
  const [{ names }, { code }] = found;
  write(parts.code, code);
  parts.list.replaceChildren(...names.map((name) => make("li", {}, name, make("button", { class: "quiet", onclick: () => trying(() => post("load", { name })) }, "Load"))));
}

export function begin(lab) {
  build(lab);
}
