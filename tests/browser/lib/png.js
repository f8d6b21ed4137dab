// Reduces the size of screenshots: it writes an indexed PNG with at most 256 colours, which is enough for our pages.
import zlib from "node:zlib";

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const COLOURS = 256;

/** Reduces a PNG of Chromium: eight bits, RGB or RGBA, not interlaced. */
export function shrinkPng(png) {
  const { width, height, pixels } = decode(png);
  const { palette, indices } = reduceColours(pixels);
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 3, 0, 0, 0], 8);
  const rows = Buffer.alloc((width + 1) * height);
  for (let row = 0; row < height; row += 1) indices.copy(rows, row * (width + 1) + 1, row * width, (row + 1) * width);
  const parts = [
    ["IHDR", header],
    ["PLTE", palette],
    ["IDAT", zlib.deflateSync(rows, { level: 9 })],
    ["IEND", Buffer.alloc(0)],
  ];
  return Buffer.concat([SIGNATURE, ...parts.map(([name, bytes]) => chunk(name, bytes))]);
}

/** Decodes a PNG into one number for each pixel, its colour. */
function decode(png) {
  const data = [];
  let header;
  for (let at = SIGNATURE.length; at < png.length;) {
    const length = png.readUInt32BE(at);
    const name = png.toString("latin1", at + 4, at + 8);
    const bytes = png.subarray(at + 8, at + 8 + length);
    if (name === "IHDR") header = bytes;
    if (name === "IDAT") data.push(bytes);
    at += length + 12;
  }
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)];
  const depth = { 2: 3, 6: 4 }[header[9]];
  if (header[8] !== 8 || !depth || header[12]) throw new Error("this is not a PNG as Chromium writes it");
  const raw = zlib.inflateSync(Buffer.concat(data));
  const stride = width * depth;
  let above = Buffer.alloc(stride);
  const pixels = new Uint32Array(width * height);
  for (let row = 0; row < height; row += 1) {
    const line = raw.subarray(row * (stride + 1) + 1, (row + 1) * (stride + 1));
    unfilter(raw[row * (stride + 1)], line, above, depth);
    for (let at = 0; at < width; at += 1) {
      pixels[row * width + at] = (line[at * depth] << 16) | (line[at * depth + 1] << 8) | line[at * depth + 2];
    }
    above = line;
  }
  return { width, height, pixels };
}

/** Reverts one of PNG's five filters in place (PNG, section 9.2). */
function unfilter(kind, line, above, depth) {
  for (let at = 0; at < line.length; at += 1) {
    const left = at < depth ? 0 : line[at - depth];
    const corner = at < depth ? 0 : above[at - depth];
    const prediction = [0, left, above[at], (left + above[at]) >> 1, paeth(left, above[at], corner)][kind];
    line[at] = (line[at] + prediction) & 0xff;
  }
}

function paeth(left, up, corner) {
  const [a, b, c] = [Math.abs(up - corner), Math.abs(left - corner), Math.abs(left + up - 2 * corner)];
  if (a <= b && a <= c) return left;
  return b <= c ? up : corner;
}

/** Returns the most frequent colours, and for each pixel the index of the nearest one. */
function reduceColours(pixels) {
  const seen = new Map();
  for (const colour of pixels) seen.set(colour, (seen.get(colour) ?? 0) + 1);
  const kept = [...seen]
    .sort(([, a], [, b]) => b - a)
    .slice(0, COLOURS)
    .map(([colour]) => colour);
  const index = new Map(kept.map((colour, at) => [colour, at]));
  for (const colour of seen.keys()) if (!index.has(colour)) index.set(colour, nearest(kept, colour));
  const palette = Buffer.alloc(kept.length * 3);
  kept.forEach((colour, at) => palette.writeUIntBE(colour, at * 3, 3));
  return { palette, indices: Buffer.from(Uint8Array.from(pixels, (colour) => index.get(colour))) };
}

function nearest(kept, colour) {
  const parts = (one) => [one >> 16, (one >> 8) & 0xff, one & 0xff];
  const [red, green, blue] = parts(colour);
  let best = 0;
  let least = Infinity;
  kept.forEach((one, at) => {
    const [r, g, b] = parts(one);
    const distance = (r - red) ** 2 + (g - green) ** 2 + (b - blue) ** 2;
    if (distance < least) [best, least] = [at, distance];
  });
  return best;
}

function chunk(name, bytes) {
  const body = Buffer.concat([Buffer.from(name, "latin1"), bytes]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc(body));
  return Buffer.concat([length, body, sum]);
}

/** The checksum of PNG (PNG, annex D). */
function crc(bytes) {
  let sum = 0xffffffff;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit += 1) sum = sum & 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1;
  }
  return (sum ^ 0xffffffff) >>> 0;
}
