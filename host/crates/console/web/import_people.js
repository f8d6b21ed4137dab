// The import of a CSV file of people: which are new, which change, and which lines have errors.
import { findRowShapeError, normalizeTitle, toCsv, UnreadableFile } from "./csv.js";
import { formatCount, formatList, formatNumber } from "./format.js";
import { ImportDialog } from "./import_dialog.js";
import {
  cleanEmail,
  findEmailError,
  findGarbling,
  findIdDamage,
  findIdError,
  findNameError,
  parseBoolean,
  toEmailKey,
  trim,
} from "./spreadsheet.js";
import { readAll, upload } from "./transfer.js";
import { html } from "./vendor/preact.js";

/** The titles by which each of our columns is recognised. */
const TITLES = {
  name: ["name", "fullname", "displayname"],
  email: ["email", "mail", "emailaddress"],
  user_id: ["userid", "employeeid", "personnelnumber"],
  active: ["active", "isactive"],
};
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
  const firstLines = { email: new Map(), user_id: new Map() };
  const read = sheet.rows.map(({ line, cells }) => readRow(sheet, columnOf, line, cells, firstLines));
  choosePeople(read, people);
  const rows = read.map((row) => {
    const error = row.error ?? findDoubt(row);
    return error ? { ...row, kind: "wrong", error } : compareRow(row);
  });
  const used = Object.values(columnOf);
  const quote = (titles) => formatList(titles.map((title) => `“${title}”`));
  const ignored = sheet.titles.filter((title, at) => title && !used.includes(at));
  const notes = [
    `${formatCount(rows.length, "line")}. Columns used: ${quote(used.map((at) => sheet.titles[at]))}. ` +
      `People are identified by ${"user_id" in columnOf ? "internal ID, or else by email" : "email"}.`,
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
    isReady: () => changeCount > 0,
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

/** Returns the values of a row, with an `error` if it cannot be imported. */
function readRow(sheet, columnOf, line, cells, firstLines) {
  const { name, email, user_id: id, active } = columnOf;
  const cell = (at) => cells[at] ?? "";
  const row = { line, name: trim(cell(name)), email: cleanEmail(cell(email)) };
  // A cell that Excel omitted at the end of a row leaves the id unchanged.
  if (id !== undefined && id < cells.length) row.user_id = trim(cell(id));
  if (active !== undefined) row.active = cell(active);
  const required = Math.max(name, email, active ?? 0) + 1;
  const error =
    findRowShapeError(sheet, cells, required) ??
    prefix("name", findNameError(row.name)) ??
    prefix("email", findEmailError(row.email)) ??
    prefix("user_id", row.user_id ? findIdError(row.user_id) : null) ??
    (active === undefined || parseBoolean(row.active) !== null ? null : "active must be true or false");
  const repeated =
    findRepeat("email", firstLines.email, toEmailKey(row.email), line) ??
    (row.user_id ? findRepeat("user_id", firstLines.user_id, row.user_id, line) : null);
  return { ...row, error: error ?? repeated };
}

const prefix = (field, error) => error && `${field} ${error}`;

/** Returns an error if an earlier line has the same value. */
function findRepeat(field, firstLines, value, line) {
  const first = firstLines.get(value);
  if (first === undefined) firstLines.set(value, line);
  return first === undefined ? null : `this ${field} is already on line ${first}`;
}

/**
 * Sets the `person` whom each row is about. The `user_id` identifies a person more certainly than the address, which can
 * change and can be given to somebody else.
 */
function choosePeople(rows, people) {
  const byEmail = new Map(people.map((person) => [toEmailKey(person.email), person]));
  const byId = new Map();
  for (const person of people) {
    if (person.user_id) byId.set(person.user_id, [...(byId.get(person.user_id) ?? []), person]);
  }
  const taken = new Set();
  const byEmailAlone = [];
  for (const row of rows) {
    if (row.error) continue;
    const withEmail = byEmail.get(toEmailKey(row.email));
    const withId = byId.get(row.user_id) ?? [];
    if (!withId.length) byEmailAlone.push([row, withEmail]);
    else if (withId.includes(withEmail)) row.person = withEmail;
    else if (withId.length > 1) row.error = `user_id belongs to more than one person: ${formatList(withId.map(describe))}`;
    else if (withEmail) {
      row.error = `user_id belongs to ${describe(withId[0])}, but the email address belongs to ${describe(withEmail)}`;
    } else row.person = withId[0];
    if (row.person) taken.add(row.person);
  }
  // If another row gives the person with this address another one, the row is about somebody new.
  for (const [row, person] of byEmailAlone) if (!taken.has(person)) row.person = person;
}

const describe = ({ name, email }) => `${name} <${email}>`;

/** Returns why a value is most likely wrong, unless it is stored already; or null. */
function findDoubt({ name, email, user_id: id, person }) {
  const doubts = [
    ["name", name, person?.name, findGarbling],
    ["email", email, person?.email, findGarbling],
    ["user_id", id, person?.user_id, findIdDamage],
  ];
  for (const [field, value, stored, find] of doubts) {
    const doubt = value && value !== stored ? find(value) : null;
    if (doubt) return `${field} ${doubt}; if it is right, set it for this person alone`;
  }
  return null;
}

function compareRow(row) {
  const { person } = row;
  if (!person) return { ...row, kind: "new" };
  const isActive = row.active === undefined ? person.active : parseBoolean(row.active);
  const changes = [];
  if (row.name !== person.name) changes.push(`name was ${person.name}`);
  if (row.email !== person.email) changes.push(`email was ${person.email}`);
  if (row.user_id !== undefined && row.user_id !== (person.user_id ?? ""))
    changes.push(`id was ${person.user_id ?? "empty"}`);
  if (isActive !== person.active) changes.push(person.active ? "becomes inactive" : "becomes active");
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
  const cell = (row, key) => row[key] ?? (key === "user_id" ? row.person?.user_id : undefined);
  const text = toCsv([keys, ...plan.sent.map((row) => keys.map((key) => cell(row, key)))]);
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
