// The components that all pages use: buttons, statuses, dialogs, notices, progress bars, times, toasts and the page
// itself.
import { formatAgo, formatDate, getHue, getInitials, toSentence } from "./format.js";
import { Icon } from "./icons.js";
import { explainProblem } from "./problems.js";
import { hasNavigated, Link } from "./router.js";
import { html, useEffect, useId, useRef, useState } from "./vendor/preact.js";

export { Field, HelpLink } from "./field.js";
export { FileDrop } from "./file_drop.js";
export { Icon, Logo } from "./icons.js";

/**
 * A button, or with `to` a link that looks like one. `look` is `primary`, `plain`, `danger` or `quiet`. While `isBusy`,
 * it shows a spinner and ignores clicks, but keeps the focus.
 */
export function Button({ look = "plain", icon, isBusy, to, onClick, children, type = "button", ...rest }) {
  const symbol = isBusy ? html`<span class="spin" aria-hidden="true"></span>` : icon && html`<${Icon} name=${icon} />`;
  const content = html`${symbol}<span>${children}</span>`;
  if (to) return html`<${Link} to=${to} class=${`button ${look}`} ...${rest}>${content}<//>`;
  const click = (event) => {
    if (isBusy) event.preventDefault();
    else onClick?.(event);
  };
  return html`
    <button type=${type} class=${`button ${look}`} aria-busy=${isBusy ? "true" : undefined}
      aria-disabled=${isBusy ? "true" : undefined} onClick=${click} ...${rest}>${content}</button>
  `;
}

const STATUS_ICONS = {
  ok: "check",
  ready: "link",
  soon: "clock",
  wait: "wait",
  bad: "warn",
  ask: "choice",
  locked: "lock",
  off: "off",
};

/** A status as a word, an icon and a colour. `kind` is a key of `STATUS_ICONS`, or `none`. One that `isOld` is grey. */
export function Status({ kind, word, isOld }) {
  return html`<span class=${`status ${isOld ? "off" : kind}`}><${Icon} name=${STATUS_ICONS[kind] ?? "idle"} />${word}</span>`;
}

/** The initials of a provider, coloured by its id. */
export function Monogram({ id, title }) {
  const setColour = (element) => element?.style.setProperty("--hue", getHue(id));
  return html`<span class="monogram" aria-hidden="true" ref=${setColour}>${getInitials(title ?? id)}</span>`;
}

/** Returns where the focus starts in a dialog: its first field, or the first button that destroys nothing. */
const findFirstControl = (dialog) =>
  dialog.querySelector(".dialog-body :is(input, select, textarea):not([tabindex='-1'])") ??
  dialog.querySelector(".dialog-foot .button:not(.danger)");

