// The page of all mappings: a table of people and their accounts. Typing chooses an account; each change can be undone.
import { call } from "./api.js";
import { useConnectedProviders } from "./connected_providers.js";
import { DataGrid } from "./data_grid.js";
import { useEvents } from "./events.js";
import { useFileDrop } from "./file_drop.js";
import { formatCount } from "./format.js";
import { ImportMappings } from "./import_mappings.js";
import { connectionPath } from "./router.js";
import { downloadCsv } from "./transfer.js";
import { Button, EmptyState, Field, FileDrop, Notice, Page, Progress, showToast } from "./ui.js";
import { setFilters, useTypedFilter } from "./url_filters.js";
import { getDirectory, useUserNames } from "./user_directory.js";
import { UserPicker } from "./user_picker.js";
import { html, useMemo, useRef, useState } from "./vendor/preact.js";

const PATH = "/api/admin/connections/user-mappings";

export default function Mappings({ route }) {
  const { query } = route;
  const { providers, problem, reload } = useConnectedProviders();
  const [file, setFile] = useState(null);
  const isOver = useFileDrop(setFile);
  const empty = html`<${EmptyState} icon="plug" title="Nothing is connected yet"
    action=${html`<${Button} look="primary" to="/">Connect a service<//>`}>
    Once a service is connected, all people are listed here with their accounts.<//>`;
  return html`
    <${Page} title="Mappings" lead="The accounts of your people in each connected service.">
      ${problem && html`<${Notice} problem=${problem} onRetry=${reload} />`}
      ${!providers && !problem && html`<${Progress} label="Loading…" />`}
      ${providers && (providers.length ? html`<${Table} ...${{ providers, query, setFile, isOver }} />` : empty)}
      ${file && html`<${ImportMappings} file=${file} providers=${providers ?? []} onClose=${() => setFile(null)} />`}
    <//>
  `;
}

function Table({ providers, query, setFile, isOver }) {
  const [typed, setTyped] = useTypedFilter(query, "q");
  const [stale, setStale] = useState(0);
  const [total, setTotal] = useState(null);
  const [problem, setProblem] = useState(null);
  const [isExporting, setExporting] = useState(false);
  const grid = useRef(null);
  useEvents({ mappings: true }, () => setStale((count) => count + 1));
  const { setAccount, undo } = useAccounts(grid, setProblem);
  const names = useUserNames(providers);
  const columns = useMemo(
    () => [PERSON, ...providers.map((provider) => getColumn(provider, setAccount))],
    [providers, names],
  );
  const { filter, parameters } = readFilter(query, providers);
  const load = async (offset, limit, options) => {
    const page = await call("GET", `${PATH}?offset=${offset}&limit=${limit}&${parameters}`, undefined, options);
    setTotal(page.total);
    return { rows: page.users, total: page.total };
  };
  const choose = (value) => {
    const [state, provider] = value === "all" ? ["", ""] : value.split(" ");
    setFilters(query, { state, provider });
  };
  const exportCsv = async () => {
    setExporting(true);
    await downloadCsv(PATH, "mappings").catch((rejection) =>
      setProblem({ rejection, title: "The file could not be created" }),
    );
    setExporting(false);
  };
  return html`
    <div class="toolbar">
      <${Field} label="Search people" kind="search" placeholder="Name or email" value=${typed} onInput=${setTyped} />
      <${Field} label="Show" kind="choice" required=${true} choices=${listChoices(providers)} value=${filter}
        onInput=${choose} />
      <p class="count muted" role="status">${total === null ? "" : formatCount(total, "active person", "active people")}</p>
      <${Button} icon="download" isBusy=${isExporting} onClick=${exportCsv}>${parameters ? "Export all as CSV" : "Export CSV"}<//>
    </div>
    <${MatchLinks} providers=${providers} />
    ${problem && html`<${Rejection} problem=${problem} onClose=${() => setProblem(null)} />`}
    <${DataGrid} label="People and their accounts" columns=${columns} load=${load} query=${parameters} stale=${stale}
      handle=${grid} onUndo=${undo} empty=${html`<${NoPeople} isFiltered=${parameters !== ""} />`} />
    <p class="muted small keys">Use the arrow keys to move. Type or press Enter to choose an account, and Delete to
      remove it. Ctrl+Z undoes your changes one by one.</p>
    <${FileDrop} label="Choose a CSV file" accept=".csv,text/csv" onFile=${setFile}
      help="or drop one on this page. Columns: email, and one for each service. You can review the changes first." />
    ${isOver && html`<div class="veil" aria-hidden="true">Drop the file to review its changes</div>`}
  `;
}

/**
 * Returns `{setAccount, undo}`. `setAccount(person, provider, user, before)` maps an account to a person, or none. The
 * table shows the change at once, and the account `before` again if the service rejects it. `undo` undoes the last change
 * that is not undone yet.
 */
