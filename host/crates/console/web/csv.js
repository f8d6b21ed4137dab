// Reads and writes CSV files in the browser, so that an import can show its changes before it is sent.

/** Maximum number of rows in a file, as the service limits it. */
const MAX_ROWS = 250_000;
/** Maximum size of a file in bytes, as the service limits it. */
const MAX_BYTES = 32 * 1024 * 1024;

/** A cell that starts with apostrophes and a character with which a spreadsheet starts a formula. */
const ESCAPED_FORMULA = /^'+[=+\-@\t\r＝＋－＠]/u;
/** Rows that are parsed before the page may draw. */
const CHUNK_ROWS = 5_000;

/** A file cannot be read at all; the message says why. */
export class UnreadableFile extends Error {}

/** Returns the text of a file. */
export async function readText(file) {
  if (file.size > MAX_BYTES) throw new UnreadableFile("It is larger than 32 MB. Split it into parts.");
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
  } catch {
    throw new UnreadableFile("It is not UTF-8. Save it again as “CSV UTF-8”.");
  }
}

/** Parses a text into `{titles, rows: [{line, cells}]}`. Calls `progress(done)` with a number from 0 to 1. */
export async function parseCsv(text, progress = () => {}) {
  const separator = findSeparator(text);
  const rows = [];
  let [at, line] = [0, 1];
  while (at < text.length) {
    const row = { line, cells: [] };
    [at, line] = parseRecord(text, at, line, separator, row.cells);
    if (row.cells.length === 1 && row.cells[0].trim() === "") continue;
    rows.push(row);
    if (rows.length > MAX_ROWS + 1) throw new UnreadableFile("It has more than 250,000 rows. Split it into parts.");
    if (rows.length % CHUNK_ROWS === 0) {
      progress(at / text.length);
      await new Promise((resume) => setTimeout(resume));
    }
  }
  if (!rows.length) throw new UnreadableFile("It is empty. The first line must name the columns.");
  const [titles, ...rest] = rows;
  return { titles: titles.cells.map((title) => title.trim()), rows: rest };
}

/** Returns the separator that is most frequent in the first line: comma, semicolon or tab. */
function findSeparator(text) {
  const first = text.slice(0, text.search(/[\r\n]|$/u)).replace(/"[^"]*"/gu, "");
  const count = (character) => first.split(character).length - 1;
  return [",", ";", "\t"].reduce((best, character) => (count(character) > count(best) ? character : best));
}

/** Parses one record into `cells`. Returns the position and the line of the next one. */
function parseRecord(text, start, line, separator, cells) {
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
    while (at < text.length && text[at] !== separator && text[at] !== "\n" && text[at] !== "\r") at += 1;
    cells.push(unescapeFormula(cell + text.slice(from, at)));
    if (text[at] === separator) {
      at += 1;
      continue;
    }
    if (text[at] === "\r") at += text[at + 1] === "\n" ? 2 : 1;
    else at += 1;
    return [at, line + 1];
  }
}

/** Removes the apostrophe that keeps a spreadsheet from running a cell as a formula. */
const unescapeFormula = (cell) => (ESCAPED_FORMULA.test(cell) ? cell.slice(1) : cell);

/** Adds an apostrophe to a cell that already starts with one, because the service removes one. */
const escapeFormula = (cell) => (ESCAPED_FORMULA.test(cell) ? `'${cell}` : cell);

/** Writes rows of cells as CSV, one line for each. */
export const toCsv = (rows) =>
  rows
    .map((cells) => cells.map((cell) => `"${escapeFormula(String(cell ?? "")).replaceAll('"', '""')}"`).join(","))
    .join("\r\n");

/** Normalises a column title for comparison: lower case, letters and digits only. */
export const normalizeTitle = (title) => title.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");

/** Normalises an email address for comparison. The service decides in the end whether two are equal. */
export const toEmailKey = (email) => email.normalize("NFC").trim().toLowerCase();

/** Returns why a text cannot be stored, without a subject (`is longer than …`), or null. */
export function findTextError(text, maxLength) {
  if (/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u.test(text)) return "contains a character that cannot be shown";
  return text.length > maxLength ? `is longer than ${maxLength} characters` : null;
}

const EMAIL = /^[^@\s]+@[^@\s]+$/u;

/** Returns why a text is not an email address, without a subject, or null. */
export function findEmailError(email) {
  if (!email) return "is empty";
  return findTextError(email, 320) ?? (EMAIL.test(email) ? null : "is not an email address");
}
