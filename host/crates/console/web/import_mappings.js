// The import of a CSV file of mappings: people by email, and their accounts in one column for each connected provider.
import { findRowShapeError, normalizeTitle, UnreadableFile } from "./csv.js";
import { formatCount, formatList, formatNumber } from "./format.js";
import { ImportDialog } from "./import_dialog.js";
import { cleanEmail, findEmailError, findIdDamage, findIdError, isBlank, toEmailKey, trim } from "./spreadsheet.js";
import { readAll, upload } from "./transfer.js";
import { html } from "./vendor/preact.js";

const EMAIL_TITLES = ["email", "mail", "emailaddress"];
const ID_TITLES = ["externalid", "accountid", "account", "id"];
const KINDS = [
  { key: "new", label: "New" },
  { key: "changed", label: "Changed" },
  { key: "same", label: "Unchanged" },
  { key: "unknown", label: "Unknown email" },
  { key: "unlisted", label: "Not at the service" },
  { key: "wrong", label: "Errors" },
];
/** How many unknown emails the result lists. */
const MAX_SKIPPED = 20;
const SYNC = "/api/admin/connections/user-mappings/sync";

export function ImportMappings({ file, providers, onClose }) {
  const loadExisting = (options) => readAll("/api/admin/connections/user-mappings", "users", options);
  const compareAll = (sheet, people, choice) => compare(sheet, people, providers, choice);
  return html`<${ImportDialog} title="Import mappings"
    ...${{ file, loadExisting, compare: compareAll, submit, locateError, onClose }} />`;
}

function compare(sheet, people, providers, choice) {
  const { email, columns, needsChoice, idColumn } = findColumns(sheet, providers, choice);
  const parts = columns.map(({ provider, at }) => ({
    provider,
    title: sheet.titles[at],
    entries: readEntries(sheet, email, at, needsChoice),
  }));
  const byEmail = new Map(people.map((person) => [toEmailKey(person.email), person]));
  for (const part of parts) compareEntries(part, byEmail, people);
  const rows = parts.flatMap(({ entries }) => entries);
  rows.sort((a, b) => a.line - b.line);
  const used = new Set([email, ...columns.map(({ at }) => at), ...(needsChoice ? [idColumn] : [])]);
  const notes = describeColumns(sheet, email, parts, used);
  const count = (kinds) => rows.filter(({ kind }) => kinds.includes(kind)).length;
  return {
    rows,
    parts,
    notes,
    kinds: KINDS,
    columns: COLUMNS,
    choices: needsChoice && {
      label: "Which service are the accounts from?",
      choices: providers.map(({ id, title }) => ({ value: id, label: title })),
    },
    action: (setsUnlisted) =>
      `Set ${formatCount(count(["new", "changed", ...(setsUnlisted ? ["unlisted"] : [])]), "account")}`,
    isReady: (setsUnlisted) => count(["new", "changed", "unknown", ...(setsUnlisted ? ["unlisted"] : [])]) > 0,
    check: (signal) => checkAccounts(parts, notes, signal),
    optional: () => {
      const unlisted = count(["unlisted"]);
      return unlisted ? `Also set ${formatCount(unlisted, "account")} that the service does not list` : null;
    },
  };
}

/** Asks the service which accounts the providers do not list, and marks their rows. */
async function checkAccounts(parts, notes, signal) {
  for (const { provider, entries } of parts) {
    const changes = entries.filter(({ kind }) => kind === "new" || kind === "changed");
    if (!changes.length) continue;
    const body = { provider: provider.id, mappings: toList(changes), dry_run: true };
    try {
      const answer = await upload("POST", SYNC, JSON.stringify(body), { type: "application/json", signal });
      const unlisted = new Set((answer.unlisted ?? []).map(({ external_id: id }) => id));
      for (const entry of changes) if (unlisted.has(entry.to)) entry.kind = "unlisted";
      if (answer.unchecked) {
        notes.push(`The accounts could not be compared with those at ${provider.title}: ${answer.unchecked}.`);
      }
    } catch (problem) {
      if (problem.name === "AbortError") throw problem;
      notes.push(`The accounts could not be compared with those at ${provider.title}: ${problem.message}`);
    }
  }
}

const toList = (entries) => entries.map(({ email, to }) => ({ email, external_id: to }));

/**
 * Finds the email column, and the columns with accounts. One named only `external_id` needs a choice of the provider.
 */
function findColumns(sheet, providers, choice) {
  const titles = sheet.titles.map(normalizeTitle);
  const email = titles.findIndex((title) => EMAIL_TITLES.includes(title));
  if (email < 0) throw new UnreadableFile("No column is named email. The first line must name the columns.");
  const named = providers.flatMap((provider) => {
    const names = [normalizeTitle(provider.id), normalizeTitle(provider.title), `${normalizeTitle(provider.id)}id`];
    const at = titles.findIndex((title) => names.includes(title));
    return at < 0 ? [] : [{ provider, at }];
  });
  const idColumn = titles.findIndex((title) => ID_TITLES.includes(title));
  const needsChoice = !named.length && idColumn >= 0;
  if (!named.length && !needsChoice) {
    throw new UnreadableFile(
      "No column is named after a connected service, or external_id. The first line must name the columns.",
    );
  }
  const chosen = providers.find((provider) => provider.id === choice);
  const columns = needsChoice && chosen ? [{ provider: chosen, at: idColumn }] : named;
  return { email, columns, needsChoice, idColumn };
}

