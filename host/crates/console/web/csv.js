// Reads CSV files in the browser and writes them, so that an import can show its changes before it is sent.
import { isBlank, trim } from "./spreadsheet.js";

/** Maximum number of rows in a file, as the service limits it. */
const MAX_ROWS = 250_000;
/** Maximum size of a file in bytes, as the service limits it. */
const MAX_BYTES = 32 * 1024 * 1024;

/** A cell that starts with apostrophes and a character with which a spreadsheet starts a formula. */
const ESCAPED_FORMULA = /^'+[=+\-@\t\r＝＋－＠]/u;
/** `="0123"`, by which some programs keep a spreadsheet from reading a number. */
const TEXT_FORMULA = /^="([^"]*)"$/u;
/** Rows that are parsed before the page may draw. */
const CHUNK_ROWS = 5_000;

/** A file cannot be read at all; the message says why. */
export class UnreadableFile extends Error {}

/** Returns the text of a file. */
export async function readText(file) {
  if (file.size > MAX_BYTES) throw new UnreadableFile("It is larger than 32 MB. Split it into parts.");
  const bytes = new Uint8Array(await file.arrayBuffer());
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)) {
    throw new UnreadableFile("It is UTF-16. Save it again as “CSV UTF-8”.");
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new UnreadableFile("It is not UTF-8. Save it again as “CSV UTF-8”.");
  }
}

/**
 * Parses a text into `{titles, line, rows: [{line, cells}]}`, without empty rows. Calls `progress(done)` with a number
 * from 0 to 1.
 */
export async function parseCsv(text, progress = () => {}) {
  const { start, separator } = findStart(text);
  const rows = [];
  let columns = 0;
  let [at, line] = start;
  while (at < text.length) {
    const row = { line, cells: [] };
    const from = at;
    [at, line] = parseRecord(text, at, line, separator, row.cells);
    const openQuote = findOpenQuote(text.slice(from, at), separator, columns);
    if (openQuote >= 0) {
      const of = row.line + countLines(text.slice(from, from + openQuote));
      throw new UnreadableFile(
        `A quotation mark on line ${of} is not closed, so the following lines would be a part of its cell. Close it, or ` +
          "write it twice if it is a part of the text.",
      );
    }
    if (row.cells.every(isBlank)) continue;
    if (!rows.length) columns = row.cells.length;
    rows.push(row);
    if (rows.length > MAX_ROWS + 1) throw new UnreadableFile("It has more than 250,000 rows. Split it into parts.");
    if (rows.length % CHUNK_ROWS === 0) {
      progress(at / text.length);
      await new Promise((resume) => setTimeout(resume));
    }
  }
  if (!rows.length) throw new UnreadableFile("It is empty. The first line must name the columns.");
  const [{ line: of, cells }, ...rest] = rows;
  const titles = cells.map(trim);
  while (titles.at(-1) === "") titles.pop();
  return { titles, line: of, rows: rest };
}

/**
 * Returns why a row does not fit the columns, without a subject, or null. Excel can omit the empty cells at the end of
 * a row, and it can add some; the first `required` cells must be there.
 */
export function findRowShapeError({ titles }, cells, required) {
  if (cells.length < required || cells.slice(titles.length).some((cell) => !isBlank(cell))) {
    return `has ${cells.length} cells, but the header has ${titles.length}`;
  }
  const nameless = titles.findIndex((title, at) => title === "" && !isBlank(cells[at] ?? ""));
  return nameless < 0 ? null : `has text in column ${nameless + 1}, which has no name in the header`;
}

