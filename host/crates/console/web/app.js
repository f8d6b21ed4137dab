// The entry of the console: it loads the session, then draws the frame with the page of the address, or the sign-in
// page.
import { loadSession, onSession, Problem, session } from "./api.js";
import { useEvents, useStream } from "./events.js";
import { formatTime } from "./format.js";
import { preloadLists } from "./live_lists.js";
import { findPage, Link, navigate, useRoute } from "./router.js";
import { SessionExpiry } from "./session_expiry.js";
import { extractLink, rememberPage, returnToPage, SignIn } from "./signin.js";
import { AccountMenu, NoAccess } from "./signout.js";
import { Button, Icon, Logo, Notice, Page, Toasts, useSlow } from "./ui.js";
import { html, render, useEffect, useErrorBoundary, useRef, useState } from "./vendor/preact.js";

/** Each page is a module, fetched when it is first needed. Its default export is a component that gets the `route`. */
const PAGES = {
  connections: () => import("./connections.js"),
  connection: () => import("./connection.js"),
  users: () => import("./users.js"),
  match: () => import("./match.js"),
  people: () => import("./people.js"),
  mappings: () => import("./mappings.js"),
  plugins: () => import("./plugins.js"),
  plugin: () => import("./plugin.js"),
  audit: () => import("./audit.js"),
  service: () => import("./service.js"),
};

/** The menu: page, path, label, icon, and the pages below this one. */
const MENU = [
  ["connections", "/", "Connections", "plug", ["connection", "users", "match"]],
  ["people", "/people", "People", "people", []],
  ["mappings", "/mappings", "Mappings", "link", []],
  ["plugins", "/providers", "Plugins", "box", ["plugin"]],
  ["audit", "/audit", "Audit", "list", []],
  ["service", "/service", "Service", "pulse", []],
];

/** How long the first page waits for its lists, so that it is drawn only once. */
const LISTS_MS = 100;

/** How long the stream of events is down before the frame says so: a restart of the service takes about as long. */
const OUTAGE_MS = 1_500;

/** After how long without content a loading message appears. */
const SLOW_MS = 300;

const loaded = {};

async function fetchPage(page) {
  loaded[page] ??= (await PAGES[page]()).default;
  return loaded[page];
}

/** Fetches a page before it is opened, for example while the pointer is on its link. */
const prefetchPage = (page) => fetchPage(page).catch(() => {});

function NotFound() {
  return html`<${Page} title="Page not found" lead="The address may be mistyped or from an older version.">
    <p><${Button} to="/" look="primary">Go to connections<//></p>
  <//>`;
}

/** The page of a route, once its module is loaded. */
function CurrentPage({ route }) {
  const [, redraw] = useState(0);
  const [failure, setFailure] = useState(null);
  const [crash, resetCrash] = useErrorBoundary((error) => console.error(error));
  const isMissing = !PAGES[route.page];
  const PageComponent = loaded[route.page];
  const isSlow = useSlow(!isMissing && !PageComponent);
  const load = () => {
    setFailure(null);
    fetchPage(route.page).then(() => redraw((count) => count + 1), setFailure);
  };
  useEffect(() => {
    resetCrash();
    if (!isMissing && !PageComponent) load();
  }, [route.page]);
  // The service is back. Some browsers do not request a module again that failed once.
  useEvents({}, (_, { isFirst }) => failure && !isFirst && location.reload());
  if (isMissing) return html`<${NotFound} />`;
  if (crash) {
    return html`<${Page} title="This page crashed">
      <${Notice} kind="bad" title="The page could not be shown" means="Nothing was changed, and connections keep working."
        todo="Reload the page. If it keeps happening, tell the administrator of the service what you did last."
        action=${html`<${Button} icon="refresh" onClick=${() => location.reload()}>Reload<//>`} />
    <//>`;
  }
  if (failure) {
    return html`<${Page} title="Page not loaded">
      <${Notice} problem=${new Problem(0, {})} title="This page could not be loaded"
        todo="It is loaded when the service is back. If the service was updated in the meantime, reload the page."
        action=${html`<${Button} icon="refresh" onClick=${() => location.reload()}>Reload<//>`} />
    <//>`;
  }
  if (!PageComponent) return isSlow && html`<p class="muted" role="status">Loading the page…</p>`;
  return html`<${PageComponent} key=${route.path} route=${route} />`;
}

