// Asking the server. A link is {base, ticket}: the board's address, and who asks for what.

import { gettext } from "./language.js";

const PATIENCE = 10; // seconds until a request counts as lost
const MOST_LASTING = 60_000; // characters; browsers send no more once the page is gone

// An answer that is final: the same request would be refused again.
export class Refused extends Error {
  constructor(status, kind, message) {
    super(message);
    this.status = status;
    this.kind = kind;
    this.reason = message;
  }
}

// Fetch JSON. Throws Refused for an answer that is final, any other error for one worth a retry.
export async function request(link, method, path, body, seconds = PATIENCE) {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const response = await fetch(link.base + path, {
    method,
    headers: { "content-type": "application/json", "X-Alcore-Ticket": link.ticket },
    body: text,
    // Sent to its end although the page is closed meanwhile.
    keepalive: method === "POST" && (text?.length ?? 0) < MOST_LASTING,
    cache: "no-store",
    signal: AbortSignal.timeout(1000 * seconds),
  });
  if (response.ok) return response.json();
  const reason = await response.json().catch(() => ({}));
  const message = reason.message
    || gettext("The server answered {status}.", { status: response.status });
  // Final is what alcore itself refuses: a proxy between may say anything. 421: the proxy is set
  // up wrongly, for which nobody's answer is dropped.
  if (!reason.error || response.status >= 500 || [408, 421, 429].includes(response.status)) {
    throw Object.assign(new Error(message), { reason: reason.message, kind: reason.error });
  }
  throw new Refused(response.status, reason.error, message);
}

// Send without waiting for an answer, while the page goes away.
export function sendLast(link, path, body) {
  navigator.sendBeacon(link.base + path, new Blob(
    [JSON.stringify({ ...body, ticket: link.ticket })], { type: "application/json" }));
}
