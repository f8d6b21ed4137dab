// Formats times, numbers and names in English, as all of the console is in English. It never reads or changes the page.
//
// It avoids `Intl` and `localeCompare`: the first use of either costs tens of milliseconds in Chromium, which the first
// page cannot afford.

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const UNITS = [
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["week", 604_800],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

/** Formats a time relative to now: `3 minutes ago`, `in 2 hours`, `just now`. Returns "" for an invalid time. */
export function formatAgo(at, now = Date.now()) {
  const seconds = (Date.parse(at) - now) / 1000;
  if (!Number.isFinite(seconds)) return "";
  for (const [unit, length] of UNITS) {
    const count = Math.trunc(Math.abs(seconds) / length);
    if (count) return seconds < 0 ? `${formatCount(count, unit)} ago` : `in ${formatCount(count, unit)}`;
  }
  return seconds > 20 ? "in a moment" : "just now";
}

const twoDigits = (part) => String(part).padStart(2, "0");

/** Formats a time as `24 Nov 2026, 04:23`, in the reader's time zone. Returns "" for an invalid time. */
export function formatDate(at) {
  const time = new Date(Date.parse(at));
  if (!Number.isFinite(time.valueOf())) return "";
  const day = `${time.getDate()} ${MONTHS[time.getMonth()]} ${time.getFullYear()}`;
  return `${day}, ${twoDigits(time.getHours())}:${twoDigits(time.getMinutes())}`;
}

/** Formats the time of day as `04:23`, in the reader's time zone. */
export const formatTime = (at) => formatDate(at).slice(-5);

/** Formats a number as `12,345`. */
export const formatNumber = (count) => String(count).replace(/\B(?=(\d{3})+$)/g, ",");

/** Formats a number with its noun: `1 person`, `12,345 people`. */
export const formatCount = (count, one, many = `${one}s`) => `${formatNumber(count)} ${count === 1 ? one : many}`;

/** Formats a list as `a, b and c`. */
export const formatList = (words) => [words.slice(0, -1).join(", "), ...words.slice(-1)].filter(Boolean).join(" and ");

/** Formats a number of bytes as `1.4 MB`. */
export function formatBytes(count) {
  if (count < 1_000) return `${count} bytes`;
  const power = Math.min(Math.floor(Math.log10(count) / 3), 3);
  return `${(count / 1_000 ** power).toFixed(1)} ${["", "kB", "MB", "GB"][power]}`;
}

/** Formats a duration as `340 ms`, `2.1 s` or `4 min`. */
export function formatDuration(milliseconds) {
  if (milliseconds < 1_000) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 60_000) return `${(milliseconds / 1_000).toFixed(1)} s`;
  return `${Math.round(milliseconds / 60_000)} min`;
}

/** Returns the first twelve characters of a digest. */
export const shortenDigest = (digest) => (digest ?? "").slice(0, 12);

/** Returns one or two capital letters for a name. */
export function getInitials(title) {
  const words = String(title ?? "").match(/[\p{L}\p{N}]+/gu) ?? [];
  const letters = words.length > 1 ? [words[0], words[1]] : words;
  return letters.map((word) => [...word][0].toUpperCase()).join("") || "?";
}

/** Returns a hue from 0 to 359, always the same for a name. */
export function getHue(name) {
  let sum = 7;
  for (const character of String(name)) sum = (sum * 31 + character.codePointAt(0)) % 9973;
  return (sum * 47) % 360;
}

/** Replaces control, bidirectional and invisible characters, which can change how the text around them is shown. */
export const toDisplayable = (text) => (text ?? "").replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, "\ufffd");

/** Capitalises the first letter. */
export const toSentence = (words) => (words ? words[0].toUpperCase() + words.slice(1) : "");

/** Returns the URL of a plugin if the console may link to it: https, without a user. Otherwise null. */
export function toSafeUrl(address) {
  if (typeof address !== "string" || !address.startsWith("https://")) return null;
  try {
    const url = new URL(address);
    return url.protocol === "https:" && !url.username && !url.password ? url.href : null;
  } catch {
    return null;
  }
}

/** Compares two names without regard to case and accents. */
export const compareNames = (a, b) => (foldText(a) < foldText(b) ? -1 : Number(foldText(a) > foldText(b)));

/** Removes case and accents, for comparisons and searches. */
export const foldText = (text) => (text ?? "").normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
