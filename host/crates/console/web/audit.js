// The page of the audit log: who did what, when and from where. Filters are in the address; it can be exported.
import { call } from "./api.js";
import { formatDate } from "./format.js";
import { getTitle, titleOf, usePlugins } from "./live_lists.js";
import { explainCode } from "./problems.js";
import { downloadCsv } from "./transfer.js";
import { Button, EmptyState, Field, Notice, Page, Progress, Status, Time } from "./ui.js";
import { setFilters, useTypedFilter } from "./url_filters.js";
import { html, useEffect, useRef, useState } from "./vendor/preact.js";

const PATH = "/api/admin/audit";
const PAGE = 100;
/** Each action of the audit log: what was done, and if it can be refused, what somebody tried to do. */
const ACTIONS = {
  "connection.connect": ["Connected", "connect"],
  "connection.update": ["Changed the connection", "change the connection"],
  "connection.account": ["Chose the organisation", "choose the organisation"],
  "connection.alerts": ["Set the URL for alerts", "set the URL for alerts"],
  "connection.disconnect": ["Disconnected", "disconnect"],
  "provider.oauth_app": ["Set up the OAuth app", "set up the OAuth app"],
  "provider.add": ["Uploaded a plugin", "upload a plugin"],
  "provider.approve": ["Approved the plugin", "approve the plugin"],
  "provider.disable": ["Paused the plugin", "pause the plugin"],
  "provider.rollback": ["Went back to the previous version", "go back to the previous version"],
  "provider.remove": ["Removed the plugin", "remove the plugin"],
  "provider.secret_guess": ["Sent a secret and was stopped"],
  "person.create": ["Added a person", "add a person"],
  "person.update": ["Changed a person", "change a person"],
  "person.delete": ["Removed a person", "remove a person"],
  "people.import": ["Imported people", "import people"],
  "mapping.set": ["Mapped an account", "map an account"],
  "mapping.remove": ["Removed a mapping", "remove a mapping"],
  "mappings.sync": ["Set mappings from a list", "set mappings from a list"],
  "mappings.match": ["Applied a match", "apply a match"],
  "mappings.undo": ["Undid a match", "undo a match"],
  "token.create": ["Created a token", "create a token"],
  "token.revoke": ["Revoked a token", "revoke a token"],
  "token.adopt": ["Authenticated a token of an older version", "authenticate a token of an older version"],
  "signin_link.create": ["Created a sign-in link", "create a sign-in link"],
  "session.sign_in": ["Signed in", "sign in"],
  "session.sign_out": ["Signed out", "sign out"],
  "session.sign_out_everywhere": ["Signed out everywhere", "sign out everywhere"],
};
const OUTCOMES = [
  { value: "done", label: "Done" },
  { value: "refused", label: "Not done" },
];
const FILTERS = ["provider", "actor", "action", "outcome", "since", "until"];

