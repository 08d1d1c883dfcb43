// Models in files, and the page as a Python program.

import { $, button, card, download, make, note, write } from "./dom.js";
import { get, on, post, say, trying } from "./talk.js";

const parts = { names: [] };

function build(lab) {
  parts.name = make("input", { id: "save-name", placeholder: "a name", maxlength: "64" });
  parts.list = make("ul", { class: "files" });
  parts.code = make("code", {});
  parts.where = make("p", { class: "note" });
  const code = () => parts.code.textContent;
  $("files-panel").append(
    card("Save and load", parts.where,
      make("form", { class: "row", onsubmit: save }, make("label", { for: "save-name" }, "Save as "), parts.name,
        make("button", { class: "primary" }, "Save")), parts.list),
    card("Show as code", note("Python that makes this network and trains it in this way."),
      make("div", { class: "row" },
        button("Copy", () => navigator.clipboard.writeText(code()).then(() => say("Copied."))),
        button("Save as a file", () => download("network.py", new Blob([code()], { type: "text/x-python" })))),
      make("pre", { tabindex: "0", role: "region", "aria-label": "Python" }, parts.code)));
  on("network", (network) => {
    write(parts.where, `Models lie in the folder “${network.folder}”, as files that fastcnn.load_model reads.`);
    refresh();
  });
  on("tab", (name) => { if (name === "files" && lab.network) refresh(); });
}

async function save(event) {
  event.preventDefault();
  const name = parts.name.value.trim();
  if (parts.names.includes(name) && !confirm(`Replace ${name}?`)) return;
  if (await trying(() => post("save", { name }))) {
    say(`Saved as ${name}.`);
    refresh();
  }
}

async function refresh() {
  if ($("files-panel").hidden) return;
  const found = await trying(() => Promise.all([get("files"), get("code")]), false);
  if (!found) return;
  const [{ names, shipped }, { code }] = found;
  write(parts.code, code);
  parts.names = names;
  const whence = () => make("span", { class: "note" }, " trained, comes with fastcnn");
  const row = (more) => (name) => make("li", {}, make("span", {}, name, more.shipped && whence()),
    button("Load", () => trying(() => post("load", { name, ...more })), { class: "quiet", "aria-label": `Load ${name}` }));
  parts.list.replaceChildren(...names.map(row({})), ...shipped.map(row({ shipped: true })));
}

export function begin(lab) {
  build(lab);
}
