// Signing out: the account menu, and the page for people who may not use the console.
import { call, endSession, loadSession } from "./api.js";
import { forgetPage } from "./signin.js";
import { Button, Icon, Logo, Notice, showToast, Time } from "./ui.js";
import { html, useEffect, useRef, useState } from "./vendor/preact.js";

/** Ends this session, or with `everywhere` all sessions of the person. */
async function signOut(everywhere) {
  try {
    await call("DELETE", everywhere ? "/api/sessions" : "/api/session");
  } catch (problem) {
    // The session is already over.
    if (problem.status !== 401) throw problem;
  }
  forgetPage();
  endSession(everywhere ? "everywhere" : "left");
}

function useSignOut() {
  const [busy, setBusy] = useState(null);
  const [problem, setProblem] = useState(null);
  const run = async (everywhere) => {
    setBusy(everywhere ? "everywhere" : "here");
    setProblem(null);
    try {
      await signOut(everywhere);
    } catch (failure) {
      setProblem(failure);
      setBusy(null);
    }
  };
  return { busy, problem, run };
}

/** The page for people who are signed in but not Executives. */
export function NoAccess({ who }) {
  const { busy, problem, run } = useSignOut();
  const heading = useRef(null);
  useEffect(() => {
    document.title = "No access · Jackfield";
    heading.current?.focus();
  }, []);
  return html`
    <main class="centered">
      <p class="brand"><${Logo} />Jackfield</p>
      <div class="card stack">
        <h1 tabindex="-1" ref=${heading}>This console is for Executives</h1>
        <p>You are signed in as <strong class="wrap">${who.name}</strong>, whose level is <strong>${who.level}</strong>.
          Only Executives can manage connections, people and plugins.</p>
        <p class="muted">If you need something changed here, ask an Executive of your company. Or ask the
          administrator of your account to raise its level, then sign in again.</p>
        ${problem && html`<${Notice} problem=${problem} />`}
        <div class="row">
          <${Button} look="primary" icon="out" isBusy=${busy === "here"} onClick=${() => run(false)}>Sign out<//>
          <${Button} icon="refresh" onClick=${() => loadSession().catch((failure) => showToast(failure.message, "bad"))}>
            Check again<//>
        </div>
      </div>
    </main>
  `;
}

/** The menu in the frame: who is signed in, when the session ends, and the buttons to sign out. */
export function AccountMenu({ who }) {
  const [isOpen, setOpen] = useState(false);
  const { busy, problem, run } = useSignOut();
  const menu = useRef(null);
  const button = useRef(null);
  useEffect(() => {
    if (!isOpen) return undefined;
    const closeIfOutside = (event) => menu.current?.contains(event.target) || setOpen(false);
    addEventListener("pointerdown", closeIfOutside);
    return () => removeEventListener("pointerdown", closeIfOutside);
  }, [isOpen]);
  const onKeyDown = (event) => {
    if (!isOpen) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape") {
      setOpen(false);
      button.current.focus();
    } else if (step) {
      event.preventDefault();
      const stops = [...menu.current.querySelectorAll("button")];
      stops.at((stops.indexOf(document.activeElement) + step) % stops.length)?.focus();
    }
  };
  const onFocusOut = (event) => {
    if (event.relatedTarget && !menu.current.contains(event.relatedTarget)) setOpen(false);
  };
  return html`
    <div class="account" ref=${menu} onKeyDown=${onKeyDown} onFocusOut=${onFocusOut}>
      <button type="button" ref=${button} class="quiet account-button" aria-expanded=${isOpen ? "true" : "false"}
        aria-controls="account" onClick=${() => setOpen(!isOpen)}>
        <${Icon} name="user" /><span><span class="visually-hidden">Account: </span><span class="wrap">${who.name}</span></span>
      </button>
      ${isOpen && html`
        <div class="account-menu" id="account">
          <p class="muted small">Your session ends <${Time} at=${who.expires_at} />, or sooner when idle.</p>
          ${problem && html`<${Notice} problem=${problem} />`}
          <${Button} look="quiet" icon="out" isBusy=${busy === "here"} onClick=${() => run(false)}>Sign out<//>
          <${Button} look="quiet" icon="lock" isBusy=${busy === "everywhere"} onClick=${() => run(true)}>
            Sign out everywhere<//>
        </div>
      `}
    </div>
  `;
}
