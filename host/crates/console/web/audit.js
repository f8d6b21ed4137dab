// Who did what, when and from where: narrowed by the address, read on backwards, given out as a file.
import { call } from "./api.js";
import { titleOf, useProviders } from "./data.js";
import { narrow, useTyped } from "./filters.js";
import { date } from "./format.js";
import { download } from "./transfer.js";
import { Button, Empty, Field, Notice, Page, Progress, Status, Time } from "./ui.js";
import { html, useEffect, useRef, useState } from "./vendor/preact.js";

const PATH = "/api/admin/audit";
const PAGE = 100;
const DID = {
  "connection.connect": "Connected",
  "connection.update": "Changed the connection",
  "connection.account": "Chose the organisation",
  "connection.alerts": "Set the alerts' URL",
  "connection.disconnect": "Disconnected",
  "provider.oauth_app": "Set up the OAuth app",
  "provider.add": "Uploaded a plugin",
  "provider.approve": "Approved the plugin",
  "provider.disable": "Paused the plugin",
  "provider.rollback": "Went back to the previous version",
  "provider.remove": "Removed the plugin",
  "person.create": "Added a person",
  "person.update": "Changed a person",
  "person.delete": "Removed a person",
  "people.import": "Imported people",
  "mapping.set": "Linked an account",
  "mapping.remove": "Unlinked an account",
  "mappings.sync": "Synced accounts from a list",
  "mappings.match": "Applied a match",
  "mappings.undo": "Undid a match",
  "token.create": "Created a token",
  "token.revoke": "Revoked a token",
  "session.start": "Signed in",
  "session.end": "Signed out",
  "session.refuse": "Was refused sign-in",
};
const FILTERS = ["provider", "actor", "action", "outcome", "since", "until"];

