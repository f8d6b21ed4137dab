// The sign-in page: with a sign-in link, an API token, or the identity provider.
import { call, setSession } from "./api.js";
import { navigate } from "./router.js";
import { Button, Field, Logo, Notice, useErrorFocus } from "./ui.js";
import { html, useEffect, useRef, useState } from "./vendor/preact.js";

const STORAGE_KEY = "jackfield.page";

/** Stores the page on which the session ended. A path of the console is not secret. */
export function rememberPage() {
  if (location.pathname !== "/signin") sessionStorage.setItem(STORAGE_KEY, location.pathname + location.search);
}

const LINK_KEY = "jackfield.link";

/** Whether a sign-in link was opened in this tab and not used: its secret is not stored, so a reload loses it. */
const hasLostLink = () => sessionStorage.getItem(LINK_KEY) !== null;

/** Removes the stored page. */
export const forgetPage = () => sessionStorage.removeItem(STORAGE_KEY);

/** Returns to the page that was open before the sign-in. */
export function returnToPage() {
  const stored = sessionStorage.getItem(STORAGE_KEY) ?? "/";
  forgetPage();
  navigate(/^\/(?![/\\])/.test(stored) ? stored : "/", { replace: true });
}

/** Why a sign-in at the identity provider failed, by the code that the service adds to the address. */
const REJECTIONS = {
  declined: ["The sign-in was declined", "You or your identity provider declined it. Try again if that was a mistake."],
  expired: [
    "This sign-in is no longer valid",
    "It took too long, was started in another browser, or was already used. Start again here.",
  ],
  unavailable: ["The identity provider is not responding", "Nothing is wrong with your account. Try again in a moment."],
  no_level: [
    "Your account has no access level here",
    "Your identity provider knows you, but gives you no access level for Jackfield. Ask its administrator for one.",
  ],
};
const OTHER_REJECTION = [
  "The identity provider's answer could not be used",
  "Try again. If it keeps happening, tell the administrator of this service.",
];

/** What a 401 means, by the kind of sign-in. */
const UNAUTHORIZED = {
  link: {
    title: "This link no longer works",
    means: "A sign-in link works once, within 15 minutes.",
    todo: "Create a new one on the machine where Jackfield runs, with the command below.",
  },
  token: {
    title: "Jackfield does not know that token",
    means: "It may be revoked, expired, or incomplete.",
    todo: "Paste the whole token, which starts with jf_, or create a new one.",
  },
};

/** Why the previous session is over. */
const SESSION_ENDS = {
  ended: [
    "Your session ended",
    "It was idle too long, reached its limit, or was ended elsewhere. Sign in to return to your page.",
  ],
  left: ["You are signed out", "The session in this browser has ended."],
  everywhere: ["You are signed out everywhere", "All your sessions have ended, in this browser and in every other one."],
};

/** Removes a sign-in link's secret from the address bar, so that no history or screenshot shows it, and returns it. */
export function extractLink() {
  const secret = location.pathname === "/signin" && location.hash.slice(1);
  if (!secret) return null;
  history.replaceState(null, "", location.pathname + location.search);
  sessionStorage.setItem(LINK_KEY, "opened");
  return secret;
}

function Failure({ problem, by }) {
  if (problem.status === 401) return html`<${Notice} kind="bad" ...${UNAUTHORIZED[by]} />`;
  if (problem.status === 403) {
    return html`<${Notice} kind="bad" title="That token cannot sign in" means=${problem.detail}
      todo="Use an Executive's token. Service tokens can only use connections." />`;
  }
  if (problem.status === 429) {
    return html`<${Notice} kind="bad" title="Too many attempts"
      means=${`Nobody can sign in from here for the next ${problem.retryAfter ?? 60} seconds.`} />`;
  }
  return html`<${Notice} problem=${problem} />`;
}

/**
 * The sign-in page. `link` is the secret of a sign-in link or null. Only a click uses it, so that a link preview cannot;
 * `onUsed` is called then.
 */
