// The whole state in the address: settings by the server's names, the step, the speed, and whether
// the answer key is shown. Pure.

const OURS = { step: 0, speed: 1, key: 0 };

const read = (text, usual) => {
  if (typeof usual !== "number") return text;
  const value = Number(text);
  return text.trim() === "" || Number.isNaN(value) ? usual : value;
};

// search: of the address; defaults: the settings of the first visit.
export function readLink(search, defaults) {
  const query = new URLSearchParams(search);
  const values = (usual) => Object.fromEntries(Object.entries(usual).map(
    ([name, value]) => [name, query.has(name) ? read(query.get(name), value) : value]));
  const ours = values(OURS);
  return { settings: values(defaults), ...ours, step: Math.max(0, Math.floor(ours.step)) };
}

// What is as on the first visit stays out; what others have put into the address stays.
export function writeLink(search, { settings, step, speed, key }, defaults) {
  const query = new URLSearchParams(search);
  const usual = { ...defaults, ...OURS };
  for (const [name, value] of Object.entries({ ...settings, step, speed, key })) {
    const unused = (name === "own" && settings.data !== "own")
      || (name === "answers" && settings.oracle !== "me");
    if (value === usual[name] || unused) query.delete(name);
    else query.set(name, String(value));
  }
  const text = query.toString();
  return text ? `?${text}` : "";
}