/** Says on every page that the service is away, and from when the page is. */
function Outage() {
  const { isUp, downSince } = useStream();
  const isDown = useSlow(isUp === false, OUTAGE_MS);
  // Every page keeps the stream open, also one that shows nothing live.
  useEvents({}, () => {});
  return html`<div class="outage" role="status">${isDown && html`<p><span class="spin" aria-hidden="true"></span>
    Reconnecting to the service… What you see is from ${formatTime(downSince)}.</p>`}</div>`;
}

function Frame({ route, who }) {
  const [isOpen, setOpen] = useState(false);
  const main = useRef(null);
  useEffect(() => setOpen(false), [route.path]);
  const skip = (event) => {
    event.preventDefault();
    main.current.focus();
  };
  return html`
    <a class="skip" href="#page" onClick=${skip}>Skip to content</a>
    <div class="frame">
      <header class=${`side ${isOpen ? "open" : ""}`}>
        <${Link} to="/" class="brand"><${Logo} />Jackfield<//>
        <button type="button" class="quiet menu-button" aria-expanded=${isOpen ? "true" : "false"} aria-controls="menu"
          onClick=${() => setOpen(!isOpen)}><${Icon} name=${isOpen ? "close" : "menu"} /> Menu</button>
        <nav id="menu" aria-label="Pages">
          <ul>
            ${MENU.map(([page, path, label, icon, below]) => {
              const isCurrent = route.page === page || below.includes(route.page);
              return html`<li key=${page}><${Link} to=${path} aria-current=${isCurrent ? "page" : undefined}
                onPointerEnter=${() => prefetchPage(page)} onFocus=${() => prefetchPage(page)}>
                <${Icon} name=${icon} />${label}<//></li>`;
            })}
          </ul>
          <${AccountMenu} who=${who} />
        </nav>
      </header>
      <main id="page" ref=${main} tabindex="-1"><${Outage} /><${CurrentPage} route=${route} /></main>
    </div>
    <${Toasts} />
    <${SessionExpiry} who=${who} />
  `;
}

function App({ failure }) {
  const route = useRoute();
  const [who, setWho] = useState(session());
  useEffect(() => onSession(setWho), []);
  const isSignInPage = route.page === "signin";
  // The only copy of a sign-in link's secret. A link that was just opened is also offered to people who are signed in.
  const [link, setLink] = useState(extractLink);
  useEffect(() => setLink((before) => extractLink() ?? before), [route]);
  useEffect(() => {
    if (failure) return;
    if (!who.signed_in && !isSignInPage) {
      if (who.over !== "left") rememberPage();
      navigate("/signin", { replace: true });
    } else if (who.signed_in && who.level === "executive" && isSignInPage && link === null) {
      returnToPage();
    }
  }, [who, isSignInPage, link]);
  if (failure) {
    return html`<main class="centered"><div class="card">
      <${Notice} problem=${failure} onRetry=${() => location.reload()} /></div></main>`;
  }
  if (isSignInPage && (!who.signed_in || link !== null)) {
    return html`<${SignIn} who=${who} route=${route} link=${link} onUsed=${() => setLink(null)} />`;
  }
  if (!who.signed_in) return null;
  if (who.level !== "executive") return html`<${NoAccess} who=${who} />`;
  return isSignInPage ? null : html`<${Frame} route=${route} who=${who} />`;
}

function Loading() {
  return html`<main class="centered">
    <h1 class="brand"><${Logo} />Jackfield</h1>
    <p class="muted" role="status">Loading…</p>
  </main>`;
}

// Otherwise the browser opens a file that is dropped beside its target, such as a key file, instead of the console.
for (const kind of ["dragover", "drop"]) addEventListener(kind, (event) => event.preventDefault());

async function start() {
  const root = document.getElementById("app");
  let failure = null;
  const slow = setTimeout(() => render(html`<${Loading} />`, root), SLOW_MS);
  const page = findPage(location.pathname);
  const pageModule = PAGES[page] && prefetchPage(page);
  try {
    const who = await loadSession();
    if (who.signed_in && who.level === "executive") {
      const lists = Promise.race([preloadLists(), new Promise((resolve) => setTimeout(resolve, LISTS_MS))]);
      // So that the page is the first thing drawn.
      await pageModule;
      await lists;
    }
  } catch (problem) {
    failure = problem;
  }
  clearTimeout(slow);
  render(html`<${App} failure=${failure} />`, root);
}

start();