export function SignIn({ who, route, link, onUsed }) {
  const [failure, setFailure] = useState(null);
  const [busy, setBusy] = useState(null);
  const [name, setName] = useState("");
  const hasLink = link !== null;
  const heading = useRef(null);
  const rejection = Object.hasOwn(route.query, "refused") ? (REJECTIONS[route.query.refused] ?? OTHER_REJECTION) : null;
  const over = SESSION_ENDS[who.over];
  const nameError = failure?.problem.errors.find(({ field }) => field === "name")?.message;
  useEffect(() => {
    document.title = "Sign in · Jackfield";
    heading.current?.focus();
  }, []);

  const signIn = async (by, secret) => {
    setFailure(null);
    setBusy(by);
    try {
      const own = by === "link" && name.trim() && { name: name.trim() };
      const next = await call("POST", "/api/session", { [by]: secret, ...own });
      sessionStorage.removeItem(LINK_KEY);
      onUsed();
      setSession(next);
      if (next.level === "executive") returnToPage();
    } catch (problem) {
      if (by === "link" && problem.status === 401) {
        sessionStorage.removeItem(LINK_KEY);
        onUsed();
      }
      setFailure({ problem, by });
    } finally {
      setBusy(null);
    }
  };
  return html`
    <main class="centered">
      <p class="brand"><${Logo} />Jackfield</p>
      <div class="card stack">
        <div class="stack tight">
          <h1 tabindex="-1" ref=${heading}>Sign in</h1>
          <p class="muted">${hasLink
            ? "You opened a sign-in link, which works once. Press the button to use it in this browser."
            : "Connect your company's services and keep them working."}</p>
        </div>
        ${over && !failure && html`<${Notice} kind="info" title=${over[0]} means=${over[1]} />`}
        ${!hasLink && !failure && hasLostLink() && html`<${Notice} kind="info" title="Open your sign-in link again"
          means="This page was loaded again, and does not keep the link's secret. The link was not used, so it still works." />`}
        ${rejection && !failure && html`<${Notice} kind="bad" title=${rejection[0]} means=${rejection[1]} />`}
        ${failure && !nameError && html`<${Failure} ...${failure} />`}
        ${hasLink && html`<form class="stack" novalidate onSubmit=${(event) => {
          event.preventDefault();
          if (!busy) signIn("link", link);
        }}>
          <${Field} label="Your name" isOptional value=${name} onInput=${setName} error=${nameError && `It ${nameError}.`}
            help="The audit log and your connections show it, because others may use a sign-in link too." />
          <${Button} type="submit" look="primary" class="button primary wide" isBusy=${busy === "link"}>Sign in<//>
        </form>`}
        ${hasLink && who.signed_in && html`<${Button} class="button plain wide" onClick=${returnToPage}>
          Stay signed in as ${who.name}<//>`}
        ${!hasLink && who.oidc && html`
          <a class="button primary wide" href="/signin/oidc">Sign in with your company account</a>
          <p class="muted small">or</p>
        `}
        ${!hasLink && html`
          <${TokenForm} look=${who.oidc ? "plain" : "primary"} isBusy=${busy === "token"}
            onSubmit=${(token) => busy || signIn("token", token)} />
          <details class="small" open=${failure?.by === "link"}>
            <summary>No token?</summary>
            <p class="muted">On the machine where Jackfield runs, <code>jackfield signin-link</code> prints a link that
              signs you in. It works once, within 15 minutes.</p>
          </details>
        `}
      </div>
    </main>
  `;
}

/** The form for an API token. `onSubmit` gets the token. */
function TokenForm({ look, isBusy, onSubmit }) {
  const [token, setToken] = useState("");
  const [error, setError] = useState(null);
  const form = useRef(null);
  useErrorFocus(form, error);
  const submit = (event) => {
    event.preventDefault();
    const secret = token.trim();
    // A new object each time, because each of them takes the focus.
    setError(secret ? null : { message: "Paste a token first." });
    if (secret) onSubmit(secret);
  };
  return html`
    <form class="stack" ref=${form} onSubmit=${submit} novalidate>
      <${Field} label="Access token" value=${token} onInput=${setToken} error=${error?.message} isSecret
        help="An Executive's API token. It is exchanged for a session, and not stored." />
      <${Button} type="submit" class=${`button wide ${look}`} isBusy=${isBusy}>Sign in<//>
    </form>
  `;
}
