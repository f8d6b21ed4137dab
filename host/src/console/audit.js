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
  "connection.connect": "connected",
  "connection.update": "changed the connection",
  "connection.account": "chose the organisation",
  "connection.alerts": "set the alerts' address",
  "connection.disconnect": "disconnected",
  "provider.oauth_app": "set the OAuth app",
  "provider.add": "sent a plugin in",
  "provider.approve": "approved the plugin",
  "provider.disable": "paused the plugin",
  "provider.rollback": "went back to the version before",
  "provider.remove": "removed the plugin",
  "person.create": "added a person",
  "person.update": "changed a person",
  "person.delete": "removed a person",
  "people.import": "took people from a file",
  "mapping.set": "gave an account",
  "mapping.remove": "took an account away",
  "mappings.sync": "set accounts from a list",
  "mappings.match": "linked by a match",
  "mappings.undo": "took a match back",
  "token.create": "made a token",
  "token.revoke": "revoked a token",
  "session.start": "signed in",
  "session.end": "signed out",
  "session.refuse": "was not let in",
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
    <${Page} title="Audit" lead="Who did what to which connection. It can be added to and read, and never changed."
      actions=${html`<${Button} icon="download" isBusy=${isWriting} onClick=${write}>Export CSV<//>`}>
      <div class="toolbar narrow">
        <${Field} label="Service" kind="choice" required=${true} value=${query.provider ?? "all"}
          onInput=${set("provider")} choices=${[all("All"), ...known]} />
        <${Field} label="What" kind="choice" required=${true} value=${query.action ?? "all"} onInput=${set("action")}
          choices=${[all("Everything"), ...Object.entries(DID).map(([value, label]) => ({ value, label }))]} />
        <${Field} label="Outcome" kind="choice" required=${true} value=${query.outcome ?? "all"}
          onInput=${set("outcome")}
          choices=${[all("All"), { value: "done", label: "Done" }, { value: "refused", label: "Refused" }]} />
        <${Field} label="Who" kind="search" value=${actor} onInput=${setActor} placeholder="Name, exactly" />
        <${Field} label="From" type="date" value=${query.since ?? ""} onInput=${set("since")} />
        <${Field} label="Until" type="date" value=${query.until ?? ""} onInput=${set("until")} />
        ${
          isNarrowed &&
          html`<${Button} look="quiet" icon="close" onClick=${() => {
            setActor("");
            narrow({}, {});
          }}>Show all<//>`
        }
      </div>
      ${problem && html`<${Notice} problem=${problem} onRetry=${() => load()} />`}
      ${
        entries.length > 0 &&
        html`<div class="card flush"><div class="scroll" role="region" aria-label="Audit" tabindex="0"><table
          class="stacked" aria-busy=${isLoading ? "true" : "false"}>
        <caption class="unseen">Audit, newest first</caption>
        <thead><tr><th scope="col">When</th><th scope="col">Who</th><th scope="col">What</th><th
          scope="col">Service</th><th scope="col">Outcome</th><th scope="col">Where from</th></tr></thead>
        <tbody>${entries.map((entry) => html`<${Line} key=${entry.seq} entry=${entry}
          providers=${providers} />`)}</tbody>
      </table></div></div>`
      }
      ${
        !entries.length &&
        !isLoading &&
        !problem &&
        html`<${Empty} icon="list" title=${isNarrowed ? "Nothing like that" : "Nothing yet"}>
        ${isNarrowed ? "Nobody did that in this time." : "What anybody changes is written down here."}<//>`
      }
      ${isLoading && html`<${Progress} label="Loading …" />`}
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
    <td>${DID[action] ?? action}${detail && html`<br /><span class="muted small">${detail}</span>`}</td>
    <td>${provider ? titleOf(providers, provider) : html`<span class="muted">–</span>`}</td>
    <td><${Status} kind=${outcome === "done" ? "ok" : "bad"} word=${outcome === "done" ? "Done" : "Refused"} /></td>
    <td class="small muted">${origin ?? ""}${request_id && html`<br /><code
      title="Request id">${request_id}</code>`}</td>
  </tr>`;
}
