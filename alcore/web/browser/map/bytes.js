// Columns as they come from the server: a header in JSON, then arrays, each at a multiple of eight.

const TYPES = { uint8: Uint8Array, uint16: Uint16Array, int16: Int16Array, uint32: Uint32Array };
const CODES = { u1: "uint8", u2: "uint16", i2: "int16", u4: "uint32" };
const up = (n) => Math.ceil(n / 8) * 8;

// buffer: an ArrayBuffer. Returns {about, arrays: {name: typed array}}; nothing is copied.
export function readColumns(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const about = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
  const arrays = {};
  let at = 8 + up(length);
  for (const [name, code, size] of about.arrays) {
    const Type = TYPES[CODES[code]];
    arrays[name] = new Type(buffer, at, size);
    at += up(size * Type.BYTES_PER_ELEMENT);
  }
  return { about, arrays };
}

// A bit for each 1 of a mask, the first in the lowest, as base64.
export function bitsOf(mask) {
  const bytes = new Uint8Array(Math.ceil(mask.length / 8));
  for (let i = 0; i < mask.length; i += 1) if (mask[i]) bytes[i >> 3] |= 1 << (i & 7);
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) {
    text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  }
  return btoa(text);
}
