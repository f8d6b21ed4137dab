// The pieces that all pages are made of: buttons, status, dialogs, notices, progress, times.
import { Icon } from "./icons.js";
import { ago, date, hue, monogram, sentence } from "./format.js";
import { explain } from "./problems.js";
import { Link, moved } from "./router.js";
import { html, useEffect, useId, useRef, useState } from "./vendor/preact.js";

export { Drop, Field, HelpLink } from "./field.js";
export { Icon, Mark } from "./icons.js";

/**
 * A button, or with `to` a link that looks like one. `look` is `primary`, `plain`, `danger` or `quiet`. While `isBusy`
 * it says so and takes no click, but keeps the focus.
 */
export function Button({ look = "plain", icon, isBusy, to, onClick, children, type = "button", ...rest }) {
  const sign = isBusy ? html`<span class="spin" aria-hidden="true"></span>` : icon && html`<${Icon} name=${icon} />`;
  const inside = html`${sign}<span>${children}</span>`;
  if (to) return html`<${Link} to=${to} class=${`button ${look}`} ...${rest}>${inside}<//>`;
  const click = (event) => {
    if (isBusy) event.preventDefault();
    else onClick?.(event);
  };
  return html`
    <button type=${type} class=${`button ${look}`} aria-busy=${isBusy ? "true" : undefined}
      aria-disabled=${isBusy ? "true" : undefined} onClick=${click} ...${rest}>${inside}</button>
  `;
}

const SIGNS = {
  ok: "check",
  ready: "link",
  soon: "clock",
  wait: "wait",
  bad: "warn",
  ask: "choice",
  locked: "lock",
  off: "off",
};

/** A state in word, icon and colour: `ok`, `ready`, `soon`, `wait`, `bad`, `ask`, `locked`, `off` or `none`. */
export function Status({ kind, word }) {
  return html`<span class=${`status ${kind}`}><${Icon} name=${SIGNS[kind] ?? "idle"} />${word}</span>`;
}

/** The letters that stand for a provider, coloured by its id. */
export function Monogram({ id, title }) {
  const paint = (element) => element?.style.setProperty("--hue", hue(id));
  return html`<span class="monogram" aria-hidden="true" ref=${paint}>${monogram(title ?? id)}</span>`;
}

/** A dialog in front of the page. The focus goes in, and back to where it was; Escape and `onClose` end it. */
export function Dialog({ title, onClose, actions, isWide, children }) {
  const element = useRef(null);
  const latest = useRef(onClose);
  latest.current = onClose;
  const id = useId();
  useEffect(() => {
    const dialog = element.current;
    // A second Escape closes it whatever is said to the first.
    const closed = () => latest.current();
    dialog.addEventListener("close", closed);
    dialog.showModal();
    return () => {
      dialog.removeEventListener("close", closed);
      dialog.close();
    };
  }, []);
  const body = useRef(null);
  // What is longer than the window can be scrolled by keys, too.
  useEffect(() => {
    const judge = () => (body.current.tabIndex = body.current.scrollHeight > body.current.clientHeight ? 0 : -1);
    const watch = new ResizeObserver(judge);
    for (const part of [body.current, ...body.current.children]) watch.observe(part);
    return () => watch.disconnect();
  });
  const cancel = (event) => {
    event.preventDefault();
    onClose();
  };
  return html`
    <dialog ref=${element} class=${isWide ? "wide" : ""} aria-labelledby=${id} onCancel=${cancel}>
      <div class="dialog-head">
        <h2 id=${id}>${title}</h2>
        <button type="button" class="quiet" aria-label="Close" onClick=${onClose}><${Icon} name="close" /></button>
      </div>
      <div class="dialog-body" ref=${body}>${children}</div>
      ${actions && html`<div class="dialog-foot">${actions}</div>`}
    </dialog>
  `;
}

/**
 * What happened, what it means, what to do. With a `problem` the words come from its code; `title`, `means` and `todo`
 * say more where a page knows more; with `isBrief` the details stand elsewhere, beside their fields. `kind` is `bad`, `warn`, `ok` or `info`.
 */
