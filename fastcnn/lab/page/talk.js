// Talks with the lab: each request brings the token of the page's address.

import { $, write } from "./dom.js";

const address = new URLSearchParams(location.hash.slice(1));
const token = address.get("token") || "";

/** What the address remembers, so that a reload finds it again. */
export const remembered = (key, otherwise) => address.get(key) ?? otherwise;

export function remember(key, value) {
  address.set(key, value);
  history.replaceState(null, "", `#${address}`);
}

/** What went wrong with a request; `place` and `line` say where in a network. */
export class Refused extends Error {
  constructor(answer) {
    super(answer.error);
    Object.assign(this, { place: answer.place ?? null, line: answer.line ?? null });
  }
}

const PLAIN = { cache: "no-store", credentials: "omit" }; // no time is spent on looking for an older answer, or for cookies

async function ask(path, options = {}) {
  const answer = await fetch(`/api/${path}`, { ...PLAIN, ...options, headers: { "X-Lab-Token": token, ...options.headers } });
  if (!answer.ok) throw new Refused(await answer.json().catch(() => ({ error: `error ${answer.status}` })));
  return answer;
}

const query = (values) => new URLSearchParams(
  Object.entries(values).map(([key, value]) => [key, typeof value === "object" ? JSON.stringify(value) : value]));

export const get = async (path, values = {}) => (await ask(`${path}?${query(values)}`)).json();

const lengthOf = (bytes) => new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);

/** What has bytes behind its text: [object, bytes]. */
function unpacked(bytes) {
  const end = 4 + lengthOf(bytes);
  return [JSON.parse(new TextDecoder().decode(bytes.subarray(4, end))), bytes.subarray(end)];
}

export async function getPacked(path, values) {
  return unpacked(new Uint8Array(await (await ask(`${path}?${query(values)}`)).arrayBuffer()));
}

function joined(one, other) {
  const both = new Uint8Array(one.length + other.length);
  both.set(one);
  both.set(other, one.length);
  return both;
}

/** Such answers, one after another, each behind its length. */
export async function* getMany(path, values, options) {
  const reader = (await ask(`${path}?${query(values)}`, options)).body.getReader();
  let bytes = new Uint8Array(0);
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    bytes = joined(bytes, value);
    while (bytes.length > 4 && bytes.length >= 4 + lengthOf(bytes)) {
      const end = 4 + lengthOf(bytes), part = bytes.subarray(4, end);
      bytes = bytes.subarray(end);
      yield unpacked(part);
    }
  }
}

export async function post(path, body = {}) {
  const headers = { "Content-Type": "application/json" };
  const answer = await (await ask(path, { method: "POST", body: JSON.stringify(body), headers })).json();
  if (answer.error) throw new Refused(answer);
  return answer;
}

/** Does something, and shows what is wrong with it. What was said before goes if a person asked for it, not if the page did. */
export async function trying(action, asked = true) {
  try {
    const found = await action();
    if (asked) say(told = "");
    return found;
  } catch (error) {
    say(error instanceof TypeError ? "The lab does not answer." : error.message, true);
    return undefined;
  }
}

export function say(text, wrong = false) {
  write($("message"), text);
  $("message").classList.toggle("wrong", wrong);
}

let told = "";

/** Shows what the lab says itself, which comes with every frame, when it is new; nothing replaces its own words alone. */
export function tell(text) {
  if (text !== told && (text || $("message").textContent === told)) say(text);
  told = text;
}

// Who wants to hear of frames, of another network, of other colours

const listeners = {};

export const on = (event, action) => (listeners[event] ??= []).push(action);

export const emit = (event, value) => (listeners[event] ?? []).forEach((action) => action(value));
