// Whom a provider knows: a page at a time, searched, with who is mapped to a person here and who is not.
import { call, Problem } from "./api.js";
import { useConnections, useProviders } from "./data.js";
import { folded, number, plural } from "./format.js";
import { connectionPath, go, Link } from "./router.js";
import { Button, Empty, Field, Notice, Page, Progress, Status, useSlow } from "./ui.js";
import { html, useEffect, useRef, useState } from "./vendor/preact.js";

const LIMIT = 100;
const WALK_LIMIT = 200;
/** Found ones that are shown; who looks for one person needs no more. */
const MOST_FOUND = 500;

const matches = (user, wanted) => folded(`${user.name} ${user.email ?? ""} ${user.external_id}`).includes(wanted);

function pagePath(provider, cursor, limit) {
  const query = new URLSearchParams({ limit, with: "person", ...(cursor && { cursor }) });
  return `/api/admin/connections/${encodeURIComponent(provider)}/users?${query}`;
}

function Rows({ users, provider, title }) {
  const unmapped = `/mappings?${new URLSearchParams({ provider, state: "unmapped" })}`;
  return html`
    <div class="card flush"><div class="scroll">
      <table class="stacked">
        <caption class="unseen">Users of ${title}</caption>
        <thead><tr>
          <th scope="col">Name</th><th scope="col">Email</th><th scope="col">At ${title}</th><th scope="col">Person</th>
        </tr></thead>
        <tbody>
          ${users.map((user) => html`
            <tr key=${user.external_id}>
              <td><span class="strong">${user.name}</span></td>
              <td class="muted">${user.email ?? "no email"}</td>
              <td>${user.active ? html`<span class="muted">Active</span>` : html`<${Status} kind="off" word="Inactive" />`}</td>
              <td>${user.person
                ? html`<${Link} to=${`/mappings?${new URLSearchParams({ q: user.person.name })}`}>${user.person.name}<//>`
                : html`<${Link} to=${unmapped} class="muted">
                    Not mapped<span class="unseen">: ${user.name}. Map this user</span><//>`}</td>
            </tr>
          `)}
        </tbody>
      </table>
    </div></div>
  `;
}

/** Goes through every page of the provider, and keeps who fits. Gives back how to stop. */
function walk(provider, fits, onStep) {
  const abort = new AbortController();
  const found = [];
  let seen = 0;
  (async () => {
    let cursor = null;
    try {
      do {
        const page = await call("GET", pagePath(provider, cursor, WALK_LIMIT), undefined, { signal: abort.signal });
        seen += page.users.length;
        found.push(...page.users.filter(fits).slice(0, MOST_FOUND - found.length));
        cursor = page.next_cursor;
        onStep({ found: [...found], seen, isOver: !cursor || found.length >= MOST_FOUND });
      } while (cursor && found.length < MOST_FOUND);
    } catch (problem) {
      if (problem.name !== "AbortError") onStep({ found: [...found], seen, isOver: true, problem });
    }
  })();
  return () => {
    abort.abort();
    onStep({ found: [...found], seen, isOver: true, isStopped: true });
  };
}