export function Notice({ kind, problem, isBrief, title, means, todo, action, onRetry, children }) {
  const said = problem ? explain(problem) : {};
  const shown = kind ?? (problem ? "bad" : "info");
  const icon = { bad: "bad", warn: "warn", ok: "check", info: "info" }[shown];
  const fields = problem?.errors?.filter((error) => error?.message) ?? [];
  return html`
    <div class=${`notice ${shown}`} role=${shown === "bad" ? "alert" : "status"}>
      <${Icon} name=${icon} />
      <div class="notice-words">
        <p class="notice-title">${title ?? said.title}</p>
        ${problem?.detail && !isBrief && html`<p class="wrap">${sentence(problem.detail)}</p>`}
        ${fields.length > 1 && !isBrief && html`<ul>${fields.slice(0, 8).map((error) => html`<li class="wrap">
          ${error.line ? `Line ${error.line}: ` : ""}${error.field ? `${error.field} ` : ""}${error.message}</li>`)}</ul>`}
        ${(means ?? said.means) && html`<p>${means ?? said.means}</p>`}
        ${(todo ?? said.todo) && html`<p>${todo ?? said.todo}</p>`}
        ${children}
        ${(action || onRetry) && html`<div class="row">
          ${onRetry && html`<${Button} icon="refresh" onClick=${onRetry}>Try again<//>`}${action}
        </div>`}
        ${problem?.requestId && html`<p class="muted small">Request id <code>${problem.requestId}</code></p>`}
      </div>
    </div>
  `;
}

/** Something that goes on: a bar where `max` is known, else one that only moves. `label` says what, in words. */
export function Progress({ value, max, label, children }) {
  const id = useId();
  const isKnown = Number.isFinite(max) && max > 0;
  return html`
    <div class="progress">
      <p id=${id} role="status">${label}</p>
      ${isKnown
        ? html`<progress aria-labelledby=${id} value=${Math.min(value, max)} max=${max}></progress>`
        : html`<progress aria-labelledby=${id}></progress>`}
      ${children}
    </div>
  `;
}

/** True once `isOn` has lasted so long that it is worth a word: half a second, where nothing else is said. */
export function useSlow(isOn, after = 300) {
  const [isSlow, set] = useState(false);
  useEffect(() => {
    set(false);
    if (!isOn) return undefined;
    const timer = setTimeout(() => set(true), after);
    return () => clearTimeout(timer);
  }, [isOn]);
  return isOn && isSlow;
}

/**
 * Takes the focus to `element` when `what` changes and the focus was lost by that, as it is when the button that was
 * pressed is not there any more.
 */
export function useFoundFocus(element, what) {
  const before = useRef(what);
  useEffect(() => {
    if (before.current === what) return;
    before.current = what;
    if (document.activeElement === document.body || !document.activeElement) element.current?.focus();
  }, [what]);
}

/** Nothing there yet: why, and what to do first. */
export const Empty = ({ icon = "idle", title, children, action }) => html`
  <div class="empty">
    <${Icon} name=${icon} />
    <h2>${title}</h2>
    ${children && html`<p class="muted">${children}</p>`}
    ${action}
  </div>
`;

/** A moment as a person says it; the exact one is its title. */
export function Time({ at }) {
  const [, turn] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => turn((count) => count + 1), 20_000);
    return () => clearInterval(timer);
  }, []);
  if (!at) return null;
  return html`<time datetime=${at} title=${date(at)}>${ago(at)}</time>`;
}

/** A page: its heading, which takes the focus when one came here by a link, a lead, and its actions. */
export function Page({ title, lead, actions, back, children }) {
  const heading = useRef(null);
  useEffect(() => {
    document.title = `${title} · Jackfield`;
  }, [title]);
  useEffect(() => {
    if (moved()) heading.current?.focus({ preventScroll: true });
  }, []);
  return html`
    <div class="page">
      ${back && html`<p class="back"><${Link} to=${back.to}><${Icon} name="back" /> ${back.label}<//></p>`}
      <header class="page-head">
        <div>
          <h1 tabindex="-1" ref=${heading}>${title}</h1>
          ${lead && html`<p class="lead">${lead}</p>`}
        </div>
        ${actions && html`<div class="row">${actions}</div>`}
      </header>
      ${children}
    </div>
  `;
}

let told = [];
let listen = () => {};
let count = 0;

/**
 * Says something that needs no answer, at the edge of the page, for a few seconds. `kind` is `ok` or `bad`. An `action`,
 * `{label, run}`, is a button on it, and gives it half a minute.
 */
export function toast(words, kind = "ok", action = null) {
  const drop = () => {
    told = told.filter((other) => other !== one);
    listen(told);
  };
  const run = () => {
    drop();
    action.run();
  };
  const one = { key: (count += 1), words, kind, action: action && { label: action.label, run } };
  told = [...told.slice(-2), one];
  listen(told);
  setTimeout(drop, action ? 30_000 : kind === "bad" ? 12_000 : 6_000);
}

/** Where toasts are shown. Stands once, in the shell. */
export function Toasts() {
  const [shown, set] = useState(told);
  useEffect(() => {
    listen = set;
  }, []);
  return html`
    <div class="toasts" role="status" aria-live="polite">
      ${shown.map(({ key, words, kind, action }) => html`<p key=${key} class=${`toast ${kind}`}>
        <${Icon} name=${kind === "bad" ? "bad" : "check"} /><span>${words}</span>
        ${action && html`<${Button} look="quiet" onClick=${action.run}>${action.label}<//>`}</p>`)}
    </div>
  `;
}
