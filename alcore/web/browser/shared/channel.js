// The way of one person's answers to one project: the outbox and the link that it asks through.
// It lives on when the element that opened it is gone, so that what is pending still arrives.

import { Outbox } from "./outbox.js";

const channels = new Map(); // scope -> Channel

class Channel {
  constructor(scope) {
    this.link = {};
    this.listener = null;
    this.outbox = null;
    this.scope = scope;
  }

  // Give back what was taken, unless another element has taken it since.
  leave(listener) {
    if (this.listener === listener) this.listener = null;
  }
}

// Open the channel of a scope, or take over the one there is. listener(event, op, detail) hears
// what becomes of answers; link is read anew for each request, so that a fresh ticket reaches the
// outbox of an earlier element too.
export function openChannel(scope, link, listener) {
  let channel = channels.get(scope);
  if (!channel) {
    channel = new Channel(scope);
    channels.set(scope, channel);
  }
  Object.assign(channel.link, link);
  channel.listener = listener;
  channel.outbox ??= new Outbox(scope, channel.link,
    (event, op, detail) => channel.listener?.(event, op, detail));
  return channel;
}