export default function Audit({ route }) {
  const { query } = route;
  const { providers } = useProviders();
  const [actor, setActor] = useTyped(query, "actor");
  const [state, setState] = useState({ entries: [], next: null, isLoading: true, problem: null });
  const [isWriting, setWriting] = useState(false);
  const stop = useRef(null);
  const asked = questions(query);

  const load = async (before) => {
    stop.current?.abort();
    const { signal } = (stop.current = new AbortController());
    setState((was) => ({ ...was, isLoading: true, problem: null }));
    try {
      const path = `${PATH}?${new URLSearchParams({ limit: PAGE, ...asked, ...(before && { before }) })}`;
      const page = await call("GET", path, undefined, { signal });
      setState((was) => ({
        entries: before ? [...was.entries, ...page.entries] : page.entries,
        next: page.next_before,
        isLoading: false,
        problem: null,
      }));
    } catch (problem) {
      if (problem.name !== "AbortError") setState((was) => ({ ...was, isLoading: false, problem }));
    }
  };
  useEffect(() => {
    load();
    return () => stop.current?.abort();
  }, [JSON.stringify(asked)]);

  const write = async () => {
    setWriting(true);
    await download(`${PATH}?${new URLSearchParams(asked)}`, "audit").catch((problem) =>
      setState((was) => ({ ...was, problem })),
    );
    setWriting(false);
  };
  const set = (name) => (value) => narrow(query, { [name]: value === "all" ? "" : value });
  const { entries, next, isLoading, problem } = state;
  const isNarrowed = FILTERS.some((name) => query[name]);
  const known = (providers ?? []).map(({ id, title }) => ({ value: id, label: title ?? id }));
  const all = (label) => ({ value: "all", label });
  return html`
    <${Page} title="Audit" lead="Who did what, when and from where. Entries are added and never changed."
      actions=${html`<${Button} icon="download" isBusy=${isWriting} onClick=${write}>Export CSV<//>`}>
      <div class="toolbar narrow">
        <${Field} label="Provider" kind="choice" required=${true} value=${query.provider ?? "all"}
          onInput=${set("provider")} choices=${[all("All"), ...known]} />
        <${Field} label="Action" kind="choice" required=${true} value=${query.action ?? "all"} onInput=${set("action")}
          choices=${[all("All"), ...Object.entries(DID).map(([value, label]) => ({ value, label }))]} />
        <${Field} label="Outcome" kind="choice" required=${true} value=${query.outcome ?? "all"}
          onInput=${set("outcome")}
          choices=${[all("All"), { value: "done", label: "Done" }, { value: "refused", label: "Refused" }]} />
        <${Field} label="Who" kind="search" value=${actor} onInput=${setActor} placeholder="Exact name" />
        <${Field} label="From" type="date" value=${query.since ?? ""} onInput=${set("since")} />
        <${Field} label="Until" type="date" value=${query.until ?? ""} onInput=${set("until")} />
        ${
          isNarrowed &&
          html`<${Button} look="quiet" icon="close" onClick=${() => {
            setActor("");
            narrow({}, {});
          }}>Clear filters<//>`
        }
      </div>
      ${problem && html`<${Notice} problem=${problem} onRetry=${() => load()} />`}
      ${
        entries.length > 0 &&
        html`<div class="card flush"><div class="scroll" role="region" aria-label="Audit" tabindex="0"><table
          class="stacked audit" aria-busy=${isLoading ? "true" : "false"}>
        <caption class="unseen">Audit, newest first</caption>
        <thead><tr><th scope="col">When</th><th scope="col">Who</th><th scope="col">Action</th><th
          scope="col">Provider</th><th scope="col">Outcome</th><th scope="col">Origin</th></tr></thead>
        <tbody>${entries.map((entry) => html`<${Line} key=${entry.seq} entry=${entry}
          providers=${providers} />`)}</tbody>
      </table></div></div>`
      }
      ${
        !entries.length &&
        !isLoading &&
        !problem &&
        html`<${Empty} icon="list" title=${isNarrowed ? "No matching entries" : "Nothing yet"}>
        ${isNarrowed ? "Change the filters to see more." : "Every change is recorded here."}<//>`
      }
      ${isLoading && html`<${Progress} label="Loading…" />`}
      ${!isLoading && next && html`<div class="row"><${Button} onClick=${() => load(next)}>Show older<//></div>`}
    <//>
  `;
}

/** The filters of the address, as the API takes them: days become moments, the last one whole. */
function questions(query) {
  const asked = {};
  for (const name of FILTERS) if (query[name]) asked[name] = query[name];
  for (const [name, time] of [
    ["since", "T00:00:00"],
    ["until", "T23:59:59.999"],
  ]) {
    const moment = new Date(`${asked[name]}${time}`);
    if (Number.isNaN(moment.getTime())) delete asked[name];
    else asked[name] = moment.toISOString();
  }
  return asked;
}

function Line({ entry, providers }) {
  const { at, actor, action, provider, outcome, detail, origin, request_id } = entry;
  return html`<tr>
    <td class="small"><${Time} at=${at} /><span class="unseen"> ${date(at)}</span></td>
    <td class="strong">${actor}</td>
    <td>${DID[action] ?? action}${detail && html`<br /><span class="muted small"><${Detail} text=${detail} /></span>`}</td>
    <td>${provider ? titleOf(providers, provider) : html`<span class="muted">–</span>`}</td>
    <td><${Status} kind=${outcome === "done" ? "ok" : "bad"} word=${outcome === "done" ? "Done" : "Refused"} /></td>
    <td class="small muted">${origin ?? ""}${request_id && html`<br /><code class="clipped"
      title=${`Request id ${request_id}`}>${request_id}</code>`}</td>
  </tr>`;
}

/** What was done in detail; an id in it takes no more room than it is worth. */
const Detail = ({ text }) =>
  text.split(/\b([0-9a-f]{64}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b/u).map((part, at) =>
    at % 2 ? html`<code class="clipped" title=${part}>${part}</code>` : part,
  );
