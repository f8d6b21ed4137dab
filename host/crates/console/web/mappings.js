// One table of people and their accounts: each cell is chosen by typing, and every change can be taken back.
import { call } from "./api.js";
import { useConnected } from "./connected.js";
import { directoryOf, useNames } from "./directory.js";
import { useEvents } from "./events.js";
import { narrow, useDropped, useTyped } from "./filters.js";
import { plural } from "./format.js";
import { MappingsImport } from "./import_mappings.js";
import { Picker } from "./picker.js";
import { connectionPath } from "./router.js";
import { Rows } from "./rows.js";
import { download } from "./transfer.js";
import { Button, Drop, Empty, Field, Notice, Page, Progress, toast } from "./ui.js";
import { html, useMemo, useRef, useState } from "./vendor/preact.js";

const PATH = "/api/admin/connections/user-mappings";

export default function Mappings({ route }) {
  const { query } = route;
  const { connected: providers, problem, reload } = useConnected();
  const [file, setFile] = useState(null);
  const isOver = useDropped(setFile);
  const empty = html`<${Empty} icon="plug" title="Nothing is connected yet"
    action=${html`<${Button} look="primary" to="/">Connect a service<//>`}>
    Once a service is connected, everyone is listed here with their accounts.<//>`;
  return html`
    <${Page} title="Mappings" lead="Who has which account, in every connected service.">
      ${problem && html`<${Notice} problem=${problem} onRetry=${reload} />`}
      ${!providers && !problem && html`<${Progress} label="Loading…" />`}
      ${providers && (providers.length ? html`<${Table} ...${{ providers, query, setFile, isOver }} />` : empty)}
      ${file && html`<${MappingsImport} file=${file} providers=${providers ?? []} onClose=${() => setFile(null)} />`}
    <//>
  `;
}

