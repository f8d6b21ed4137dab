// The page of a provider's users: page by page or searched, with the person to whom each user is mapped.
import { call, Problem } from "./api.js";
import { foldText, formatCount, formatNumber } from "./format.js";
import { getTitle, useConnections, usePlugins } from "./live_lists.js";
import { connectionPath, Link, navigate } from "./router.js";
import { Button, EmptyState, Field, Notice, Page, Progress, Status, useSlow } from "./ui.js";
import { setFilters, useTypedFilter } from "./url_filters.js";
import { html, useEffect, useRef, useState } from "./vendor/preact.js";

/** Users on a page. */
const PAGE = 100;
/** Users in one request of a search. */
const SEARCH_PAGE = 200;
/** A search stops after so many matches. */
const MAX_MATCHES = 500;

const containsText = (user, text) => foldText(`${user.name} ${user.email ?? ""} ${user.external_id}`).includes(text);

function pathOf(provider, cursor, limit) {
  const query = new URLSearchParams({ limit, with: "person", ...(cursor && { cursor }) });
  return `/api/admin/connections/${encodeURIComponent(provider)}/users?${query}`;
}

function UsersTable({ users, provider, title }) {
  const unmapped = `/mappings?${new URLSearchParams({ provider, state: "unmapped" })}`;
  return html`
    <div class="card flush"><div class="scroll">
      <table class="stacked">
        <caption class="visually-hidden">Users of ${title}</caption>
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
                    Not mapped<span class="visually-hidden">: ${user.name}. Map this user</span><//>`}</td>
            </tr>
          `)}
        </tbody>
      </table>
    </div></div>
  `;
}

/** Reads all pages of the provider and collects the users that match. Returns a function that stops this. */
function searchUsers(provider, isMatch, onStep) {
  const abort = new AbortController();
  const found = [];
  let checked = 0;
  (async () => {
    let cursor = null;
    try {
      do {
        const page = await call("GET", pathOf(provider, cursor, SEARCH_PAGE), undefined, { signal: abort.signal });
        checked += page.users.length;
        found.push(...page.users.filter(isMatch).slice(0, MAX_MATCHES - found.length));
        cursor = page.next_cursor;
        onStep({ found: [...found], checked, isOver: !cursor || found.length >= MAX_MATCHES });
      } while (cursor && found.length < MAX_MATCHES);
    } catch (problem) {
      if (problem.name !== "AbortError") onStep({ found: [...found], checked, isOver: true, problem });
    }
  })();
  return () => {
    abort.abort();
    onStep({ found: [...found], checked, isOver: true, isStopped: true });
  };
}