function Search({ provider, title, wanted, only }) {
  const [step, set] = useState({ found: [], seen: 0, isOver: false });
  const stop = useRef(() => {});
  useEffect(() => {
    let isHere = true;
    set({ found: [], seen: 0, isOver: false });
    const fits = (user) => (!wanted || matches(user, wanted)) && (!only || Boolean(user.person) === (only === "mapped"));
    stop.current = walk(provider, fits, (next) => isHere && set(next));
    return () => {
      isHere = false;
      stop.current();
    };
  }, [provider, wanted, only]);
  const { found, seen, isOver, isStopped, problem } = step;
  return html`
    ${!isOver && html`<${Progress} label=${`${number(seen)} checked, ${number(found.length)} found…`}>
      <div><${Button} onClick=${() => stop.current()}>Stop<//></div><//>`}
    ${isOver && html`<p class="muted" role="status">${found.length >= MOST_FOUND
      ? `Showing the first ${number(MOST_FOUND)}. Refine the search to narrow it down.`
      : `${plural(found.length, "user")} found among ${number(seen)}${isStopped ? " (stopped early)" : ""}.`}</p>`}
    ${problem && html`<${Notice} problem=${problem} />`}
    ${found.length > 0 && html`<${Rows} users=${found} provider=${provider} title=${title} />`}
    ${isOver && !found.length && !problem && html`<${Empty} icon="search" title="No users found">
      No name, email or ID at ${title} matches.<//>`}
  `;
}

/** One page after another, each as the provider gives it. */
function Pages({ provider, title }) {
  // The cursors of the pages so far; the last one is shown.
  const [cursors, setCursors] = useState([null]);
  const [page, setPage] = useState(null);
  const [problem, setProblem] = useState(null);
  const [isBusy, setBusy] = useState(true);
  const [round, retry] = useState(0);
  const isSlow = useSlow(isBusy);
  const top = useRef(null);
  const cursor = cursors.at(-1);
  useEffect(() => {
    const abort = new AbortController();
    setBusy(true);
    setProblem(null);
    call("GET", pagePath(provider, cursor, LIMIT), undefined, { signal: abort.signal })
      .then(setPage)
      .catch((failure) => failure.name !== "AbortError" && setProblem(failure))
      .finally(() => abort.signal.aborted || setBusy(false));
    return () => abort.abort();
  }, [provider, cursor, round]);
  const turn = (next) => {
    setCursors(next);
    top.current?.scrollIntoView({ block: "nearest" });
  };
  if (problem) {
    const action = problem.code === "unsupported" || problem.code === "unknown_provider"
      ? html`<${Button} to="/">Go to connections<//>`
      : ["not_connected", "needs_reauth", "needs_choice", "permission_missing"].includes(problem.code) &&
        html`<${Button} look="primary" to=${connectionPath(provider)}>Go to ${title}<//>`;
    return html`<${Notice} problem=${problem} action=${action || undefined} onRetry=${() => retry(round + 1)} />`;
  }
  const users = page?.users ?? [];
  // Not `disabled`: that would take the focus away from who presses on.
  const canGoBack = cursors.length > 1 && !isBusy;
  const canGoOn = Boolean(page?.next_cursor) && !isBusy;
  return html`
    <div class="stack" ref=${top}>
      ${isSlow && html`<${Progress} label=${`Asking ${title} for its users…`} />`}
      ${users.length > 0 && html`<${Rows} users=${users} provider=${provider} title=${title} />`}
      ${page && !users.length && !isBusy && html`<${Empty} icon="people"
        title=${page.next_cursor ? "This page is empty" : "No users"}>
        ${page.next_cursor ? "The provider has more pages." : `${title} shows no users to this credential.`}<//>`}
      ${page && html`<nav class="row apart" aria-label="Pages of users">
        <${Button} icon="back" aria-disabled=${!canGoBack}
          onClick=${() => canGoBack && turn(cursors.slice(0, -1))}>Previous<//>
        <span class="muted small" role="status">Page ${cursors.length}</span>
        <${Button} icon="next" aria-disabled=${!canGoOn}
          onClick=${() => canGoOn && turn([...cursors, page.next_cursor])}>Next<//>
      </nav>`}
    </div>
  `;
}

const ONLY = [
  { value: "mapped", label: "Mapped" },
  { value: "unmapped", label: "Not mapped" },
];

/** Why a provider has no users to show, as far as that is known without asking it. */
function whyNot(provider, isConnected, title) {
  if (!provider && !isConnected) return new Problem(404, { code: "unknown_provider" });
  if (provider?.capabilities && !provider.capabilities.users) {
    return new Problem(409, { code: "unsupported", detail: `${title} has no users to list.` });
  }
  return isConnected ? null : new Problem(409, { code: "not_connected" });
}

/** The page of a provider's users. `?q=` and `?state=` hold what is looked for. */
export default function Users({ route }) {
  const id = route.provider;
  const { providers, problem } = useProviders();
  const { connections, problem: connectionsProblem } = useConnections();
  const isThere = providers && connections;
  const failure = problem ?? connectionsProblem;
  const provider = providers?.find((one) => one.id === id);
  const title = provider?.title ?? id;
  const [typed, type] = useState(route.query.q ?? "");
  const only = ["mapped", "unmapped"].includes(route.query.state) ? route.query.state : "";
  const seek = (q, state) => {
    const query = new URLSearchParams({ ...(q.trim() && { q: q.trim() }), ...(state && { state }) });
    go(`${connectionPath(id, "users")}${query.size ? `?${query}` : ""}`, { replace: true });
  };
  useEffect(() => {
    if (typed.trim() === (route.query.q ?? "")) return undefined;
    const timer = setTimeout(() => seek(typed, only), 300);
    return () => clearTimeout(timer);
  }, [typed]);
  const wanted = folded((route.query.q ?? "").trim());
  // What is known already is not asked for.
  const known = isThere && whyNot(provider, connections.some((one) => one.provider === id), title);
  const back = { to: connectionPath(id), label: title };
  if (!isThere || known) {
    return html`<${Page} title=${`Users of ${title}`} back=${back}>
      ${known && html`<${Notice} kind="info" problem=${known} action=${html`<${Button} look="primary"
        to=${known.code === "not_connected" ? connectionPath(id) : "/"}>
        ${known.code === "not_connected" ? `Connect ${title}` : "Go to connections"}<//>`} />`}
      ${!isThere && failure && html`<${Notice} problem=${failure} />`}
    <//>`;
  }
  const actions = html`<${Button} icon="link" to=${connectionPath(id, "match")}>Match to people<//>`;
  return html`
    <${Page} title=${`Users of ${title}`} lead="Everyone the provider lists, and the person each one is mapped to."
      back=${back} actions=${actions}>
      <div class="toolbar" role="search">
        <${Field} label="Search" kind="search" value=${typed} onInput=${type} placeholder="Name, email or ID" />
        <${Field} label="Show" kind="choice" value=${only} choices=${[{ value: "", label: "Everyone" }, ...ONLY]} required
          onInput=${(value) => seek(typed, value)} />
      </div>
      ${wanted || only
        ? html`<${Search} key=${`${wanted}|${only}`} provider=${id} title=${title} wanted=${wanted} only=${only} />`
        : html`<${Pages} provider=${id} title=${title} />`}
    <//>
  `;
}