export default function Audit({ route }) {
  const { query } = route;
  const { plugins } = usePlugins();
  const filters = toApiFilters(query);
  const { entries, next, isLoading, problem, load, setProblem } = useEntries(filters);
  const [isExporting, setExporting] = useState(false);
  const exportCsv = async () => {
    setExporting(true);
    await downloadCsv(`${PATH}?${new URLSearchParams(filters)}`, "audit").catch(setProblem);
    setExporting(false);
  };
  const isFiltered = FILTERS.some((name) => query[name]);
  return html`
    <${Page} title="Audit" lead="Who did what, when and from where. Entries are never changed."
      actions=${html`<${Button} icon="download" isBusy=${isExporting} onClick=${exportCsv}>Export CSV<//>`}>
      <${Filters} ...${{ query, plugins, isFiltered }} />
      ${problem && html`<${Notice} problem=${problem} onRetry=${() => load()} />`}
      ${entries.length > 0 && html`<${EntryTable} ...${{ entries, plugins, isLoading }} />`}
      ${
        !entries.length &&
        !isLoading &&
        !problem &&
        html`<${EmptyState} icon="list" title=${isFiltered ? "No matching entries" : "Nothing yet"}>
        ${isFiltered ? "Change the filters to see more." : "Every change is recorded here."}<//>`
      }
      ${isLoading && html`<${Progress} label="Loading…" />`}
      ${!isLoading && next && html`<div class="row"><${Button} onClick=${() => load(next)}>Show older<//></div>`}
    <//>
  `;
}

/** Loads entries, newest first. `load(next)` appends older ones. */
function useEntries(filters) {
  const [state, setState] = useState({ entries: [], next: null, isLoading: true, problem: null });
  const abort = useRef(null);
  const load = async (before) => {
    abort.current?.abort();
    const { signal } = (abort.current = new AbortController());
    setState((old) => ({ ...old, isLoading: true, problem: null }));
    try {
      const path = `${PATH}?${new URLSearchParams({ limit: PAGE, ...filters, ...(before && { before }) })}`;
      const page = await call("GET", path, undefined, { signal });
      setState((old) => ({
        entries: before ? [...old.entries, ...page.entries] : page.entries,
        next: page.next_before,
        isLoading: false,
        problem: null,
      }));
    } catch (problem) {
      if (problem.name !== "AbortError") setState((old) => ({ ...old, isLoading: false, problem }));
    }
  };
  useEffect(() => {
    load();
    return () => abort.current?.abort();
  }, [JSON.stringify(filters)]);
  const setProblem = (problem) => setState((old) => ({ ...old, problem }));
  return { ...state, load, setProblem };
}

function Filters({ query, plugins, isFiltered }) {
  const [actor, setActor] = useTypedFilter(query, "actor");
  const set = (name) => (value) => setFilters(query, { [name]: value === "all" ? "" : value });
  const clear = () => {
    setActor("");
    setFilters({}, {});
  };
  const all = { value: "all", label: "All" };
  const providers = (plugins ?? []).map(({ id, title }) => ({ value: id, label: getTitle({ id, title }) }));
  const actions = Object.entries(ACTIONS).map(([value, [label]]) => ({ value, label }));
  const choices = [
    ["provider", "Provider", providers],
    ["action", "Action", actions],
    ["outcome", "Outcome", OUTCOMES],
  ];
  return html`
    <div class="toolbar narrow">
      ${choices.map(
        ([name, label, values]) => html`<${Field} key=${name} label=${label} kind="choice" required=${true}
          value=${query[name] ?? "all"} onInput=${set(name)} choices=${[all, ...values]} />`,
      )}
      <${Field} label="Who" kind="search" value=${actor} onInput=${setActor} placeholder="Exact name" />
      <${Field} label="From" type="date" value=${query.since ?? ""} onInput=${set("since")} />
      <${Field} label="Until" type="date" value=${query.until ?? ""} onInput=${set("until")} />
      ${isFiltered && html`<${Button} look="quiet" icon="close" onClick=${clear}>Clear filters<//>`}
    </div>
  `;
}

const EntryTable = ({ entries, plugins, isLoading }) => html`
  <div class="card flush"><div class="scroll" role="region" aria-label="Audit" tabindex="0">
    <table class="stacked audit" aria-busy=${isLoading ? "true" : "false"}>
      <caption class="visually-hidden">Audit, newest first</caption>
      <thead><tr><th scope="col">When</th><th scope="col">Who</th><th scope="col">Action</th><th
        scope="col">Provider</th><th scope="col">Outcome</th><th scope="col">Origin</th></tr></thead>
      <tbody>${entries.map((entry) => html`<${Entry} key=${entry.seq} entry=${entry} plugins=${plugins} />`)}</tbody>
    </table>
  </div></div>
`;

/** Converts the filters of the address to those of the API: dates become times, including the whole last day. */
function toApiFilters(query) {
  const filters = {};
  for (const name of FILTERS) if (query[name]) filters[name] = query[name];
  for (const [name, time] of [
    ["since", "T00:00:00"],
    ["until", "T23:59:59.999"],
  ]) {
    const limit = new Date(`${filters[name]}${time}`);
    if (Number.isNaN(limit.getTime())) delete filters[name];
    else filters[name] = limit.toISOString();
  }
  return filters;
}

function Entry({ entry, plugins }) {
  const { at, actor, action, provider, outcome, detail, person_name: person, origin, request_id } = entry;
  const [done, tried] = ACTIONS[action] ?? [action];
  const isDone = outcome === "done";
  return html`<tr>
    <td class="small"><${Time} at=${at} /><br /><span class="muted nowrap">${formatDate(at)}</span></td>
    <td class="strong">${actor}</td>
    <td>${isDone || !tried ? done : `Tried to ${tried}`}${detail && html`<br /><span class="muted small"><${Detail}
      text=${isDone ? detail : explainCode(detail)} person=${person} /></span>`}</td>
    <td class=${provider ? undefined : "none"}>${provider
      ? titleOf(plugins, provider)
      : html`<span class="muted">–</span>`}</td>
    <td><${Status} kind=${isDone ? "ok" : "bad"} word=${isDone ? "Done" : "Not done"} /></td>
    <td class="small muted">${origin ?? ""}${request_id && html`<br /><code class="clipped"
      title=${`Request id ${request_id}`}>${request_id}</code>`}</td>
  </tr>`;
}

const PLAN = /^plan [0-9a-f-]{36}: /u;
const DIGEST_OR_ID = /\b([0-9a-f]{64}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b/u;

/**
 * The detail of an entry. Digests and ids in it are cut off on the screen, and copied in full; a person's id is shown as
 * their name.
 */
const Detail = ({ text, person }) =>
  text.replace(PLAN, "").split(DIGEST_OR_ID).map((part, at) =>
    at === 1 && person
      ? html`<span title=${part}>${person}</span>`
      : at % 2
        ? html`<code class="clipped" title=${part}>${part}</code>`
        : part,
  );