function useAccounts(grid, setProblem) {
  const changes = useRef([]);
  const show = (person, provider, id) =>
    grid.current.update((row) => {
      if (row.person_id !== person.person_id) return row;
      return { ...row, external_ids: { ...row.external_ids, [provider.id]: id ?? undefined } };
    });
  /** Returns whether the service accepted the change. */
  const apply = async ({ person, provider, user, before }) => {
    setProblem(null);
    show(person, provider, user?.external_id);
    const path = `${PATH}/${encodeURIComponent(person.person_id)}`;
    const userName = user && (user.name || user.external_id);
    try {
      if (user) await call("PUT", path, { provider: provider.id, external_id: user.external_id });
      else await call("DELETE", `${path}/${encodeURIComponent(provider.id)}`);
      const directory = getDirectory(provider.id);
      if (before) directory.setPerson(before, null);
      if (user) directory.setPerson(user.external_id, { id: person.person_id, name: person.name });
      return true;
    } catch (rejection) {
      show(person, provider, before);
      const title = user ? `${userName} was not mapped to ${person.name}` : `${person.name} is still mapped`;
      setProblem({ rejection, title, reason: user && rejection.errors?.[0]?.message });
      return false;
    }
  };
  const setAccount = async (person, provider, user, before) => {
    const change = { person, provider, user, before };
    if (!(await apply(change))) return;
    changes.current.push(change);
    showToast(describeChange(change), "ok", { label: "Undo", run: () => undo().then(() => grid.current.focus()) });
  };
  const undo = async () => {
    const last = changes.current.pop();
    if (!last) return;
    const { person, provider, user, before } = last;
    const previous = before && (getDirectory(provider.id).byId.get(before) ?? { external_id: before });
    const change = { person, provider, user: previous, before: user?.external_id ?? null };
    if (await apply(change)) showToast(`Undone: ${describeChange(change)}`);
  };
  return { setAccount, undo };
}

function describeChange({ person, provider, user }) {
  if (!user) return `${person.name} is no longer mapped at ${provider.title}.`;
  const id = user.email ?? user.external_id;
  const account = user.name && user.name !== id ? `${user.name} (${id})` : id;
  return `${person.name} is mapped to ${account} at ${provider.title}.`;
}

/** Returns the filter of the address: the value of its choice, and the parameters of the API. */
function readFilter(query, providers) {
  const isValid = query.state && providers.some(({ id }) => id === query.provider);
  const parameters = new URLSearchParams({
    ...(query.q && { q: query.q }),
    ...(isValid && { provider: query.provider, state: query.state }),
  }).toString();
  return { filter: isValid ? `${query.state} ${query.provider}` : "all", parameters };
}

const listChoices = (providers) => [
  { value: "all", label: "Everyone" },
  ...providers.flatMap(({ id, title }) => [
    { value: `unmapped ${id}`, label: `Without ${title}` },
    { value: `mapped ${id}`, label: `With ${title}` },
  ]),
];

function MatchLinks({ providers }) {
  const matchable = providers.filter(({ hasUsers }) => hasUsers);
  if (!matchable.length) return null;
  return html`<p class="row links">
    <span class="muted">Match by email:</span>
    ${matchable.map(
      ({ id, title }) => html`<${Button} key=${id} look="quiet" icon="link" to=${connectionPath(id, "match")}
      aria-label=${`Match ${title}`}>${title}<//>`,
    )}
  </p>`;
}

function Rejection({ problem: { rejection, title, reason }, onClose }) {
  return html`<${Notice} problem=${rejection} isBrief=${Boolean(reason)} title=${title}
    means=${reason ? `This account ${reason}.` : undefined}
    todo=${reason ? "Remove that mapping first, or choose another account." : undefined}
    action=${html`<${Button} onClick=${onClose}>Close<//>`} />`;
}

function NoPeople({ isFiltered }) {
  if (isFiltered) return html`<${EmptyState} icon="search" title="No matches">Change the search or the filter.<//>`;
  return html`<${EmptyState} icon="people" title="No people yet" action=${html`<${Button} look="primary"
    to="/people">Add people<//>`}>
    Add people one by one, or all at once from a CSV file.<//>`;
}

const PERSON = {
  key: "person",
  title: "Person",
  width: 13,
  cell: (row) => html`<span class="two"><span>${row.name}</span><span class="muted small">${row.email}</span></span>`,
};

function getColumn(provider, setAccount) {
  const current = (row) => row.external_ids?.[provider.id] ?? null;
  return {
    key: provider.id,
    title: provider.title,
    width: 7.75,
    cell: (row) => html`<${Account} id=${current(row)} provider=${provider.id} />`,
    edit: (
      row,
      { text, done },
    ) => html`<${UserPicker} provider=${provider.id} title=${provider.title} person=${row} text=${text}
      current=${current(row)} done=${done} onPick=${(user) => setAccount(row, provider, user, current(row))}
      onClear=${() => setAccount(row, provider, null, current(row))} />`,
    clear: (row) => current(row) && setAccount(row, provider, null, current(row)),
  };
}

function Account({ id, provider }) {
  if (!id) return html`<span class="muted" aria-hidden="true">–</span><span class="visually-hidden">not mapped</span>`;
  const user = getDirectory(provider).byId.get(id);
  if (!user?.name) return html`<span class="mono">${id}</span>`;
  return html`<span class="two"><span>${user.name}</span><span class="muted small mono">${id}</span></span>`;
}