/** Returns the position and the line of the first record, and what separates cells: comma, semicolon or tab. */
function findStart(text) {
  let at = 0;
  while (text[at] === "\ufeff") at += 1;
  if (text.startsWith("ï»¿", at)) {
    throw new UnreadableFile("It was read in the wrong encoding. Open the original file as UTF-8, and save it as “CSV UTF-8”.");
  }
  const firstLine = (from) => text.slice(from).match(/^[^\r\n]*/u)[0];
  // Excel writes and reads `sep=;` in the first line.
  const declared = /^(?:sep=([,;\t])|"sep=([,;\t])")$/iu.exec(firstLine(at));
  if (declared) {
    const end = at + declared[0].length;
    const next = end + (text.startsWith("\r\n", end) ? 2 : 1);
    return { start: [next, 2], separator: declared[1] ?? declared[2] };
  }
  const titles = firstLine(at + text.slice(at).search(/[^\r\n]|$/u)).replace(/"[^"]*"/gu, "");
  const count = (character) => titles.split(character).length - 1;
  const separator = [",", ";", "\t"].reduce((best, other) => (count(other) > count(best) ? other : best));
  return { start: [at, 1], separator };
}

/** Counts the ends of lines: LF, CRLF and CR. */
const countLines = (text) => (text.match(/\r\n|\r|\n/gu) ?? []).length;

/** Parses one record into `cells`. Returns the position and the line of the next one. */
function parseRecord(text, start, line, separator, cells) {
  let at = start;
  for (;;) {
    let cell = "";
    if (text[at] === '"') {
      const open = at;
      for (at += 1; at < text.length; at += 1) {
        if (text[at] === '"') {
          if (text[at + 1] !== '"') break;
          at += 1;
        }
        cell += text[at];
      }
      line += countLines(text.slice(open, at));
      at += 1;
    }
    const from = at;
    while (at < text.length && text[at] !== separator && text[at] !== "\n" && text[at] !== "\r") at += 1;
    cells.push(readCell(cell + text.slice(from, at)));
    if (text[at] === separator) {
      at += 1;
      continue;
    }
    if (text[at] === "\r") at += text[at + 1] === "\n" ? 2 : 1;
    else at += 1;
    return [at, line + 1];
  }
}

/**
 * Returns the position of a quotation mark in a record that is not closed, or -1.
 *
 * Such a record continues to the next mark or to the end of the file. So a mark counts as not closed if its cell reaches
 * the end of the file, if its cell contains a line break and text follows the closing mark, or if a line of its cell
 * looks like a row.
 */
function findOpenQuote(record, separator, columns) {
  if (!record.includes('"')) return -1;
  let at = 0;
  while (at < record.length) {
    if (record[at] === '"') {
      let end = at + 1;
      while (end < record.length && (record[end] !== '"' || record[end + 1] === '"')) end += record[end] === '"' ? 2 : 1;
      if (end >= record.length) return at;
      const cell = record.slice(at + 1, end);
      const next = record[end + 1];
      const isFollowed = next !== undefined && next !== separator && next !== "\r" && next !== "\n";
      if (/[\r\n]/u.test(cell) && (isFollowed || containsRow(cell, separator, columns))) return at;
      at = end + 1;
    }
    while (at < record.length && record[at] !== separator && record[at] !== "\r" && record[at] !== "\n") at += 1;
    at += 1;
  }
  return -1;
}

/** Returns whether a line of a cell, after its first one, contains an address and as many cells as a row. */
function containsRow(cell, separator, columns) {
  const lines = cell.split(/[\r\n]/u).slice(1);
  return columns > 1 && lines.some((line) => line.includes("@") && line.split(separator).length >= columns);
}

/** Removes white space around a cell, and what keeps a spreadsheet from running it as a formula. */
function readCell(text) {
  const cell = text.trim();
  return TEXT_FORMULA.exec(cell)?.[1] ?? (ESCAPED_FORMULA.test(cell) ? cell.slice(1) : cell);
}

/** Adds an apostrophe to a cell that already starts with one, because the service removes one. */
const escapeFormula = (cell) => (ESCAPED_FORMULA.test(cell) || TEXT_FORMULA.test(cell) ? `'${cell}` : cell);

/** Writes rows of cells as CSV, one line for each. */
export const toCsv = (rows) =>
  rows
    .map((cells) => cells.map((cell) => `"${escapeFormula(String(cell ?? "")).replaceAll('"', '""')}"`).join(","))
    .join("\r\n");

/** Normalises a column title for comparison: lower case, letters and digits only. */
export const normalizeTitle = (title) => title.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");