function SearchResults({ provider, title, text, state }) {
  const [step, setStep] = useState({ found: [], checked: 0, isOver: false });
  const stop = useRef(() => {});
  useEffect(() => {
    let isCurrent = true;
    setStep({ found: [], checked: 0, isOver: false });
    const isMatch = (user) =>
      (!text || containsText(user, text)) && (!state || Boolean(user.person) === (state === "mapped"));
    stop.current = searchUsers(provider, isMatch, (next) => isCurrent && setStep(next));
    return () => {
      isCurrent = false;
      stop.current();
    };
  }, [provider, text, state]);
  const { found, checked, isOver, isStopped, problem } = step;
  return html`
    ${!isOver && html`<${Progress} label=${`${formatNumber(checked)} users checked, ${formatNumber(found.length)} found…`}>
      <div><${Button} onClick=${() => stop.current()}>Stop<//></div><//>`}
    ${isOver && html`<p class="muted" role="status">${found.length >= MAX_MATCHES
      ? `Only the first ${formatNumber(MAX_MATCHES)} are shown. Refine the search to find others.`
      : `${formatCount(found.length, "user")} found among ${formatNumber(checked)}${isStopped ? " (stopped early)" : ""}.`}</p>`}
    ${problem && html`<${Notice} problem=${problem} />`}
    ${found.length > 0 && html`<${UsersTable} users=${found} provider=${provider} title=${title} />`}
    ${isOver && !found.length && !problem && html`<${EmptyState} icon="search" title="No users found">
      No name, email or ID at ${title} matches.<//>`}
  `;
}

/**
 * Reads the users of a page. The provider gives the cursor of each page with the page before it, so opening the address of
 * a later page reads the pages before it first.
 */
async function readPage({ provider, number, cursors, onProgress, signal }) {
  for (;;) {
    const at = Math.min(number, cursors.length);
    onProgress(at);
    const page = await call("GET", pathOf(provider, cursors[at - 1], PAGE), undefined, { signal });
    if (page.next_cursor && at === cursors.length) cursors.push(page.next_cursor);
    if (at === number || !page.next_cursor) return { ...page, number: at };
  }
}

/** Shows one page of users at a time. Its `number` is in the address. */
function UserPages({ provider, title, number }) {
  // The cursors of the pages that are known.
  const cursors = useRef([null]);
  const [page, setPage] = useState(null);
  const [reading, setReading] = useState(number);
  const [problem, setProblem] = useState(null);
  const [isBusy, setBusy] = useState(true);
  const [attempt, setAttempt] = useState(0);
  const isSlow = useSlow(isBusy);
  const top = useRef(null);
  useEffect(() => {
    const abort = new AbortController();
    setBusy(true);
    setProblem(null);
    readPage({ provider, number, cursors: cursors.current, onProgress: setReading, signal: abort.signal })
      .then(setPage)
      .catch((failure) => failure.name !== "AbortError" && setProblem(failure))
      .finally(() => abort.signal.aborted || setBusy(false));
    return () => abort.abort();
  }, [provider, number, attempt]);
  const showPage = (next) => {
    navigate(next > 1 ? `?page=${next}` : location.pathname);
    top.current?.scrollIntoView({ block: "nearest" });
  };
  if (problem) {
    const action = problem.code === "unsupported" || problem.code === "unknown_provider"
      ? html`<${Button} to="/">Go to connections<//>`
      : ["not_connected", "needs_reauth", "needs_choice", "permission_missing"].includes(problem.code) &&
        html`<${Button} look="primary" to=${connectionPath(provider)}>Go to ${title}<//>`;
    return html`<${Notice} problem=${problem} action=${action || undefined} onRetry=${() => setAttempt(attempt + 1)} />`;
  }
  const users = page?.users ?? [];
  // The buttons use `aria-disabled`, because `disabled` would take the focus from a button while it is pressed
  // repeatedly.
  const shown = page?.number ?? number;
  const canGoBack = shown > 1 && !isBusy;
  const canGoOn = Boolean(page?.next_cursor) && !isBusy;
  return html`
    <div class="stack" ref=${top}>
      ${isSlow && html`<${Progress} label=${reading < number
        ? `Loading page ${reading} of the users from ${title}, to find page ${number}…`
        : `Loading users from ${title}…`} />`}
      ${users.length > 0 && html`<${UsersTable} users=${users} provider=${provider} title=${title} />`}
      ${page && !users.length && !isBusy && html`<${EmptyState} icon="people"
        title=${page.next_cursor ? "This page is empty" : "No users"}>
        ${page.next_cursor ? "The provider has more pages." : `${title} returns no users for this credential.`}<//>`}
      ${page && html`<nav class="row apart" aria-label="Pages of users">
        <${Button} icon="back" aria-disabled=${!canGoBack}
          onClick=${() => canGoBack && showPage(shown - 1)}>Previous<//>
        <span class="muted small" role="status">${describePage(page)}</span>
        <${Button} icon="next" aria-disabled=${!canGoOn}
          onClick=${() => canGoOn && showPage(shown + 1)}>Next<//>
      </nav>`}
    </div>
  `;
}

/** The number of the page. How many users there are is known on the last page, if the pages before it are full. */
function describePage({ number, next_cursor: next, users }) {
  if (next) return `Page ${number}`;
  return number === 1 ? formatCount(users.length, "user") : `Page ${number}, the last one`;
}

const STATES = [
  { value: "mapped", label: "Mapped" },
  { value: "unmapped", label: "Not mapped" },
];

/** Returns why a provider has no users to show, if that is known without a request. */
function findObstacle(plugin, isConnected, title) {
  if (!plugin && !isConnected) return new Problem(404, { code: "unknown_provider" });
  if (plugin?.capabilities && !plugin.capabilities.users) {
    return new Problem(409, { code: "unsupported", detail: `${title} has no users to list.` });
  }
  return isConnected ? null : new Problem(409, { code: "not_connected" });
}

/** The page of a provider's users. The search is in the address, as `?q=` and `?state=`. */
export default function Users({ route }) {
  const id = route.provider;
  const { plugins, problem } = usePlugins();
  const { connections, problem: connectionsProblem } = useConnections();
  const isLoaded = plugins && connections;
  const failure = problem ?? connectionsProblem;
  const plugin = plugins?.find((one) => one.id === id);
  const title = getTitle(plugin ?? { id });
  // A search starts on the first page.
  const { page: _, ...query } = route.query;
  const [typed, setTyped] = useTypedFilter(query, "q");
  const state = ["mapped", "unmapped"].includes(query.state) ? query.state : "";
  const text = foldText((route.query.q ?? "").trim());
  const obstacle = isLoaded && findObstacle(plugin, connections.some((one) => one.provider === id), title);
  const back = { to: connectionPath(id), label: title };
  if (!isLoaded || obstacle) {
    return html`<${Page} title=${`Users of ${title}`} back=${back}>
      ${obstacle && html`<${Notice} kind="info" problem=${obstacle} action=${html`<${Button} look="primary"
        to=${obstacle.code === "not_connected" ? connectionPath(id) : "/"}>
        ${obstacle.code === "not_connected" ? `Connect ${title}` : "Go to connections"}<//>`} />`}
      ${!isLoaded && failure && html`<${Notice} problem=${failure} />`}
    <//>`;
  }
  const actions = html`<${Button} icon="link" to=${connectionPath(id, "match")}>Match to people<//>`;
  return html`
    <${Page} title=${`Users of ${title}`} lead="All users that the provider lists, and the person to whom each is mapped."
      back=${back} actions=${actions}>
      <div class="toolbar" role="search">
        <${Field} label="Search" kind="search" value=${typed} onInput=${setTyped} placeholder="Name, email or ID" />
        <${Field} label="Show" kind="choice" value=${state} choices=${[{ value: "", label: "Everyone" }, ...STATES]} required
          onInput=${(value) => setFilters(query, { state: value })} />
      </div>
      ${text || state
        ? html`<${SearchResults} key=${`${text}|${state}`} ...${{ provider: id, title, text, state }} />`
        : html`<${UserPages} provider=${id} title=${title} number=${Math.max(1, Math.trunc(Number(route.query.page)) || 1)} />`}
    <//>
  `;
}
