// Says in time that the session is about to end, so that nobody loses what they are typing, and lets it go on.
import { call, loadSession, session } from "./api.js";
import { Button, Dialog, Notice, Time } from "./ui.js";
import { html, useEffect, useState } from "./vendor/preact.js";

const LOOK_MS = 20_000;
/** So long before its end somebody is told; two minutes are enough to reach the button (WCAG 2.2.1 asks for 20 s). */
const WARN_MS = 120_000;

const left = (at) => Date.parse(at) - Date.now();

/** Asks the service how long the session has; what is known here gets old with everything that is done. */
async function look() {
  if (!session().signed_in) return;
  const known = Math.min(left(session().idle_expires_at), left(session().expires_at));
  if (known > WARN_MS) return;
  try {
    await loadSession();
  } catch {
    // Not to be reached: the pages themselves say so.
  }
}

/** The dialog of the last two minutes. */
export function Staying({ who }) {
  const [, turn] = useState(0);
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState(null);
  const [passed, pass] = useState(null);
  useEffect(() => {
    const timer = setInterval(() => look().then(() => turn((count) => count + 1)), LOOK_MS);
    return () => clearInterval(timer);
  }, []);
  const isFinal = left(who.expires_at) <= left(who.idle_expires_at);
  const end = isFinal ? who.expires_at : who.idle_expires_at;
  if (!(left(end) <= WARN_MS) || passed === end) return null;
  const stay = async () => {
    setBusy(true);
    setProblem(null);
    try {
      // Anything that a person asks for keeps the session; a look at it does not.
      await call("GET", "/api/admin/connections");
      await loadSession();
    } catch (refusal) {
      setProblem(refusal);
    } finally {
      setBusy(false);
    }
  };
  const actions = isFinal
    ? html`<${Button} look="primary" onClick=${() => pass(end)}>OK<//>`
    : html`<${Button} look="primary" isBusy=${isBusy} onClick=${stay}>Stay signed in<//>`;
  return html`
    <${Dialog} title="Your session is about to end" onClose=${isFinal ? () => pass(end) : stay} actions=${actions}>
      <p>${isFinal ? "It has reached its maximum length." : "You have been inactive for a while."} It ends${" "}
        <${Time} at=${end} />.${isFinal && " Save your work, then sign in again."}</p>
      ${problem && html`<${Notice} problem=${problem} />`}
    <//>
  `;
}
