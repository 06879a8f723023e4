// The times that measurements read: window.alcore.painted, .acknowledged and .pressed, the
// newest of each; in milliseconds of the page.

const RING = 500;

export function record(name, entry) {
  const list = ((window.alcore ??= {})[name] ??= []);
  list.push(entry);
  if (list.length > RING) list.shift();
}
