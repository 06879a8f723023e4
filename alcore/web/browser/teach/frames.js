// Pictures as JPEG: a frame of the camera cut to its middle square, a file made smaller. What is
// drawn anew carries no place and no time of its original.

const FRAME = 224; // pixels a side
const LONGEST = 640; // pixels of a file's longer side
const QUALITY = 0.85;

// The middle square of what a video shows, as base64.
export function frameOf(video) {
  const side = Math.min(video.videoWidth, video.videoHeight);
  const from = [(video.videoWidth - side) / 2, (video.videoHeight - side) / 2];
  return drawn(video, [...from, side, side], FRAME, FRAME);
}

// A file as base64. Throws Error where the browser cannot read it.
export async function pictureOf(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    throw new Error(`“${file.name}” is no picture that this browser can read.`);
  }
  const scale = Math.min(1, LONGEST / Math.max(bitmap.width, bitmap.height));
  const [width, height] = [bitmap.width, bitmap.height].map((n) => Math.max(1, Math.round(n * scale)));
  const data = drawn(bitmap, [0, 0, bitmap.width, bitmap.height], width, height);
  bitmap.close();
  return data;
}

function drawn(source, [x, y, w, h], width, height) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#fff"; // below what is transparent
  pen.fillRect(0, 0, width, height);
  pen.drawImage(source, x, y, w, h, 0, 0, width, height);
  return canvas.toDataURL("image/jpeg", QUALITY).split(",")[1];
}

export const addressOf = (data) => `data:image/jpeg;base64,${data}`;

// The files that were dropped, those in folders too, as [File].
export async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...transfer.files];
  return (await Promise.all(entries.map(filesOf))).flat();
}

async function filesOf(entry) {
  if (entry.isFile) return [await new Promise((done, failed) => { entry.file(done, failed); })];
  const reader = entry.createReader();
  const all = [];
  for (;;) {
    const some = await new Promise((done, failed) => { reader.readEntries(done, failed); });
    if (!some.length) break;
    all.push(...some);
  }
  return (await Promise.all(all.map(filesOf))).flat();
}