function describeColumns(sheet, email, parts, used) {
  const notes = [
    `${formatCount(sheet.rows.length, "line")}. People are identified by “${sheet.titles[email]}”.`,
  ];
  const accounts = parts.map((part) => `“${part.title}” at ${part.provider.title}`);
  if (parts.length) notes.push(`Accounts: ${formatList(accounts)}. Empty cells are skipped.`);
  const ignored = sheet.titles.filter((title, at) => !used.has(at) && title && normalizeTitle(title) !== "name");
  if (ignored.length) notes.push(`Columns ignored: ${formatList(ignored.map((title) => `“${title}”`))}.`);
  return notes;
}

/** Returns an entry for each account in a column, and for each row that does not fit the columns. */
function readEntries(sheet, email, at, isRequired) {
  const required = (isRequired ? Math.max(email, at) : email) + 1;
  return sheet.rows.flatMap(({ line, cells }) => {
    const shapeError = findRowShapeError(sheet, cells, required);
    const to = trim(cells[at] ?? "");
    if (!shapeError && !isRequired && isBlank(to)) return [];
    return [{ line, email: cleanEmail(cells[email] ?? ""), to, shapeError }];
  });
}

/** Sets what each entry changes, or what is wrong with it. */
function compareEntries({ provider, entries }, byEmail, people) {
  const owners = new Map();
  for (const person of people) {
    const id = person.external_ids?.[provider.id];
    if (id) owners.set(id, person);
  }
  const accountInFile = new Map(entries.map((entry) => [toEmailKey(entry.email), entry.to]));
  const firstLines = { email: new Map(), account: new Map() };
  for (const entry of entries) {
    const key = toEmailKey(entry.email);
    const person = byEmail.get(key);
    entry.title = provider.title;
    entry.name = person?.name ?? "";
    entry.from = person?.external_ids?.[provider.id] ?? null;
    entry.error = findEntryError(entry, key, owners.get(entry.to), accountInFile, firstLines);
    if (!firstLines.email.has(key)) firstLines.email.set(key, entry.line);
    if (!firstLines.account.has(entry.to)) firstLines.account.set(entry.to, entry.line);
    if (entry.error) entry.kind = "wrong";
    else if (!person) entry.kind = "unknown";
    else if (entry.from === entry.to) entry.kind = "same";
    else entry.kind = entry.from ? "changed" : "new";
  }
}

function findEntryError({ email, to, from, shapeError }, key, owner, accountInFile, firstLines) {
  if (shapeError) return shapeError;
  const emailError = findEmailError(email);
  if (emailError) return `email ${emailError}`;
  const idError = findIdError(to) ?? (to === from ? null : findIdDamage(to));
  if (idError) return `account ${idError}`;
  const emailLine = firstLines.email.get(key);
  if (emailLine !== undefined) return `this email is already on line ${emailLine}`;
  const accountLine = firstLines.account.get(to);
  if (accountLine !== undefined) return `this account is already on line ${accountLine}`;
  const ownerKey = owner && toEmailKey(owner.email);
  // The owner may give the account up in the same file.
  const isKept = owner && ownerKey !== key && (accountInFile.get(ownerKey) ?? to) === to;
  return isKept ? `already belongs to ${owner.name} <${owner.email}>` : undefined;
}

const CHANGE = {
  new: () => "is new",
  changed: ({ from }) => `replaces ${from}`,
  same: () => "unchanged",
  unknown: () => "no active person has this email",
  unlisted: ({ title }) => `${title} does not list this account`,
  wrong: ({ error }) => error,
};
const COLUMNS = [
  { key: "line", title: "Line", width: 4, cell: ({ line }) => formatNumber(line) },
  {
    key: "person",
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

/** Sends one list for each provider. The service accepts a list as a whole, or rejects it as a whole. */
async function submit(plan, { signal, progress, includesOptional }) {
  const { parts } = plan;
  const done = [];
  const unmatched = [];
  const unlisted = [];
  for (const [at, part] of parts.entries()) {
    part.sent = part.entries.filter(({ kind }) => kind !== "wrong" && (includesOptional || kind !== "unlisted"));
    if (!part.sent.length) continue;
    const body = { provider: part.provider.id, mappings: toList(part.sent), set_unlisted: includesOptional };
    const label = `Setting accounts at ${part.provider.title}…`;
    const report = (sent) => progress(label, (at + sent * 0.9) / parts.length);
    report(0.05);
    try {
      const options = { type: "application/json", signal, progress: report };
      const answer = await upload("POST", SYNC, JSON.stringify(body), options);
      const skipped = answer.unlisted ?? [];
      const unchanged = formatNumber(answer.matched - answer.changed - skipped.length);
      unlisted.push(...skipped.map(({ email }) => [email, part.provider.title]));
      done.push(`${part.provider.title}: ${formatNumber(answer.changed)} set, ${unchanged} unchanged.`);
      unmatched.push(...answer.unmatched);
    } catch (problem) {
      plan.rejected = part;
      problem.doneBefore = done.length ? `Done before that: ${done.join(" ")}` : null;
      throw problem;
    }
  }
  const list = unmatched.slice(0, MAX_SKIPPED).map((email) => `${email} was skipped, because nobody has this email.`);
  const more = unmatched.length - list.length;
  if (more > 0) list.push(`${formatNumber(more)} more unknown emails were skipped.`);
  for (const [email, title] of unlisted.slice(0, MAX_SKIPPED)) {
    list.push(`${email} was skipped, because ${title} does not list the account.`);
  }
  return { title: "Import finished", means: done.join(" "), list };
}

/** The service names the position in the list that was sent, as `mappings[3]`; a person needs the line of the file. */
function locateError({ field, message }, { rejected }) {
  const findLine = (text) => rejected?.sent?.[Number(/mappings\[(\d+)\]/u.exec(text)?.[1])]?.line;
  return {
    line: findLine(field),
    message: message.replace(/mappings\[(\d+)\]/gu, (position) => `line ${findLine(position) ?? "?"}`),
  };
}
