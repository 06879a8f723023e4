// What colours stand for: for each way of colouring, a category or a shade per point. Pure.

const RAMP = [[0, 32, 77], [65, 77, 107], [124, 123, 120], [187, 175, 113], [255, 234, 70]];
// Cividis (Nuñez et al. 2018), which looks alike to people who see red and green alike.
export const PALE = 255; // category of points without a value
const GREY = { light: [188, 191, 203], dark: [139, 144, 160] };

const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));

export function shade(share) {
  const at = Math.min(Math.max(share, 0), 1) * (RAMP.length - 1);
  const i = Math.min(Math.floor(at), RAMP.length - 2);
  return RAMP[i].map((low, c) => Math.round(low + (RAMP[i + 1][c] - low) * (at - i)));
}

// known: {classes, people, folders, models, palette}; columns: arrays of what is known; layout: of the
// model that is looked at; at: the model, by its place, up to which labels are shown. Each way returns
// {of(i): category, names, colours}, or {of(i): 0 … 254, ramp: [low, high]}; PALE is no value.
export const WAYS = {
  class: ["Class", (s) => listed(s.known.classes, s.known.palette, (i) => s.label(i), "unlabeled", ["unsure"])],
  predicted: ["Prediction", (s) => s.layout.predicted
    && listed(s.known.classes, s.known.palette, (i) => s.layout.predicted[i] ?? -1, "no prediction")],
  unsure: ["Uncertainty", (s) => s.layout.predicted && {
    of: (i) => (s.layout.predicted[i] >= 0 ? Math.min(254, s.layout.unsure[i]) : PALE),
    ramp: ["sure", "unsure"], none: "no prediction" }],
  who: ["Annotator", (s) => s.known.people.length > 0 && listed(s.known.people, s.known.palette,
    (i) => (s.label(i) === -1 ? -1 : s.columns.who[i]), "unlabeled")],
  round: ["Round", (s) => s.known.models.length > 0 && {
    of: (i) => (s.label(i) === -1 ? PALE
      : Math.round(254 * (s.columns.since[i] - 1) / Math.max(1, s.known.models.length))),
    ramp: ["first model", "not learned yet"], none: "unlabeled" }],
  agreement: ["Disagreement", (s) => listed(["model agrees", "model says otherwise", "people differ"],
    [s.known.palette[1], s.known.palette[0], s.known.palette[5]], (i) => agreement(s, i), "unlabeled")],
  split: ["Split", (s) => s.columns.holdout && listed(["pool", "holdout"],
    [s.known.palette[1], s.known.palette[0]], (i) => s.columns.holdout[i], "unknown")],
  folder: ["Folder", (s) => s.known.folders && listed(s.known.folders, s.known.palette,
    (i) => s.columns.folder[i], "unknown")],
  size: ["Image size", (s) => s.sizes[1] > s.sizes[0] && {
    of: (i) => Math.round(254 * Math.log(s.columns.longest[i] / s.sizes[0])
      / Math.log(s.sizes[1] / s.sizes[0])),
    ramp: [`${s.sizes[0]} pixels`, `${s.sizes[1]} pixels`], none: "unknown" }],
};

// A column of metadata as it came: {about: {names} or {ramp}, arrays: {value}}.
export function ofMetadata({ about, arrays }, palette) {
  const none = "not known";
  if (about.ramp) return { of: (i) => arrays.value[i], ramp: about.ramp, none };
  return listed(about.names, palette, (i) => (arrays.value[i] === PALE ? -1 : arrays.value[i]), none);
}

function agreement(s, i) {
  const label = s.label(i);
  if (label === -1) return -1;
  if (s.columns.agreement[i] === 2) return 2;
  const guess = s.layout.predicted?.[i] ?? -1;
  return label < 0 || guess < 0 ? -1 : Number(guess !== label);
}

// names: of categories 0, 1, …; more: of categories below −1, in their order.
function listed(names, palette, of, none, more = []) {
  const most = 253 - more.length;
  return {
    of: (i) => {
      const value = of(i);
      if (value === -1 || value > most) return PALE;
      return value < -1 ? names.length - 2 - value : value;
    },
    names: [...names, ...more],
    own: names.length,
    colours: [...names.map((_, i) => rgb(palette[i % palette.length])), ...more.map(() => [120, 90, 160])],
    none,
  };
}

// Paint every point: category (N,) and colour (4 N,) are written. Returns counts per category.
export function paint(way, category, colour, style) {
  const counts = new Uint32Array(256);
  const pale = GREY[style.dark ? "dark" : "light"];
  const ramp = way.ramp && Array.from({ length: 256 }, (_, i) => shade(i / 254));
  for (let i = 0; i < category.length; i += 1) {
    const value = way.of(i);
    category[i] = value;
    counts[value] += 1;
    const [r, g, b] = value === PALE ? pale : ramp ? ramp[value] : way.colours[value] ?? pale;
    colour[4 * i] = r;
    colour[4 * i + 1] = g;
    colour[4 * i + 2] = b;
  }
  return counts;
}
