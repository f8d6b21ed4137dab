// The console: who is signed in, the frame around all pages, and which page is shown.
import { loadSession, onSession, Problem, session } from "./api.js";
import { preload } from "./data.js";
import { go, Link, pageOf, useRoute } from "./router.js";
import { Account, Below, comeBack, rememberPage, SignIn, takeLink } from "./signin.js";
import { Staying } from "./staying.js";
import { Button, Icon, Mark, Notice, Page, Toasts, useSlow } from "./ui.js";
import { html, render, useEffect, useErrorBoundary, useRef, useState } from "./vendor/preact.js";

// One file per page, fetched when it is first needed. Each exports its page by `default` and gets the `route`.
const PAGES = {
  connections: () => import("./connections.js"),
  connect: () => import("./connect.js"),
  users: () => import("./users.js"),
  match: () => import("./matching.js"),
  people: () => import("./people.js"),
  mappings: () => import("./mappings.js"),
  providers: () => import("./providers.js"),
  provider: () => import("./provider.js"),
  audit: () => import("./audit.js"),
  service: () => import("./service.js"),
};

// page, path, words, icon, and the pages that lie below it
const PLACES = [
  ["connections", "/", "Connections", "plug", ["connect", "users", "match"]],
  ["people", "/people", "People", "people", []],
  ["mappings", "/mappings", "Mappings", "link", []],
  ["providers", "/providers", "Plugins", "box", ["provider"]],
  ["audit", "/audit", "Audit", "list", []],
  ["service", "/service", "Service", "pulse", []],
];

/** So long the first page waits for its lists, to be drawn once and whole. */
const WHOLE_MS = 100;

/** After so long without anything to show, the page says what it is going to be. */
const SLOW_MS = 300;

const loaded = {};

async function fetchPage(page) {
  loaded[page] ??= (await PAGES[page]()).default;
  return loaded[page];
}

/** Fetches a page's file while the pointer is still on its link. */
const fetchAhead = (page) => fetchPage(page).catch(() => {});

function Missing() {
  return html`<${Page} title="Page not found" lead="The address may be mistyped or from an older version.">
    <p><${Button} to="/" look="primary">Go to connections<//></p>
  <//>`;
}

/** The page of a route, once its file is there. */
function Shown({ route }) {
  const [, turn] = useState(0);
  const [failure, setFailure] = useState(null);
  const [broken, mend] = useErrorBoundary((error) => console.error(error));
  const isMissing = !PAGES[route.page];
  const Body = loaded[route.page];
  const isSlow = useSlow(!isMissing && !Body);
  const look = () => {
    setFailure(null);
    fetchPage(route.page).then(() => turn((count) => count + 1), setFailure);
  };
  useEffect(() => {
    mend();
    if (!isMissing && !Body) look();
  }, [route.page]);
  if (isMissing) return html`<${Missing} />`;
  if (broken) {
    return html`<${Page} title="This page crashed">
      <${Notice} kind="bad" title="The page could not be shown" means="Nothing was changed, and connections keep working."
        todo="Reload the page. If it keeps happening, tell whoever runs the service what you did last."
        action=${html`<${Button} icon="refresh" onClick=${() => location.reload()}>Reload<//>`} />
    <//>`;
  }
  if (failure) {
    return html`<${Page} title="Page not loaded">
      <${Notice} problem=${new Problem(0, {})} title="This page could not be loaded"
        todo="The service may have been updated in the meantime. Reload the page."
        action=${html`<${Button} icon="refresh" onClick=${() => location.reload()}>Reload<//>`} />
    <//>`;
  }
  if (!Body) return isSlow && html`<p class="muted" role="status">Loading the page…</p>`;
  return html`<${Body} key=${route.path} route=${route} />`;
}

function Frame({ route, who }) {
  const [isOpen, open] = useState(false);
  const main = useRef(null);
  useEffect(() => open(false), [route.path]);
  const skip = (event) => {
    event.preventDefault();
    main.current.focus();
  };
  return html`
    <a class="skip" href="#page" onClick=${skip}>Skip to content</a>
    <div class="frame">
      <header class=${`side ${isOpen ? "open" : ""}`}>
        <${Link} to="/" class="brand"><${Mark} />Jackfield<//>
        <button type="button" class="quiet menu-button" aria-expanded=${isOpen ? "true" : "false"} aria-controls="places"
          onClick=${() => open(!isOpen)}><${Icon} name=${isOpen ? "close" : "menu"} /> Menu</button>
        <nav id="places" aria-label="Pages">
          <ul>
            ${PLACES.map(([page, path, words, icon, below]) => {
              const isHere = route.page === page || below.includes(route.page);
              return html`<li key=${page}><${Link} to=${path} aria-current=${isHere ? "page" : undefined}
                onPointerEnter=${() => fetchAhead(page)} onFocus=${() => fetchAhead(page)}>
                <${Icon} name=${icon} />${words}<//></li>`;
            })}
          </ul>
          <${Account} who=${who} />
        </nav>
      </header>
      <main id="page" ref=${main} tabindex="-1"><${Shown} route=${route} /></main>
    </div>
    <${Toasts} />
    <${Staying} who=${who} />
  `;
}

function App({ failure }) {
  const route = useRoute();
  const [who, setWho] = useState(session());
  useEffect(() => onSession(setWho), []);
  const isAtDoor = route.page === "signin";
  // The secret of a sign-in link is kept here and nowhere else. One that was just opened is shown to the signed in too.
  const [link, setLink] = useState(takeLink);
  useEffect(() => setLink((before) => takeLink() ?? before), [route]);
  useEffect(() => {
    if (failure) return;
    if (!who.signed_in && !isAtDoor) {
      if (who.over !== "left") rememberPage();
      go("/signin", { replace: true });
    } else if (who.signed_in && who.level === "executive" && isAtDoor && link === null) {
      comeBack();
    }
  }, [who, isAtDoor, link]);
  if (failure) {
    return html`<main class="door"><div class="card">
      <${Notice} problem=${failure} onRetry=${() => location.reload()} /></div></main>`;
  }
  if (isAtDoor && (!who.signed_in || link !== null)) {
    return html`<${SignIn} who=${who} route=${route} link=${link} onSpent=${() => setLink(null)} />`;
  }
  if (!who.signed_in) return null;
  if (who.level !== "executive") return html`<${Below} who=${who} />`;
  return isAtDoor ? null : html`<${Frame} route=${route} who=${who} />`;
}

function Coming() {
  return html`<main class="door">
    <h1 class="brand"><${Mark} />Jackfield</h1>
    <p class="muted" role="status">Loading…</p>
  </main>`;
}

// A file that misses its place would be opened in place of the console, a key file too.
for (const kind of ["dragover", "drop"]) addEventListener(kind, (event) => event.preventDefault());

async function start() {
  const root = document.getElementById("app");
  let failure = null;
  const slow = setTimeout(() => render(html`<${Coming} />`, root), SLOW_MS);
  const page = pageOf(location.pathname);
  const ahead = PAGES[page] && fetchAhead(page);
  try {
    const who = await loadSession();
    if (who.signed_in && who.level === "executive") {
      const whole = Promise.race([preload(), new Promise((resolve) => setTimeout(resolve, WHOLE_MS))]);
      // Its file is there by now, or nearly: the first thing drawn is the page.
      await ahead;
      await whole;
    }
  } catch (problem) {
    failure = problem;
  }
  clearTimeout(slow);
  render(html`<${App} failure=${failure} />`, root);
}

start();
