// Words for times, numbers and names, in English as all of the console. Nothing here touches the page.
//
// None of it asks `Intl` or `localeCompare`: the first use of either costs a page tens of milliseconds in Chromium,
// and the first page needs the time of a check before it shows anything.

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const STEPS = [
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["week", 604_800],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

/** `3 minutes ago`, `in 2 hours`, `just now`; nothing for what is no time. */
export function ago(at, now = Date.now()) {
  const seconds = (Date.parse(at) - now) / 1000;
  if (!Number.isFinite(seconds)) return "";
  for (const [unit, length] of STEPS) {
    const count = Math.trunc(Math.abs(seconds) / length);
    if (count) return seconds < 0 ? `${plural(count, unit)} ago` : `in ${plural(count, unit)}`;
  }
  return seconds > 20 ? "in a moment" : "just now";
}

const two = (part) => String(part).padStart(2, "0");

/** `24 Nov 2026, 04:23`, in the reader's own time zone; nothing for what is no time. */
export function date(at) {
  const time = new Date(Date.parse(at));
  if (!Number.isFinite(time.valueOf())) return "";
  const day = `${time.getDate()} ${MONTHS[time.getMonth()]} ${time.getFullYear()}`;
  return `${day}, ${two(time.getHours())}:${two(time.getMinutes())}`;
}

/** `12,345`. */
export const number = (count) => String(count).replace(/\B(?=(\d{3})+$)/g, ",");

/** `1 person`, `12,345 people`. */
export const plural = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;

/** `a, b and c`. */
export const list = (words) => [words.slice(0, -1).join(", "), ...words.slice(-1)].filter(Boolean).join(" and ");

/** `1.4 MB`. */
export function bytes(count) {
  if (count < 1_000) return `${count} bytes`;
  const power = Math.min(Math.floor(Math.log10(count) / 3), 3);
  return `${(count / 1_000 ** power).toFixed(1)} ${["", "kB", "MB", "GB"][power]}`;
}

/** `340 ms`, `2.1 s`, `4 min`. */
export function duration(milliseconds) {
  if (milliseconds < 1_000) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 60_000) return `${(milliseconds / 1_000).toFixed(1)} s`;
  return `${Math.round(milliseconds / 60_000)} min`;
}

/** The first twelve characters of a digest. */
export const short = (digest) => (digest ?? "").slice(0, 12);

/** One or two letters that stand for a name. */
export function monogram(title) {
  const words = String(title ?? "").match(/[\p{L}\p{N}]+/gu) ?? [];
  const letters = words.length > 1 ? [words[0], words[1]] : words;
  return letters.map((word) => [...word][0].toUpperCase()).join("") || "?";
}

/** A hue of 0 to 359 that is always the same for a name. */
export function hue(name) {
  let sum = 7;
  for (const letter of String(name)) sum = (sum * 31 + letter.codePointAt(0)) % 9973;
  return (sum * 47) % 360;
}

/** The first letter large, as a sentence begins. */
export const sentence = (words) => (words ? words[0].toUpperCase() + words.slice(1) : "");

/** An address that a component gave, if it may be linked to: https, without a user; otherwise null. */
export function safeLink(address) {
  if (typeof address !== "string" || !address.startsWith("https://")) return null;
  try {
    const url = new URL(address);
    return url.protocol === "https:" && !url.username && !url.password ? url.href : null;
  } catch {
    return null;
  }
}

/** Sorts by names, whatever their case and accents. */
export const compare = (a, b) => (folded(a) < folded(b) ? -1 : Number(folded(a) > folded(b)));

/** Letters as they are compared: without case and accents. */
export const folded = (text) => (text ?? "").normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
