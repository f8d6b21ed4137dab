// The people who are mapped: searched, added one by one or from a file, changed, removed with what goes with them.
import { call } from "./api.js";
import { titleOf, useProviders } from "./data.js";
import { useEvents } from "./events.js";
import { narrow, useDropped, useTyped } from "./filters.js";
import { list, plural } from "./format.js";
import { PeopleImport } from "./import_people.js";
import { Rows } from "./rows.js";
import { download } from "./transfer.js";
import { Button, Dialog, Drop, Empty, Field, Notice, Page, Status, toast } from "./ui.js";
import { html, useEffect, useRef, useState } from "./vendor/preact.js";

const PATH = "/api/admin/people";

export default function People({ route }) {
  const { query } = route;
  const [typed, setTyped] = useTyped(query, "q");
  const [stale, setStale] = useState(0);
  const [total, setTotal] = useState(null);
  const [open, setOpen] = useState(null);
  const [file, setFile] = useState(null);
  const [problem, setProblem] = useState(null);
  const [isWriting, setWriting] = useState(false);
  const rows = useRef(null);
  const isOver = useDropped(setFile);
  useEvents({ mappings: true }, () => setStale((count) => count + 1));

  const narrowed = new URLSearchParams(query.q ? { q: query.q } : {}).toString();
  const load = async (offset, limit, options) => {
    const page = await call("GET", `${PATH}?offset=${offset}&limit=${limit}&${narrowed}`, undefined, options);
    setTotal(page.total);
    return { rows: page.people, total: page.total };
  };
  const write = async () => {
    setProblem(null);
    setWriting(true);
    await download(PATH, "people").catch(setProblem);
    setWriting(false);
  };
  const done = (words) => {
    setOpen(null);
    if (!words) return rows.current?.focus();
    toast(words);
    setStale((count) => count + 1);
    return undefined;
  };
  const add = html`<${Button} look="primary" icon="plus" onClick=${() => setOpen({ kind: "new" })}>Add a person<//>`;
  const empty = query.q
    ? html`<${Empty} icon="search" title="No matches">No name or email contains “${query.q}”.<//>`
    : html`<${Empty} icon="people" title="No people yet" action=${add}>
        Add them one by one, or drop a CSV file with the columns name and email.<//>`;
  return html`
    <${Page} title="People" lead="The people of your company, whose accounts are mapped in each service." actions=${add}>
      <div class="toolbar">
        <${Field} label="Search people" kind="search" placeholder="Name or email" value=${typed} onInput=${setTyped} />
        <p class="count muted" role="status">${total === null ? "" : plural(total, "person", "people")}</p>
        <${Button} icon="download" isBusy=${isWriting} onClick=${write}>Export CSV<//>
      </div>
      ${problem && html`<${Notice} problem=${problem} title="The file could not be created" onRetry=${write} />`}
      <${Rows} label="People" columns=${COLUMNS} load=${load} query=${narrowed} stale=${stale} handle=${rows}
        empty=${empty}
        onOpen=${(person) => setOpen({ kind: "change", person })} />
      ${total > 0 && html`<p class="muted small keys">Arrow keys move; Enter or a click opens a person.</p>`}
      <${Drop} label="Choose a CSV file" accept=".csv,text/csv" onFile=${setFile}
        help="or drop one on this page. Columns: name and email; optionally user_id, active. You review the changes first." />
      ${isOver && html`<div class="veil" aria-hidden="true">Drop the file to review its changes</div>`}
      ${open?.kind === "new" && html`<${Form} onDone=${done} />`}
      ${
        open?.kind === "change" &&
        html`<${Form} person=${open.person} onDone=${done}
        onRemove=${() => setOpen({ kind: "remove", person: open.person })} />`
      }
      ${open?.kind === "remove" && html`<${Remove} person=${open.person} onDone=${done} />`}
      ${file && html`<${PeopleImport} file=${file} onClose=${() => setFile(null)} />`}
    <//>
  `;
}

const COLUMNS = [
  { key: "name", title: "Name", width: 14, cell: ({ name }) => name },
  { key: "email", title: "Email", width: 16, cell: ({ email }) => html`<span class="muted">${email}</span>` },
  {
    key: "id",
    title: "Internal ID",
    width: 8,
    cell: ({ user_id }) => user_id && html`<span class="mono">${user_id}</span>`,
  },
  {
    key: "state",
    title: "State",
    width: 8,
    className: "rows-mid",
    cell: ({ active }) => html`<${Status} kind=${active ? "ok" : "off"} word=${active ? "Active" : "Inactive"} />`,
  },
];