/** A modal dialog. It takes the focus and gives it back at the end. Escape and the close button call `onClose`. */
export function Dialog({ title, onClose, actions, isWide, children }) {
  const element = useRef(null);
  const latest = useRef(onClose);
  latest.current = onClose;
  const id = useId();
  useEffect(() => {
    const dialog = element.current;
    // Browsers close a dialog on a second Escape even if the first was prevented.
    const handleClose = () => latest.current();
    dialog.addEventListener("close", handleClose);
    dialog.showModal();
    findFirstControl(dialog)?.focus();
    return () => {
      dialog.removeEventListener("close", handleClose);
      dialog.close();
    };
  }, []);
  const body = useRef(null);
  // A body that is longer than the window gets a tab stop, so that it can be scrolled by keys.
  useEffect(() => {
    const updateTabIndex = () => (body.current.tabIndex = body.current.scrollHeight > body.current.clientHeight ? 0 : -1);
    const observer = new ResizeObserver(updateTabIndex);
    for (const part of [body.current, ...body.current.children]) observer.observe(part);
    return () => observer.disconnect();
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
 * A message: what happened, what it means, what to do. With a `problem`, the text comes from its code, and `title`,
 * `means` and `todo` override parts of it. With `isBrief`, the details are left out, because fields show them. `kind` is
 * `bad`, `warn`, `ok` or `info`.
 */
export function Notice({ kind, problem, isBrief, title, means, todo, action, onRetry, children }) {
  const explanation = problem ? explainProblem(problem) : {};
  const shown = kind ?? (problem ? "bad" : "info");
  const icon = { bad: "bad", warn: "warn", ok: "check", info: "info" }[shown];
  const fields = problem?.errors?.filter((error) => error?.message) ?? [];
  return html`
    <div class=${`notice ${shown}`} role=${shown === "bad" ? "alert" : "status"}>
      <${Icon} name=${icon} />
      <div class="notice-text">
        <p class="notice-title">${title ?? explanation.title}</p>
        ${problem?.detail && !isBrief && html`<p class="wrap">${toSentence(problem.detail)}</p>`}
        ${fields.length > 1 && !isBrief && html`<ul>${fields.slice(0, 8).map((error) => html`<li class="wrap">
          ${error.line ? `Line ${error.line}: ` : ""}${error.field ? `${error.field} ` : ""}${error.message}</li>`)}</ul>`}
        ${(means ?? explanation.means) && html`<p>${means ?? explanation.means}</p>`}
        ${(todo ?? explanation.todo) && html`<p>${todo ?? explanation.todo}</p>`}
        ${children}
        ${(action || onRetry) && html`<div class="row">
          ${onRetry && html`<${Button} icon="refresh" onClick=${onRetry}>Try again<//>`}${action}
        </div>`}
        ${problem?.requestId && html`<p class="muted small">Request id <code>${problem.requestId}</code></p>`}
      </div>
    </div>
  `;
}

/** Shows a text of the API, whose names are in backticks. */
export const WithCode = ({ text }) =>
  html`${text.split("`").map((part, at) => (at % 2 ? html`<code>${part}</code>` : part))}`;

/** A progress bar with a label. Without `max`, the bar shows only that work is in progress. */
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

/** Returns true if `isOn` has been true for `after` milliseconds, so that only slow work is announced. */
export function useSlow(isOn, after = 300) {
  const [isSlow, setSlow] = useState(false);
  useEffect(() => {
    setSlow(false);
    if (!isOn) return undefined;
    const timer = setTimeout(() => setSlow(true), after);
    return () => clearTimeout(timer);
  }, [isOn]);
  return isOn && isSlow;
}

/**
 * Moves the focus to `element` if it was lost when `state` changed, for example because the pressed button was removed.
 */
export function useFocusRecovery(element, state) {
  const before = useRef(state);
  useEffect(() => {
    if (before.current === state) return;
    before.current = state;
    if (document.activeElement === document.body || !document.activeElement) element.current?.focus();
  }, [state]);
}

/** Moves the focus to the first field with an error when `errors` changes. */
export function useErrorFocus(form, errors) {
  useEffect(() => {
    form.current?.querySelector("[aria-invalid]")?.focus();
  }, [errors]);
}

/** Shown instead of an empty list: why it is empty, and what to do. */
export const EmptyState = ({ icon = "idle", title, children, action }) => html`
  <div class="empty">
    <${Icon} name=${icon} />
    <h2>${title}</h2>
    ${children && html`<p class="muted">${children}</p>`}
    ${action}
  </div>
`;

/** A time relative to now, with the exact time as its title. */
export function Time({ at }) {
  const [, redraw] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => redraw((count) => count + 1), 20_000);
    return () => clearInterval(timer);
  }, []);
  if (!at) return null;
  return html`<time datetime=${at} title=${formatDate(at)}>${formatAgo(at)}</time>`;
}

/** A page: heading, lead, actions and content. The heading gets the focus if a link of the console led here. */
export function Page({ title, lead, actions, back, children }) {
  const heading = useRef(null);
  useEffect(() => {
    document.title = `${title} · Jackfield`;
  }, [title]);
  useEffect(() => {
    if (hasNavigated()) heading.current?.focus({ preventScroll: true });
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

let toasts = [];
let onToasts = () => {};
let toastCount = 0;

/**
 * Shows a message in the corner of the page for a few seconds. `kind` is `ok` or `bad`. With an `action`, `{label, run}`,
 * it has a button and stays for half a minute.
 */
export function showToast(message, kind = "ok", action = null) {
  const remove = () => {
    toasts = toasts.filter((other) => other.key !== toast.key);
    onToasts(toasts);
  };
  const run = () => {
    remove();
    action.run();
  };
  const toast = { key: (toastCount += 1), message, kind, action: action && { label: action.label, run } };
  // Only the last change has a button to undo it, so that changes are undone in their order.
  if (action) toasts = toasts.map((other) => ({ ...other, action: null }));
  toasts = [...toasts.slice(-2), toast];
  onToasts(toasts);
  setTimeout(remove, action ? 30_000 : kind === "bad" ? 12_000 : 6_000);
}

/** Shows the toasts. The frame contains it once. */
export function Toasts() {
  const [shown, setShown] = useState(toasts);
  useEffect(() => {
    onToasts = setShown;
  }, []);
  return html`
    <div class="toasts" role="status" aria-live="polite">
      ${shown.map(({ key, message, kind, action }) => html`<p key=${key} class=${`toast ${kind}`}>
        <${Icon} name=${kind === "bad" ? "bad" : "check"} /><span>${message}</span>
        ${action && html`<${Button} look="quiet" onClick=${action.run}>${action.label}<//>`}</p>`)}
    </div>
  `;
}
