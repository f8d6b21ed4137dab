// Getting in and out: the sign-in page, the page for who may not work here, and the account's menu.
import { call, endSession, loadSession, setSession } from "./api.js";
import { go } from "./router.js";
import { Button, Field, Icon, Mark, Notice, Time, toast } from "./ui.js";
import { html, useEffect, useRef, useState } from "./vendor/preact.js";

const KEPT = "jackfield.page";

/** Notes the page on which the session ended; a path of this console, which is no secret. */
export function rememberPage() {
  if (location.pathname !== "/signin") sessionStorage.setItem(KEPT, location.pathname + location.search);
}

/** Goes to where one was before the sign-in. */
export function comeBack() {
  const kept = sessionStorage.getItem(KEPT) ?? "/";
  sessionStorage.removeItem(KEPT);
  go(/^\/(?![/\\])/.test(kept) ? kept : "/", { replace: true });
}

// What a sign-in through the identity provider came to, by the fixed words that the service sends along.
const REFUSED = {
  declined: ["The sign-in was declined", "You or your identity provider declined it. Try again if that was a mistake."],
  expired: [
    "This sign-in is no longer valid",
    "It took too long, was started in another browser, or was already used. Start again here.",
  ],
  unavailable: ["The identity provider is not responding", "Nothing is wrong with your account. Try again in a moment."],
  no_level: [
    "Your account has no access level here",
    "Your identity provider knows you, but does not say what you may do in Jackfield. Ask whoever administers it.",
  ],
};
const REFUSED_ELSE = [
  "The identity provider's answer could not be used",
  "Try again. If it keeps happening, tell whoever runs this service.",
];

const WRONG = {
  link: {
    title: "This link no longer works",
    means: "A sign-in link works once, within 15 minutes.",
    todo: "Create a new one on the machine where Jackfield runs, with the command below.",
  },
  token: {
    title: "Jackfield does not know that token",
    means: "It may have been revoked, have expired, or have been cut off while copying.",
    todo: "Paste the whole token, which starts with jf_, or create a new one.",
  },
};

const ENDED = {
  ended: [
    "Your session ended",
    "It was idle too long, reached its limit, or was ended elsewhere. Sign in to return to your page.",
  ],
  left: ["You are signed out", "The session in this browser has ended."],
  everywhere: ["You are signed out everywhere", "All your sessions have ended, in this browser and in every other one."],
};

/** Takes a link's secret out of the address bar, so that it stays in no history and no screenshot. */
export function takeLink() {
  const secret = location.pathname === "/signin" && location.hash.slice(1);
  if (!secret) return null;
  history.replaceState(null, "", location.pathname + location.search);
  return secret;
}

function Problems({ problem, by }) {
  if (problem.status === 401) return html`<${Notice} kind="bad" ...${WRONG[by]} />`;
  if (problem.status === 403) {
    return html`<${Notice} kind="bad" title="That token cannot sign in" means=${problem.detail}
      todo="Use an Executive's token. Service tokens can only use connections." />`;
  }
  if (problem.status === 429) {
    return html`<${Notice} problem=${problem} title="Too many attempts"
      means="Signing in from here is blocked for a short while."
      todo=${`Try again in ${problem.retryAfter ?? 60} s.`} />`;
  }
  return html`<${Notice} problem=${problem} />`;
}

