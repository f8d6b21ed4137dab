// One form input with its label, its help, its hint and its error.
import { toSafeUrl } from "./format.js";
import { Icon } from "./icons.js";
import { html, useEffect, useId, useState } from "./vendor/preact.js";

/** A link that a plugin gives, or nothing if the console may not link to it. */
export function HelpLink({ href, children }) {
  const url = toSafeUrl(href);
  if (!url) return null;
  return html`<a href=${url} target="_blank" rel="noopener noreferrer">
    ${children} <${Icon} name="away" /><span class="visually-hidden"> (opens a new tab)</span>
  </a>`;
}

/** A password manager offers to store what is in a password field, together with the field before it. */
const CAN_MASK = CSS.supports("-webkit-text-security", "disc");

function Control({ kind, choices, lines, isSecret, isShown, ...rest }) {
  if (kind === "choice") {
    return html`<select ...${rest}>
      ${!choices.some(({ value }) => value === rest.value || value === "") && html`<option value="" disabled=${rest.required}>
        ${rest.required ? "Choose…" : "Not set"}</option>`}
      ${choices.map(({ value, label }) => html`<option key=${value} value=${value}>${label}</option>`)}
    </select>`;
  }
  if (lines) {
    const className = isSecret && !isShown ? "mono masked" : "mono";
    return html`<textarea class=${className} rows=${lines} ...${rest}></textarea>`;
  }
  if (isSecret) {
    const isMasked = CAN_MASK && !isShown;
    return html`<input type=${isShown || isMasked ? "text" : "password"} class=${isMasked ? "mono masked" : "mono"} ...${rest} />`;
  }
  return html`<input type=${["email", "url", "search"].includes(kind) ? kind : "text"} ...${rest} />`;
}

/**
 * A labelled input. `kind` is `text`, `email`, `url`, `search` or `choice` (with `choices: [{value, label}]`); `lines`
 * makes it a text area. `help` explains the value, `hint` comments on it while somebody types, `error` says what is
 * wrong. `isSecret` masks it, with a button to show it. `onInput` gets the value, `onFile` a dropped or chosen File.
 * Other attributes go to the input.
 */
export function Field({
  label,
  help,
  helpUrl,
  error,
  hint,
  isOptional,
  isSecret,
  kind = "text",
  value = "",
  onInput,
  onFile,
  children,
  ...rest
}) {
  const id = useId();
  const [isShown, setShown] = useState(false);
  const [isOver, setOver] = useState(false);
  useEffect(() => {
    if (!value) setShown(false);
  }, [value]);
  const describedBy = [help && `${id}-help`, hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ");
  const chooseFile = (event) => {
    event.preventDefault();
    setOver(false);
    const file = event.dataTransfer?.files?.[0] ?? event.target.files?.[0];
    if (file) onFile(file);
  };
  const dropHandlers = onFile && {
    onDragOver: (event) => {
      event.preventDefault();
      setOver(true);
    },
    onDragLeave: () => setOver(false),
    onDrop: chooseFile,
  };
  return html`
    <div class=${`field ${error ? "wrong" : ""} ${isOver ? "over" : ""}`} ...${dropHandlers}>
      <div class="field-head">
        <label for=${id}>${label}</label>
        ${isOptional && html`<span class="muted small">optional</span>`}
      </div>
      ${help && html`<p class="help" id=${`${id}-help`}>${help}</p>`}
      ${helpUrl && html`<p class="help"><${HelpLink} href=${helpUrl}>Where to find it<//></p>`}
      <div class="control">
        <${Control}
          ...${rest} id=${id} kind=${kind} value=${value} isSecret=${isSecret} isShown=${isShown}
          aria-describedby=${describedBy || undefined} aria-invalid=${error ? "true" : undefined} spellcheck=${false}
          autocomplete=${rest.autocomplete ?? "off"} autocapitalize="off"
          onInput=${(event) => onInput?.(event.currentTarget.value, event)}
        />
        ${isSecret && value && html`
          <button type="button" class="quiet inside" aria-pressed=${isShown} onClick=${() => setShown(!isShown)}>
            <${Icon} name=${isShown ? "hidden" : "eye"} /> ${isShown ? "Hide" : "Show"}
          </button>
        `}
      </div>
      ${onFile && html`
        <p class="help file">
          <label class="file-button"><${Icon} name="upload" /> Choose a file<input type="file" class="visually-hidden"
            accept=${rest.accept} onChange=${chooseFile} /></label>
          <span class="muted">or drop it here.</span>
        </p>
      `}
      ${hint && html`<p class="hint" id=${`${id}-hint`}>${hint}</p>`}
      ${error && html`<p class="error" id=${`${id}-error`}><${Icon} name="bad" /> ${error}</p>`}
      ${children}
    </div>
  `;
}
