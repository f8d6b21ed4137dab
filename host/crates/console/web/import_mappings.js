// A CSV file of accounts: whose they are by email address, in one column for each service.
import { list, number, plural } from "./format.js";
import { Importing } from "./importing.js";
import { emailKey, plain, Unreadable, wrong, wrongEmail } from "./sheet.js";
import { readAll, send } from "./transfer.js";
import { html } from "./vendor/preact.js";

const EMAILS = ["email", "mail", "emailaddress"];
const IDS = ["externalid", "accountid", "account", "id"];
const KINDS = [
  { key: "new", label: "New" },
  { key: "changed", label: "Changed" },
  { key: "same", label: "Unchanged" },
  { key: "unknown", label: "Unknown email" },
  { key: "wrong", label: "Errors" },
];

export function MappingsImport({ file, providers, onClose }) {
  const prepare = (options) => readAll("/api/admin/connections/user-mappings", "users", options);
  const judge = (sheet, people, choice) => judged(sheet, people, providers, choice);
  return html`<${Importing} title="Import mappings" ...${{ file, prepare, judge, submit, lines, onClose }} />`;
}

function judged(sheet, people, providers, choice) {
  const titles = sheet.titles.map(plain);
  const email = titles.findIndex((title) => EMAILS.includes(title));
  if (email < 0) throw new Unreadable("No column is named email. The first line has to name the columns.");
  const named = providers.flatMap((provider) => {
    const names = [plain(provider.id), plain(provider.title), `${plain(provider.id)}id`];
    const at = titles.findIndex((title) => names.includes(title));
    return at < 0 ? [] : [{ provider, at }];
  });
  const id = titles.findIndex((title) => IDS.includes(title));
  const isOpen = !named.length && id >= 0;
  if (!named.length && !isOpen) {
    throw new Unreadable(
      "No column is named after a connected service, nor external_id. The first line has to name the columns.",
    );
  }
  const chosen = providers.find((provider) => provider.id === choice);
  const read = isOpen ? (chosen ? [{ provider: chosen, at: id }] : []) : named;
  const parts = read.map(({ provider, at }) => ({
    provider,
    title: sheet.titles[at],
    entries: entries(sheet, email, at),
  }));
  const byEmail = new Map(people.map((person) => [emailKey(person.email), person]));
  for (const part of parts) hold(part, byEmail, people);
  const rows = parts.flatMap(({ entries: all, provider }) => all.map((entry) => ({ ...entry, title: provider.title })));
  rows.sort((a, b) => a.line - b.line);
  const used = new Set([email, ...read.map(({ at }) => at), ...(isOpen ? [id] : [])]);
  const unread = sheet.titles.filter((title, at) => !used.has(at) && title && plain(title) !== "name");
  const notes = [`${plural(sheet.rows.length, "line")}. People are identified by “${sheet.titles[email]}”.`];
  if (parts.length)
    notes.push(
      `Accounts: ${list(parts.map((part) => `“${part.title}” at ${part.provider.title}`))}. Empty cells are skipped.`,
    );
  if (unread.length) notes.push(`Columns ignored: ${list(unread.map((title) => `“${title}”`))}.`);
  const change = rows.filter(({ kind }) => kind === "new" || kind === "changed").length;
  return {
    rows,
    parts,
    notes,
    kinds: KINDS,
    columns: COLUMNS,
    choices: isOpen && {
      label: "Which service are the accounts from?",
      choices: providers.map(({ id: value, title }) => ({ value, label: title })),
    },
    action: () => `Set ${plural(change, "account")}`,
    isReady: rows.some(({ kind }) => kind !== "same" && kind !== "wrong"),
  };
}

function entries(sheet, email, at) {
  return sheet.rows.flatMap(({ line, cells }) => {
    const to = (cells[at] ?? "").trim();
    return to ? [{ line, email: (cells[email] ?? "").trim(), to }] : [];
  });
}

