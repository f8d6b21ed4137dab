// What a person sees of an OAuth flow: the button that starts it, what to do meanwhile, and how it ended.
import { toSentence } from "./format.js";
import { OAuthApp } from "./oauth_app.js";
import { extractRejectionReason } from "./problems.js";
import { explainReason } from "./provider_reasons.js";
import { Button, Notice, Progress, Time, useSlow } from "./ui.js";
import { html, useState } from "./vendor/preact.js";

function Waiting({ title, flow }) {
  const { isBlocked, isAway, isElsewhere, url, start, cancel, showWindow } = flow;
  if (isBlocked) {
    return html`
      <${Notice} kind="warn" title="Your browser blocked the window"
        means=${`Open ${title}'s page with this link instead. This page continues automatically when you are done there.`}>
        <div class="row">
          <a class="button primary" href=${url} target="_blank" rel="noopener noreferrer">Open ${title} in a new tab</a>
          <${Button} onClick=${cancel}>Cancel<//>
        </div>
      <//>`;
  }
  if (isAway || isElsewhere) {
    return html`
      <${Notice} kind="warn"
        title=${isAway
          ? `The ${title} window was closed, or cannot be seen from here`
          : `A sign-in at ${title} is already in progress`}
        means=${isAway
          ? "If it is still open, finish there. If not, open it again; nothing has changed."
          : "It was started in another tab, or before this page was loaded. Finish it there, or start over."}>
        <${Progress} label="Waiting for the provider…" />
        <div class="row">
          <${Button} look="primary" onClick=${start}>${isAway ? "Open it again" : "Start over"}<//>
          <${Button} onClick=${cancel}>Cancel<//>
        </div>
      <//>`;
  }
  return html`
    <div class="stack">
      <${Progress} label=${`Waiting for you at ${title}, in the other window…`} />
      <p class="muted">Allow access there and choose your organisation. The sign-in expires <${Time}
        at=${flow.flow.expires_at} />.</p>
      <div class="row">
        <${Button} onClick=${showWindow}>Show the window<//>
        <${Button} look="quiet" onClick=${cancel}>Cancel<//>
      </div>
    </div>`;
}

const isDeclined = (reason) => Boolean(extractRejectionReason(reason)?.startsWith("access_denied"));

/** Explains why a flow failed, in a sentence. */
function explainFailure(reason) {
  const rejection = extractRejectionReason(reason);
  if (isDeclined(reason)) return "Access was declined there.";
  return `${toSentence(explainReason(rejection ?? reason))}.`;
}

/** The sign-in at a provider: its start, its progress and its result. Without an OAuth app, the form to set one up. */
export function OAuthSignIn({ provider, title, isUpdate, flow }) {
  const isStarting = flow.phase === "starting";
  const isSlow = useSlow(isStarting);
  const [isSettingUp, setSettingUp] = useState(false);
  const needsApp = flow.problem?.code === "unsupported";
  if (needsApp || isSettingUp) {
    return html`<${OAuthApp} ...${{ provider, title, isMissing: needsApp }} onCancel=${() => setSettingUp(false)}
      onDone=${() => {
        setSettingUp(false);
        flow.cancel();
      }} />`;
  }
  if (flow.phase === "waiting") return html`<${Waiting} title=${title} flow=${flow} />`;
  return html`
    <div class="stack">
      ${flow.phase === "expired" && html`<${Notice} kind="warn" title="The sign-in expired"
        means="It must be finished within ten minutes. Nothing was changed." todo="Start again." />`}
      ${flow.phase === "failed" && flow.problem && html`<${Notice} problem=${flow.problem} />`}
      ${flow.phase === "failed" && !flow.problem && html`<${Notice} kind="bad"
        title=${isUpdate ? `The new sign-in at ${title} failed` : `${title} was not connected`} means=${explainFailure(flow.reason)}
        todo=${`${isUpdate ? "The previous connection is unchanged." : "Nothing was stored."} ${isDeclined(flow.reason)
          ? "If you declined by mistake, start again."
          : "Start again. If it keeps failing, compare the OAuth app with the one at the provider."}`} />`}
      <p>${title} opens in a new window. Sign in there and allow access. The window then closes automatically.</p>
      ${isSlow && html`<${Progress} label=${`Preparing the sign-in at ${title}…`} />`}
      <div class="row">
        <${Button} look="primary" icon="away" isBusy=${isStarting} onClick=${flow.start}>
          ${isUpdate ? `Sign in at ${title} again` : `Sign in at ${title}`}<//>
        <${Button} look="quiet" onClick=${() => setSettingUp(true)}>Set up the OAuth app<//>
      </div>
    </div>
  `;
}
