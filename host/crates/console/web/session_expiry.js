// The warning that the session is about to end, with a button to extend it, so that nobody loses what they are typing.
import { call, loadSession, session } from "./api.js";
import { Button, Dialog, Notice, Time } from "./ui.js";
import { html, useEffect, useState } from "./vendor/preact.js";

const CHECK_MS = 20_000;
/** How long before the end the warning appears: WCAG 2.2.1 requires at least 20 s. */
const WARN_MS = 120_000;

const getTimeLeft = (at) => Date.parse(at) - Date.now();

/** Loads the session's end from the service if it seems near: every request of the person may have moved it. */
async function refreshSession() {
  if (!session().signed_in) return;
  const known = Math.min(getTimeLeft(session().idle_expires_at), getTimeLeft(session().expires_at));
  if (known > WARN_MS) return;
  try {
    await loadSession();
  } catch {
    // The pages show that the service cannot be reached.
  }
}

/** The warning, during the last two minutes of a session. */
export function SessionExpiry({ who }) {
  const [, redraw] = useState(0);
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState(null);
  const [dismissed, setDismissed] = useState(null);
  useEffect(() => {
    const timer = setInterval(() => refreshSession().then(() => redraw((count) => count + 1)), CHECK_MS);
    return () => clearInterval(timer);
  }, []);
  const isFinal = getTimeLeft(who.expires_at) <= getTimeLeft(who.idle_expires_at);
  const end = isFinal ? who.expires_at : who.idle_expires_at;
  if (!(getTimeLeft(end) <= WARN_MS) || dismissed === end) return null;
  const extend = async () => {
    setBusy(true);
    setProblem(null);
    try {
      // Any request of a person extends the session, except one for the session itself.
      await call("GET", "/api/admin/connections");
      await loadSession();
    } catch (failure) {
      setProblem(failure);
    } finally {
      setBusy(false);
    }
  };
  const actions = isFinal
    ? html`<${Button} look="primary" onClick=${() => setDismissed(end)}>OK<//>`
    : html`<${Button} look="primary" isBusy=${isBusy} onClick=${extend}>Stay signed in<//>`;
  return html`
    <${Dialog} title="Your session is about to end" onClose=${isFinal ? () => setDismissed(end) : extend} actions=${actions}>
      <p>${isFinal ? "It has reached its maximum length." : "You have been inactive for a while."} It ends${" "}
        <${Time} at=${end} />.${isFinal && " Save your work, then sign in again."}</p>
      ${problem && html`<${Notice} problem=${problem} />`}
    <//>
  `;
}