function Table({ providers, query, setFile, isOver }) {
  const [typed, setTyped] = useTyped(query, "q");
  const [stale, setStale] = useState(0);
  const [total, setTotal] = useState(null);
  const [problem, setProblem] = useState(null);
  const [isWriting, setWriting] = useState(false);
  const rows = useRef(null);
  useEvents({ mappings: true }, () => setStale((count) => count + 1));

  const set = (person, provider, id) =>
    rows.current.update((row) => {
      if (row.person_id !== person.person_id) return row;
      return { ...row, external_ids: { ...row.external_ids, [provider.id]: id ?? undefined } };
    });

  // Gives an account to a person, or with none takes theirs away. What is shown changes at once, and back if refused.
  const give = async (person, provider, user, before) => {
    setProblem(null);
    set(person, provider, user?.external_id);
    const path = `${PATH}/${encodeURIComponent(person.person_id)}`;
    try {
      if (user) await call("PUT", path, { provider: provider.id, external_id: user.external_id });
      else await call("DELETE", `${path}/${encodeURIComponent(provider.id)}`);
      const directory = directoryOf(provider.id);
      if (before) directory.given(before, null);
      if (user) directory.given(user.external_id, { id: person.person_id, name: person.name });
      const undo = () => give(person, provider, before && { external_id: before }, user?.external_id ?? null);
      const words = user
        ? `${person.name} is now ${user.name || user.external_id} at ${provider.title}.`
        : `${person.name} is no longer mapped at ${provider.title}.`;
      toast(words, "ok", { label: "Undo", run: undo });
    } catch (refusal) {
      set(person, provider, before);
      const wanted = user
        ? `${user.name || user.external_id} was not mapped to ${person.name}`
        : `${person.name} is still mapped`;
      setProblem({ refusal, title: wanted, why: user && refusal.errors?.[0]?.message });
    }
  };

  const names = useNames(providers);
  const columns = useMemo(() => [PERSON, ...providers.map((provider) => column(provider, give))], [providers, names]);
  const filter =
    query.state && providers.some(({ id }) => id === query.provider) ? `${query.state} ${query.provider}` : "all";
  const narrowed = new URLSearchParams();
  if (query.q) narrowed.set("q", query.q);
  if (filter !== "all") {
    narrowed.set("provider", query.provider);
    narrowed.set("state", query.state);
  }
  const load = async (offset, limit, options) => {
    const page = await call("GET", `${PATH}?offset=${offset}&limit=${limit}&${narrowed}`, undefined, options);
    setTotal(page.total);
    return { rows: page.users, total: page.total };
  };
  const choices = [{ value: "all", label: "Everyone" }];
  for (const { id, title } of providers) {
    choices.push(
      { value: `unmapped ${id}`, label: `Without ${title}` },
      { value: `mapped ${id}`, label: `With ${title}` },
    );
  }
  const choose = (value) => {
    const [state, provider] = value === "all" ? ["", ""] : value.split(" ");
    narrow(query, { state, provider });
  };
  const write = async () => {
    setWriting(true);
    await download(PATH, "mappings").catch((refusal) => setProblem({ refusal, title: "The file could not be created" }));
    setWriting(false);
  };
  const isNarrowed = [...narrowed].length > 0;
  const matched = providers.filter(({ users }) => users);

  return html`
    <div class="toolbar">
      <${Field} label="Search people" kind="search" placeholder="Name or email" value=${typed} onInput=${setTyped} />
      <${Field} label="Show" kind="choice" required=${true} choices=${choices} value=${filter} onInput=${choose} />
      <p class="count muted" role="status">${total === null ? "" : plural(total, "person", "people")}</p>
      <${Button} icon="download" isBusy=${isWriting} onClick=${write}>Export CSV<//>
    </div>
    ${
      matched.length > 0 &&
      html`<p class="row links">
      <span class="muted">Match by email:</span>
      ${matched.map(
        ({ id, title }) => html`<${Button} key=${id} look="quiet" icon="link" to=${connectionPath(id, "match")}
        aria-label=${`Match ${title}`}>${title}<//>`,
      )}
    </p>`
    }
    ${
      problem &&
      html`<${Notice} problem=${problem.refusal} isBrief=${Boolean(problem.why)}
      title=${problem.title} means=${problem.why ? `This account ${problem.why}.` : undefined}
      todo=${problem.why ? "Unmap it there first, or choose another account." : undefined}
      action=${html`<${Button} onClick=${() => setProblem(null)}>Close<//>`} />`
    }
    <${Rows} label="People and their accounts" columns=${columns} load=${load} query=${narrowed.toString()}
      stale=${stale}
      handle=${rows} empty=${html`<${Nobody} isNarrowed=${isNarrowed} />`} />
    <p class="muted small keys">Arrow keys move; typing or Enter chooses an account, Delete removes it.</p>
    <${Drop} label="Choose a CSV file" accept=".csv,text/csv" onFile=${setFile}
      help="or drop one on this page. Columns: email, and one for each service. You review the changes first." />
    ${isOver && html`<div class="veil" aria-hidden="true">Drop the file to review its changes</div>`}
  `;
}

function Nobody({ isNarrowed }) {
  if (isNarrowed) return html`<${Empty} icon="search" title="No matches">Change the search or the filter.<//>`;
  return html`<${Empty} icon="people" title="No people yet" action=${html`<${Button} look="primary"
    to="/people">Add people<//>`}>
    Add people one by one, or all at once from a CSV file.<//>`;
}

const PERSON = {
  key: "person",
  title: "Person",
  width: 15,
  cell: (row) => html`<span class="two"><span>${row.name}</span><span class="muted small">${row.email}</span></span>`,
};

function column(provider, give) {
  const current = (row) => row.external_ids?.[provider.id] ?? null;
  return {
    key: provider.id,
    title: provider.title,
    width: 11,
    cell: (row) => html`<${Account} id=${current(row)} provider=${provider.id} />`,
    edit: (
      row,
      { text, done },
    ) => html`<${Picker} provider=${provider.id} title=${provider.title} person=${row} text=${text}
      current=${current(row)} done=${done} onPick=${(user) => give(row, provider, user, current(row))}
      onClear=${() => give(row, provider, null, current(row))} />`,
    clear: (row) => current(row) && give(row, provider, null, current(row)),
  };
}

function Account({ id, provider }) {
  if (!id) return html`<span class="muted" aria-hidden="true">–</span><span class="unseen">not mapped</span>`;
  const user = directoryOf(provider).byId.get(id);
  if (!user?.name) return html`<span class="mono">${id}</span>`;
  return html`<span class="two"><span>${user.name}</span><span class="muted small mono">${id}</span></span>`;
}