/** Says of every entry what it changes, or what is wrong with it. */
function hold({ provider, entries: all }, byEmail, people) {
  const owners = new Map();
  for (const person of people) {
    const id = person.external_ids?.[provider.id];
    if (id) owners.set(id, person);
  }
  const lineOf = { email: new Map(), account: new Map() };
  const given = new Map(all.map((entry) => [emailKey(entry.email), entry.to]));
  for (const entry of all) {
    const key = emailKey(entry.email);
    const person = byEmail.get(key);
    entry.name = person?.name ?? "";
    entry.from = person?.external_ids?.[provider.id] ?? null;
    const owner = owners.get(entry.to);
    const isKept =
      owner && emailKey(owner.email) !== key && (given.get(emailKey(owner.email)) ?? entry.to) === entry.to;
    const first = lineOf.email.get(key);
    const taken = lineOf.account.get(entry.to);
    const badEmail = wrongEmail(entry.email);
    const badId = wrong(entry.to, 256);
    if (badEmail) entry.error = `email ${badEmail}`;
    else if (badId) entry.error = `account ${badId}`;
    else if (first !== undefined) entry.error = `this email is already on line ${first}`;
    else if (taken !== undefined) entry.error = `this account is already on line ${taken}`;
    else if (isKept) entry.error = `already belongs to ${owner.name} <${owner.email}>`;
    if (!lineOf.email.has(key)) lineOf.email.set(key, entry.line);
    if (!lineOf.account.has(entry.to)) lineOf.account.set(entry.to, entry.line);
    if (entry.error) entry.kind = "wrong";
    else if (!person) entry.kind = "unknown";
    else if (entry.from === entry.to) entry.kind = "same";
    else entry.kind = entry.from ? "changed" : "new";
  }
}

const CHANGE = {
  new: () => "is new",
  changed: ({ from }) => `replaces ${from}`,
  same: () => "unchanged",
  unknown: () => "nobody active has this email",
  wrong: ({ error }) => error,
};
const COLUMNS = [
  { key: "line", title: "Line", width: 4, cell: ({ line }) => number(line) },
  {
    key: "who",
    title: "Person",
    width: 14,
    cell: ({ name, email }) => html`<span class="two"><span>${name || email}</span>
    ${name && html`<span class="muted small">${email}</span>`}</span>`,
  },
  { key: "title", title: "Provider", width: 8, cell: ({ title }) => title },
  { key: "to", title: "Account", width: 10, cell: ({ to }) => html`<span class="mono">${to}</span>` },
  {
    key: "change",
    title: "Change",
    width: 14,
    cell: (row) => html`<span class=${row.kind === "wrong" ? "error" : ""}>${CHANGE[row.kind](row)}</span>`,
  },
];

/** One list for each service, each taken whole or not at all. */
async function submit(judged, { signal, progress }) {
  const { parts } = judged;
  const sent = [];
  const missed = [];
  for (const [at, part] of parts.entries()) {
    part.sent = part.entries.filter(({ kind }) => kind !== "wrong");
    if (!part.sent.length) continue;
    const label = `Setting accounts at ${part.provider.title}…`;
    const body = {
      provider: part.provider.id,
      mappings: part.sent.map(({ email, to }) => ({ email, external_id: to })),
    };
    const told = (done) => progress(label, (at + done * 0.9) / parts.length);
    told(0.05);
    try {
      const options = { type: "application/json", signal, progress: told };
      const answer = await send("POST", "/api/admin/connections/user-mappings/sync", JSON.stringify(body), options);
      sent.push(
        `${part.provider.title}: ${number(answer.changed)} set, ${number(answer.matched - answer.changed)} unchanged.`,
      );
      missed.push(...answer.unmatched);
    } catch (refusal) {
      judged.refused = part;
      refusal.before = sent.length ? `Done before that: ${sent.join(" ")}` : null;
      throw refusal;
    }
  }
  const few = missed.slice(0, 20).map((email) => `${email} is not a known email and was skipped.`);
  if (missed.length > few.length) few.push(`${number(missed.length - few.length)} more unknown emails were skipped.`);
  return { title: "Import finished", means: sent.join(" "), list: few };
}

/** The service counts the rows that it was sent; a person counts the lines of the file. */
function lines({ field, message }, { refused }) {
  const lineOf = (text) => refused?.sent?.[Number(/mappings\[(\d+)\]/u.exec(text)?.[1])]?.line;
  return {
    line: lineOf(field),
    message: message.replace(/mappings\[(\d+)\]/gu, (all) => `line ${lineOf(all) ?? "?"}`),
  };
}
