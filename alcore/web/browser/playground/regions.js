// What a model says everywhere in the plane, from what it says at the cells of a grid. Pure.

// base64 -> Uint8Array
export const bytesOf = (text) => Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));

// Probabilities in 255ths of n places, class by class; the last class is the rest.
export function planesOf(text, n, classes) {
  const bytes = bytesOf(text);
  const planes = Array.from({ length: classes - 1 }, (_, c) => bytes.subarray(c * n, (c + 1) * n));
  const rest = new Uint8Array(n).fill(255);
  for (const plane of planes) for (let i = 0; i < n; i += 1) rest[i] -= Math.min(rest[i], plane[i]);
  return [...planes, rest];
}

// The likeliest class of place i, and how sure: 0 all classes alike, 1 certain.
export function likeliest(planes, i) {
  let best = 0;
  for (let c = 1; c < planes.length; c += 1) if (planes[c][i] > planes[best][i]) best = c;
  const even = 1 / planes.length;
  return { c: best, sure: Math.max(0, (planes[best][i] / 255 - even) / (1 - even)) };
}

export const rgb = (colour) => [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16));

// Paint size × size pixels (RGBA, the first row on top): the colour of the likeliest class, the
// fainter the less sure. Between the cells of the grid (from below) probabilities are bilinear.
export function paintRegions(planes, grid, size, colours, out = new Uint8ClampedArray(4 * size ** 2)) {
  const paints = colours.map(rgb);
  const along = Array.from({ length: size }, (_, i) => {
    const at = Math.min(grid - 1, Math.max(0, ((i + 0.5) / size) * grid - 0.5));
    const low = Math.min(grid - 2, Math.floor(at));
    return [low, at - low];
  });
  const even = 1 / planes.length;
  for (let row = 0; row < size; row += 1) {
    const [y, v] = along[size - 1 - row];
    for (let column = 0; column < size; column += 1) {
      const [x, u] = along[column];
      const at = y * grid + x;
      let best = 0;
      let most = -1;
      for (let c = 0; c < planes.length; c += 1) {
        const p = planes[c];
        const value = (p[at] * (1 - u) + p[at + 1] * u) * (1 - v)
          + (p[at + grid] * (1 - u) + p[at + grid + 1] * u) * v;
        if (value > most) [best, most] = [c, value];
      }
      const sure = Math.max(0, (most / 255 - even) / (1 - even));
      out.set(paints[best], 4 * (row * size + column));
      out[4 * (row * size + column) + 3] = 20 + 110 * sure;
    }
  }
  return out;
}
