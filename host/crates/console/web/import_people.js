// The import of a CSV file of people: which are new, which change, and which lines have errors.
import { findEmailError, findTextError, normalizeTitle, toCsv, toEmailKey, UnreadableFile } from "./csv.js";
import { formatCount, formatList, formatNumber } from "./format.js";
import { ImportDialog } from "./import_dialog.js";
import { readAll, upload } from "./transfer.js";
import { html } from "./vendor/preact.js";

/** The titles by which each of our columns is recognised. */
const TITLES = {
  name: ["name", "fullname", "displayname"],
  email: ["email", "mail", "emailaddress"],
  user_id: ["userid", "employeeid", "personnelnumber"],
  active: ["active", "isactive"],
};
const YES = ["true", "yes", "1"];
const NO = ["false", "no", "0"];
const KINDS = [
  { key: "new", label: "New" },
  { key: "changed", label: "Changed" },
  { key: "same", label: "Unchanged" },
  { key: "wrong", label: "Errors" },
];

export function ImportPeople({ file, onClose }) {
  const loadExisting = (options) => readAll("/api/admin/people", "people", options);
  return html`<${ImportDialog} title="Import people"
    ...${{ file, loadExisting, compare, submit, locateError, onClose }} />`;
}

function compare(sheet, people) {
  const columnOf = findColumns(sheet);
  const existing = new Map(people.map((person) => [toEmailKey(person.email), person]));
  const firstLines = new Map();
  const rows = sheet.rows.map(({ line, cells }) => {
    const row = { line };
    for (const [key, at] of Object.entries(columnOf)) row[key] = (cells[at] ?? "").trim();
    const error = findRowError(row, firstLines, cells.length > sheet.titles.length);
    return error ? { ...row, kind: "wrong", error } : compareRow(row, existing.get(toEmailKey(row.email)));
  });
  const used = Object.values(columnOf);
  const quote = (titles) => formatList(titles.map((title) => `“${title}”`));
  const ignored = sheet.titles.filter((title, at) => title && !used.includes(at));
  const notes = [
    `${formatCount(rows.length, "line")}. Columns used: ${quote(used.map((at) => sheet.titles[at]))}. ` +
      "People are identified by email.",
  ];
  if (ignored.length) notes.push(`Columns ignored: ${quote(ignored)}.`);
  const changeCount = rows.filter(({ kind }) => kind === "new" || kind === "changed").length;
  return {
    rows,
    notes,
    columnOf,
    kinds: KINDS,
    columns: COLUMNS,
    action: () => `Import ${formatCount(changeCount, "person", "people")}`,
    isReady: changeCount > 0,
  };
}

/** Returns the position of each of our columns in the file. */
function findColumns(sheet) {
  const titles = sheet.titles.map(normalizeTitle);
  const columnOf = {};
  for (const [key, names] of Object.entries(TITLES)) {
    const found = titles.findIndex((title) => names.includes(title));
    if (found >= 0) columnOf[key] = found;
  }
  for (const key of ["name", "email"]) {
    if (!(key in columnOf)) throw new UnreadableFile(`No column is named ${key}. The first line must name the columns.`);
  }
  return columnOf;
}

/** Returns what is wrong with a row, or null. */
function findRowError(row, firstLines, isTooLong) {
  const key = toEmailKey(row.email);
  const firstLine = firstLines.get(key);
  if (firstLine === undefined) firstLines.set(key, row.line);
  const nameError = row.name ? findTextError(row.name, 200) : "is empty";
  const idError = row.user_id ? findTextError(row.user_id, 256) : null;
  const active = row.active?.toLowerCase();
  if (isTooLong) return "has more cells than the first line";
  if (nameError) return `name ${nameError}`;
  if (findEmailError(row.email)) return `email ${findEmailError(row.email)}`;
  if (firstLine !== undefined) return `this email is already on line ${firstLine}`;
  if (idError) return `user_id ${idError}`;
  if (active && !YES.includes(active) && !NO.includes(active)) return "active is neither true nor false";
  return null;
}

function compareRow(row, person) {
  if (!person) return { ...row, kind: "new" };
  const active = row.active?.toLowerCase();
  const changes = [];
  if (row.name !== person.name) changes.push(`name was ${person.name}`);
  if (row.email !== person.email) changes.push(`email was ${person.email}`);
  if (row.user_id !== undefined && row.user_id !== (person.user_id ?? ""))
    changes.push(`id was ${person.user_id ?? "empty"}`);
  if (active && YES.includes(active) !== person.active)
    changes.push(person.active ? "becomes inactive" : "becomes active");
  return { ...row, changes, kind: changes.length ? "changed" : "same" };
}

const CHANGE = {
  new: () => "is new",
  changed: ({ changes }) => changes.join(", "),
  same: () => "unchanged",
  wrong: ({ error }) => error,
};
const COLUMNS = [
  { key: "line", title: "Line", width: 4, cell: ({ line }) => formatNumber(line) },
  {
    key: "person",
    title: "Person",
    width: 15,
    cell: ({ name, email }) => html`<span class="two"><span>${name || "–"}</span>
    <span class="muted small">${email}</span></span>`,
  },
  { key: "id", title: "Internal ID", width: 7, cell: ({ user_id }) => user_id ?? "" },
  {
    key: "change",
    title: "Change",
    width: 16,
    cell: (row) => html`<span class=${row.kind === "wrong" ? "error" : ""}>${CHANGE[row.kind](row)}</span>`,
  },
];

async function submit(plan, { signal, progress }) {
  const keys = Object.keys(plan.columnOf);
  plan.sent = plan.rows.filter(({ kind }) => kind !== "wrong");
  const text = toCsv([keys, ...plan.sent.map((row) => keys.map((key) => row[key]))]);
  const report = (done) => progress(done < 1 ? "Uploading the file…" : "Importing…", done < 1 ? done : 0);
  report(0);
  const answer = await upload("POST", "/api/admin/people", text, { type: "text/csv", signal, progress: report });
  const counts = [
    [answer.created, "new"],
    [answer.updated, "changed"],
    [answer.unchanged, "unchanged"],
  ];
  return {
    title: "Import finished",
    means: `${counts.map(([count, word]) => `${formatNumber(count)} ${word}`).join(", ")}.`,
  };
}

/** The service counts the lines that were sent, where line 1 has the column titles. */
const locateError = ({ line, message }, { sent }) => ({ line: sent[line - 2]?.line ?? null, message });
