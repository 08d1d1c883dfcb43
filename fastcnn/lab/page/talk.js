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

/** An answer that has bytes behind its text: [object, bytes]. */
export async function getPacked(path, values = {}, options = {}) {
  const buffer = await (await ask(`${path}?${query(values)}`, options)).arrayBuffer();
  const length = new DataView(buffer).getUint32(0, true);
  return [JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length))), new Uint8Array(buffer, 4 + length)];
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