function Form({ person, onDone, onRemove }) {
  const [values, setValues] = useState({
    name: person?.name ?? "",
    email: person?.email ?? "",
    user_id: person?.user_id ?? "",
    active: person?.active ?? true,
  });
  const [problem, setProblem] = useState(null);
  const [isBusy, setBusy] = useState(false);
  const change = (key) => (value) => setValues((before) => ({ ...before, [key]: value }));
  const errorOf = (field) => {
    const error = problem?.errors?.find((one) => one.field === field);
    return error && `This ${error.message}.`;
  };
  const known = problem?.errors?.length && problem.errors.every(({ field }) => field in values);

  const save = async (event) => {
    event?.preventDefault();
    setBusy(true);
    setProblem(null);
    const body = { ...values, user_id: values.user_id.trim() || null };
    if (!person && body.user_id === null) delete body.user_id;
    try {
      const saved = person
        ? await call("PATCH", `${PATH}/${encodeURIComponent(person.id)}`, body)
        : await call("POST", PATH, body);
      onDone(person ? `${saved.name} was saved.` : `${saved.name} was added.`);
    } catch (refusal) {
      setProblem(refusal);
      setBusy(false);
    }
  };
  const actions = html`
    ${onRemove && html`<${Button} look="danger" icon="trash" onClick=${onRemove}>Remove…<//>`}
    <${Button} onClick=${() => onDone()}>Cancel<//>
    <${Button} look="primary" isBusy=${isBusy} onClick=${save}>${person ? "Save" : "Add"}<//>`;
  return html`
    <${Dialog} title=${person ? person.name : "Add a person"} onClose=${() => onDone()} actions=${actions}>
      <form class="stack" onSubmit=${save} novalidate>
        ${problem && !known && html`<${Notice} problem=${problem} />`}
        <${Field} label="Name" value=${values.name} onInput=${change("name")} error=${errorOf("name")}
          required=${true} />
        <${Field} label="Email" kind="email" value=${values.email} onInput=${change("email")} error=${errorOf("email")}
          required=${true} help="Used to match accounts. It has to be unique." />
        <${Field} label="Internal ID" isOptional=${true} value=${values.user_id} onInput=${change("user_id")}
          error=${errorOf("user_id")}
          help="How your own systems identify this person." />
        <label class="check"><input type="checkbox" checked=${values.active}
          onChange=${(event) => change("active")(event.currentTarget.checked)} /> Active</label>
        ${!values.active && html`<p
          class="help">Inactive people are not listed under Mappings. Their mappings are kept.</p>`}
        <button class="unseen" tabindex="-1" aria-hidden="true">Save</button>
      </form>
    <//>
  `;
}

function Remove({ person, onDone }) {
  const { providers } = useProviders();
  const [mapped, setMapped] = useState(null);
  const [problem, setProblem] = useState(null);
  const [isBusy, setBusy] = useState(false);
  useEffect(() => {
    const stop = new AbortController();
    const query = new URLSearchParams({ offset: 0, limit: 50, q: person.email });
    call("GET", `/api/admin/connections/user-mappings?${query}`, undefined, { signal: stop.signal })
      .then(({ users }) =>
        setMapped(Object.keys(users.find(({ person_id }) => person_id === person.id)?.external_ids ?? {})),
      )
      .catch((refusal) => refusal.name === "AbortError" || setMapped([]));
    return () => stop.abort();
  }, []);
  const remove = async () => {
    setBusy(true);
    try {
      await call("DELETE", `${PATH}/${encodeURIComponent(person.id)}`);
      onDone(`${person.name} was removed.`);
    } catch (refusal) {
      setProblem(refusal);
      setBusy(false);
    }
  };
  const actions = html`<${Button} onClick=${() => onDone()}>Cancel<//>
    <${Button} look="danger" isBusy=${isBusy} onClick=${remove}>Remove ${person.name}<//>`;
  const titles = mapped?.map((id) => titleOf(providers, id)) ?? [];
  return html`
    <${Dialog} title=${`Remove ${person.name}?`} onClose=${() => onDone()} actions=${actions}>
      ${problem && html`<${Notice} problem=${problem} />`}
      <p>${person.email} and all of their mappings are removed from Jackfield. This cannot be undone.</p>
      <p role="status">${
        mapped === null
          ? "Checking which accounts are mapped…"
          : titles.length
            ? `Currently mapped: ${list(titles)}. The accounts themselves are not changed.`
            : person.active
              ? "No account is mapped to them."
              : "Accounts that were mapped before they became inactive are unmapped too."
      }</p>
      ${person.active && html`<p
        class="muted">If they may come back, make them inactive instead: their mappings are kept.</p>`}
    <//>
  `;
}
