// How a student's page asks the server, and remembers who it is. The key is a secret of this
// browser: with it somebody is who they were, after a reload or on a server that was started anew.

import { uuid } from "../shared/ids.js";
import { request } from "../shared/requests.js";

const KEY = "alcore:room:key";
const NAME = "alcore:room:name";
let fallback = null; // where storage is switched off a reload makes another student

function stored(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

function store(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch { /* storage is switched off */ }
}

function key() {
  fallback ??= stored(KEY) ?? uuid();
  store(KEY, fallback);
  return fallback;
}

export const knownName = () => stored(NAME) ?? "";
export const knowName = (name) => store(NAME, name);

// what: "join", "state" or "guess"; more: further fields.
export function ask(what, code, more = {}) {
  return request({ base: "room", ticket: "" }, "POST", `/${what}`, { code, key: key(), ...more });
}
