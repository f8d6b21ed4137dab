// Words for times, numbers and names. Nothing here touches the page.

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const absolute = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });
const day = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium" });
const grouped = new Intl.NumberFormat("en");
const listed = new Intl.ListFormat("en", { type: "conjunction" });

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
    if (Math.abs(seconds) >= length) return relative.format(Math.trunc(seconds / length), unit);
  }
  return seconds > 20 ? "in a moment" : "just now";
}

/** `24 Nov 2026, 04:23`, in the reader's own time zone. */
export const date = (at) => (Number.isFinite(Date.parse(at)) ? absolute.format(Date.parse(at)) : "");

/** `24 Nov 2026`. */
export const dayOf = (at) => (Number.isFinite(Date.parse(at)) ? day.format(Date.parse(at)) : "");

/** `12,345`. */
export const number = (count) => grouped.format(count);

/** `1 person`, `12,345 people`. */
export const plural = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;

/** `a, b and c`. */
export const list = (words) => listed.format(words);

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