/** The page to sign in. The secret of a link is spent by a click only, so that no preview of it can. */
export function SignIn({ who, route, link, onSpent }) {
  const [token, setToken] = useState("");
  const [wrong, setWrong] = useState(null);
  const [failed, setFailed] = useState(null);
  const [busy, setBusy] = useState(null);
  const hasLink = link !== null;
  const heading = useRef(null);
  const refused = Object.hasOwn(route.query, "refused") ? (REFUSED[route.query.refused] ?? REFUSED_ELSE) : null;
  const over = ENDED[who.over];
  useEffect(() => {
    document.title = "Sign in · Jackfield";
    heading.current?.focus();
  }, []);

  const signIn = async (by) => {
    const pasted = token.trim();
    if (by === "token" && !pasted) {
      setWrong("Paste a token first.");
      return;
    }
    setWrong(null);
    setFailed(null);
    setBusy(by);
    try {
      const next = await call("POST", "/api/session", by === "link" ? { link } : { token: pasted });
      onSpent();
      setToken("");
      setSession(next);
      if (next.level === "executive") comeBack();
    } catch (problem) {
      if (by === "link" && problem.status === 401) onSpent();
      setFailed({ problem, by });
    } finally {
      setBusy(null);
    }
  };
  const submit = (event) => {
    event.preventDefault();
    if (!busy) signIn("token");
  };

  return html`
    <main class="door">
      <p class="brand"><${Mark} />Jackfield</p>
      <div class="card stack">
        <div class="stack tight">
          <h1 tabindex="-1" ref=${heading}>Sign in</h1>
          <p class="muted">${hasLink
            ? "You opened a sign-in link. It works once: press the button to use it in this browser."
            : "Connect your company's services and keep them working."}</p>
        </div>
        ${over && !failed && html`<${Notice} kind="info" title=${over[0]} means=${over[1]} />`}
        ${refused && !failed && html`<${Notice} kind="bad" title=${refused[0]} means=${refused[1]} />`}
        ${failed && html`<${Problems} ...${failed} />`}
        ${hasLink && html`<${Button} look="primary" class="button primary wide" isBusy=${busy === "link"}
          onClick=${() => busy || signIn("link")}>Sign in<//>`}
        ${hasLink && who.signed_in && html`<${Button} class="button plain wide" onClick=${comeBack}>
          Stay signed in as ${who.name}<//>`}
        ${!hasLink && who.oidc && html`
          <a class="button primary wide" href="/signin/oidc">Sign in with your company account</a>
          <p class="muted small">or</p>
        `}
        ${!hasLink && html`
          <form class="stack" onSubmit=${submit} novalidate>
            <${Field} label="Access token" value=${token} onInput=${setToken} error=${wrong} isSecret
              help="An Executive's API token. It is exchanged for a session and not stored." />
            <${Button} type="submit" class=${`button wide ${who.oidc ? "plain" : "primary"}`}
              isBusy=${busy === "token"}>Sign in<//>
          </form>
          <details class="small" open=${failed?.by === "link"}>
            <summary>No token?</summary>
            <p class="muted">On the machine where Jackfield runs, <code>jackfield signin-link</code> prints a link that
              signs you in. It works once, within 15 minutes.</p>
          </details>
        `}
      </div>
    </main>
  `;
}

/** Ends this session, or with `everywhere` all sessions of this person. */
async function signOut(everywhere) {
  try {
    await call("DELETE", everywhere ? "/api/sessions" : "/api/session");
  } catch (problem) {
    // Already over: just what was wanted.
    if (problem.status !== 401) throw problem;
  }
  sessionStorage.removeItem(KEPT);
  endSession(everywhere ? "everywhere" : "left");
}

function useSignOut() {
  const [busy, setBusy] = useState(null);
  const [problem, setProblem] = useState(null);
  const leave = async (everywhere) => {
    setBusy(everywhere ? "everywhere" : "here");
    setProblem(null);
    try {
      await signOut(everywhere);
    } catch (failure) {
      setProblem(failure);
      setBusy(null);
    }
  };
  return { busy, problem, leave };
}

/** Where somebody below Executive comes: it says so, and lets them out. */
export function Below({ who }) {
  const { busy, problem, leave } = useSignOut();
  const heading = useRef(null);
  useEffect(() => {
    document.title = "No access · Jackfield";
    heading.current?.focus();
  }, []);
  return html`
    <main class="door">
      <p class="brand"><${Mark} />Jackfield</p>
      <div class="card stack">
        <h1 tabindex="-1" ref=${heading}>This console is for Executives</h1>
        <p>You are signed in as <strong class="wrap">${who.name}</strong>, whose level is <strong>${who.level}</strong>.
          Only Executives can manage connections, people and plugins.</p>
        <p class="muted">If you need something changed here, ask an Executive of your company. Or ask whoever administers
          your account to raise its level, then sign in again.</p>
        ${problem && html`<${Notice} problem=${problem} />`}
        <div class="row">
          <${Button} look="primary" icon="out" isBusy=${busy === "here"} onClick=${() => leave(false)}>Sign out<//>
          <${Button} icon="refresh" onClick=${() => loadSession().catch((failure) => toast(failure.message, "bad"))}>
            Check again<//>
        </div>
      </div>
    </main>
  `;
}

/** Who is signed in, until when, and the ways out. */
export function Account({ who }) {
  const [isOpen, open] = useState(false);
  const { busy, problem, leave } = useSignOut();
  const box = useRef(null);
  const button = useRef(null);
  useEffect(() => {
    if (!isOpen) return undefined;
    const outside = (event) => box.current?.contains(event.target) || open(false);
    addEventListener("pointerdown", outside);
    return () => removeEventListener("pointerdown", outside);
  }, [isOpen]);
  const key = (event) => {
    if (event.key !== "Escape" || !isOpen) return;
    open(false);
    button.current.focus();
  };
  const blur = (event) => {
    if (event.relatedTarget && !box.current.contains(event.relatedTarget)) open(false);
  };
  return html`
    <div class="account" ref=${box} onKeyDown=${key} onFocusOut=${blur}>
      ${isOpen && html`
        <div class="account-menu" id="account">
          <p class="muted small">Your session ends <${Time} at=${who.expires_at} />, or sooner when idle.</p>
          ${problem && html`<${Notice} problem=${problem} />`}
          <${Button} look="quiet" icon="out" isBusy=${busy === "here"} onClick=${() => leave(false)}>Sign out<//>
          <${Button} look="quiet" icon="lock" isBusy=${busy === "everywhere"} onClick=${() => leave(true)}>
            Sign out everywhere<//>
        </div>
      `}
      <button type="button" ref=${button} class="quiet account-button" aria-expanded=${isOpen ? "true" : "false"}
        aria-controls="account" onClick=${() => open(!isOpen)}>
        <${Icon} name="user" /><span><span class="unseen">Account: </span><span class="wrap">${who.name}</span></span>
      </button>
    </div>
  `;
}
