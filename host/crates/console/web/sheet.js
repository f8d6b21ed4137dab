// A CSV file as a person drops it: read in the browser, so that what it changes can be shown first.

/** Rows of one file, as the service takes them. */
export const MOST_ROWS = 250_000;
/** Bytes of one file, as the service takes them. */
export const MOST_BYTES = 32 * 1024 * 1024;

const FORMULA = /^'+[=+\-@\t\r＝＋－＠]/u;
// Rows between two breaths, so that the page stays alive and the bar moves.
const BREATH = 5_000;

/** What is wrong with a file as a whole. */
export class Unreadable extends Error {}

/** Gives a file's text. */
export async function textOf(file) {
  if (file.size > MOST_BYTES) throw new Unreadable("It is larger than 32 MB. Split it into parts.");
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
  } catch {
    throw new Unreadable("It is not UTF-8. Save it again as “CSV UTF-8”.");
  }
}

/** Splits a text into `{titles, rows: [{line, cells}]}`; `progress(done)` is told how far it is, from 0 to 1. */
export async function parse(text, progress = () => {}) {
  const comma = separator(text);
  const rows = [];
  let [at, line] = [0, 1];
  while (at < text.length) {
    const row = { line, cells: [] };
    [at, line] = record(text, at, line, comma, row.cells);
    if (row.cells.length === 1 && row.cells[0].trim() === "") continue;
    rows.push(row);
    if (rows.length > MOST_ROWS + 1) throw new Unreadable("It has more than 250,000 rows. Split it into parts.");
    if (rows.length % BREATH === 0) {
      progress(at / text.length);
      await new Promise((resume) => setTimeout(resume));
    }
  }
  if (!rows.length) throw new Unreadable("It is empty. Its first line has to name the columns.");
  const [titles, ...rest] = rows;
  return { titles: titles.cells.map((title) => title.trim()), rows: rest };
}

/** What most cells of the first line are parted by. */
function separator(text) {
  const first = text.slice(0, text.search(/[\r\n]|$/u)).replace(/"[^"]*"/gu, "");
  const count = (letter) => first.split(letter).length - 1;
  return [",", ";", "\t"].reduce((best, letter) => (count(letter) > count(best) ? letter : best));
}

/** Reads one record; gives where the next one begins, and on which line. */
function record(text, start, line, comma, cells) {
  let at = start;
  for (;;) {
    let cell = "";
    if (text[at] === '"') {
      for (at += 1; at < text.length; at += 1) {
        if (text[at] === '"') {
          if (text[at + 1] !== '"') break;
          at += 1;
        } else if (text[at] === "\n") line += 1;
        cell += text[at];
      }
      at += 1;
    }
    const from = at;
    while (at < text.length && text[at] !== comma && text[at] !== "\n" && text[at] !== "\r") at += 1;
    cells.push(armed(cell + text.slice(from, at)));
    if (text[at] === comma) {
      at += 1;
      continue;
    }
    if (text[at] === "\r") at += text[at + 1] === "\n" ? 2 : 1;
    else at += 1;
    return [at, line + 1];
  }
}

/** A cell without the apostrophe that keeps a spreadsheet from running it. */
const armed = (cell) => (FORMULA.test(cell) ? cell.slice(1) : cell);

/** Writes rows of cells as CSV, one line for each. */
export const written = (rows) =>
  rows.map((cells) => cells.map((cell) => `"${String(cell ?? "").replaceAll('"', '""')}"`).join(",")).join("\r\n");

/** A title of a column as it is compared: without case, blanks, hyphens and the like. */
export const plain = (title) => title.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");

/** An address as it is compared here; the service has the last word. */
export const emailKey = (email) => email.normalize("NFC").trim().toLowerCase();

/** Why a text cannot be stored, as a sentence's end; null where it can. */
export function wrong(text, most) {
  if (/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u.test(text)) return "contains a character that cannot be shown";
  return text.length > most ? `is longer than ${most} characters` : null;
}

const EMAIL = /^[^@\s]+@[^@\s]+$/u;

/** Why a text is not an address, as a sentence's end; null where it is one. */
export function wrongEmail(email) {
  if (!email) return "is empty";
  return wrong(email, 320) ?? (EMAIL.test(email) ? null : "is not an email address");
}
