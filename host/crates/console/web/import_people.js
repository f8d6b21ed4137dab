// A CSV file of people: who is new, who changes, and what is wrong on which line.
import { list, number, plural } from "./format.js";
import { Importing } from "./importing.js";
import { emailKey, plain, Unreadable, written, wrong, wrongEmail } from "./sheet.js";
import { readAll, send } from "./transfer.js";
import { html } from "./vendor/preact.js";

// Our column: what it may be called.
const COLUMNS = {
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

export function PeopleImport({ file, onClose }) {
  const prepare = (options) => readAll("/api/admin/people", "people", options);
  return html`<${Importing} title="Import people" ...${{ file, prepare, judge, submit, lines, onClose }} />`;
}

function judge(sheet, people) {
  const titles = sheet.titles.map(plain);
  const at = {};
  for (const [key, names] of Object.entries(COLUMNS)) {
    const found = titles.findIndex((title) => names.includes(title));
    if (found >= 0) at[key] = found;
  }
  for (const needed of ["name", "email"]) {
    if (!(needed in at)) throw new Unreadable(`No column is named ${needed}. The first line has to name the columns.`);
  }
  const known = new Map(people.map((person) => [emailKey(person.email), person]));
  const lineOf = new Map();
  const rows = sheet.rows.map(({ line, cells }) => {
    const row = { line };
    for (const key of Object.keys(at)) row[key] = (cells[at[key]] ?? "").trim();
    return held(row, known, lineOf, cells.length > sheet.titles.length);
  });
  const columns = Object.keys(at).map((key) => `“${sheet.titles[at[key]]}”`);
  const unread = sheet.titles.filter((title, index) => title && !Object.values(at).includes(index));
  const notes = [
    `${plural(rows.length, "line")}. Columns used: ${list(columns)}. People are identified by email.`,
  ];
  if (unread.length) notes.push(`Columns ignored: ${list(unread.map((title) => `“${title}”`))}.`);
  const change = rows.filter(({ kind }) => kind === "new" || kind === "changed").length;
  return {
    rows,
    notes,
    at,
    kinds: KINDS,
    columns: SHOWN,
    action: () => `Import ${plural(change, "person", "people")}`,
    isReady: change > 0,
  };
}

/** Says of a line what it changes, or what is wrong with it. */
function held(row, known, lineOf, isLong) {
  const key = emailKey(row.email);
  const person = known.get(key);
  const first = lineOf.get(key);
  if (first === undefined) lineOf.set(key, row.line);
  const badName = row.name ? wrong(row.name, 200) : "is empty";
  const badId = row.user_id ? wrong(row.user_id, 256) : null;
  const word = row.active?.toLowerCase();
  if (isLong) row.error = "has more cells than the first line";
  else if (badName) row.error = `name ${badName}`;
  else if (wrongEmail(row.email)) row.error = `email ${wrongEmail(row.email)}`;
  else if (first !== undefined) row.error = `this email is already on line ${first}`;
  else if (badId) row.error = `user_id ${badId}`;
  else if (word && !YES.includes(word) && !NO.includes(word)) row.error = "active is neither true nor false";
  if (row.error) return { ...row, kind: "wrong" };
  if (!person) return { ...row, kind: "new" };
  row.changes = [];
  if (row.name !== person.name) row.changes.push(`name was ${person.name}`);
  if (row.email !== person.email) row.changes.push(`email was ${person.email}`);
  if (row.user_id !== undefined && row.user_id !== (person.user_id ?? ""))
    row.changes.push(`id was ${person.user_id ?? "empty"}`);
  if (word && YES.includes(word) !== person.active)
    row.changes.push(person.active ? "becomes inactive" : "becomes active");
  return { ...row, kind: row.changes.length ? "changed" : "same" };
}

const CHANGE = {
  new: () => "is new",
  changed: ({ changes }) => changes.join(", "),
  same: () => "unchanged",
  wrong: ({ error }) => error,
};
const SHOWN = [
  { key: "line", title: "Line", width: 4, cell: ({ line }) => number(line) },
  {
    key: "who",
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

async function submit(judged, { signal, progress }) {
  const keys = Object.keys(judged.at);
  judged.sent = judged.rows.filter(({ kind }) => kind !== "wrong");
  const text = written([keys, ...judged.sent.map((row) => keys.map((key) => armoured(row[key])))]);
  const told = (done) =>
    progress(done < 1 ? "Uploading the file…" : "Importing…", done < 1 ? done : 0);
  told(0);
  const answer = await send("POST", "/api/admin/people", text, { type: "text/csv", signal, progress: told });
  return {
    title: "Import finished",
    means: `${number(answer.created)} new, ${number(answer.updated)} changed, ${number(answer.unchanged)} unchanged.`,
  };
}

/** What begins with an apostrophe and a formula loses the apostrophe at the service: it gets another to lose. */
const armoured = (cell) => (/^'+[=+\-@\t\r＝＋－＠]/u.test(cell ?? "") ? `'${cell}` : cell);

/** The service counts the lines that it was sent: the first names the columns, and each row is one. */
const lines = ({ line, message }, { sent }) => ({ line: sent[line - 2]?.line ?? null, message });
