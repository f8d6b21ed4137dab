// One input with its label, help, and what is wrong with it; and the place to drop a file on.
import { Icon } from "./icons.js";
import { safeLink } from "./format.js";
import { html, useEffect, useId, useRef, useState } from "./vendor/preact.js";

/** A component's link, if it is one that may be followed. */
export function HelpLink({ href, children }) {
  const address = safeLink(href);
  if (!address) return null;
  return html`<a class="away" href=${address} target="_blank" rel="noopener noreferrer">
    ${children} <${Icon} name="away" /><span class="unseen"> (opens a new tab)</span>
  </a>`;
}

function Control({ kind, choices, lines, isSecret, isShown, input, ...rest }) {
  if (kind === "choice") {
    return html`<select ref=${input} ...${rest}>
      ${!choices.some(({ value }) => value === "") && html`<option value="" disabled=${rest.required}>
        ${rest.required ? "Choose…" : "Not set"}</option>`}
      ${choices.map(({ value, label }) => html`<option key=${value} value=${value}>${label}</option>`)}
    </select>`;
  }
  if (lines) {
    const mask = isSecret && !isShown ? "mono masked" : "mono";
    return html`<textarea ref=${input} class=${mask} rows=${lines} ...${rest}></textarea>`;
  }
  const type = isSecret && !isShown ? "password" : kind === "email" ? "email" : kind === "url" ? "url" : "text";
  return html`<input ref=${input} type=${kind === "search" ? "search" : type} class=${isSecret ? "mono" : ""} ...${rest} />`;
}

/**
 * A labelled input. `kind` is `text`, `email`, `url`, `search` or `choice` (with `choices: [{value, label}]`); `lines`
 * makes it a text of several lines. `error` is what is wrong, `hint` what to mind while typing, `help` what it is.
 * `isSecret` masks it and lets it be shown. `onInput` gets the value. Further attributes go to the input.
 */
export function Field(props) {
  const { label, help, helpUrl, helpLabel, error, hint, isSecret, isOptional, hasHiddenLabel, children, after } = props;
  const { onInput, onFile, value = "", kind = "text", input, ...rest } = props;
  for (const ours of ["label", "help", "helpUrl", "helpLabel", "error", "hint", "isOptional", "hasHiddenLabel"]) {
    delete rest[ours];
  }
  delete rest.children;
  delete rest.after;
  const id = useId();
  const [isShown, show] = useState(false);
  const [isOver, setOver] = useState(false);
  useEffect(() => {
    if (!value) show(false);
  }, [value]);
  const described = [help && `${id}-help`, hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ");
  const take = async (event) => {
    event.preventDefault();
    setOver(false);
    const file = event.dataTransfer?.files?.[0] ?? event.target.files?.[0];
    if (file) onFile(file);
  };
  const dropping = onFile && {
    onDragOver: (event) => {
      event.preventDefault();
      setOver(true);
    },
    onDragLeave: () => setOver(false),
    onDrop: take,
  };
  return html`
    <div class=${`field ${error ? "wrong" : ""} ${isOver ? "over" : ""}`} ...${dropping}>
      <div class=${hasHiddenLabel ? "unseen" : "field-head"}>
        <label for=${id}>${label}</label>
        ${isOptional && html`<span class="muted small">optional</span>`}
      </div>
      ${help && html`<p class="help" id=${`${id}-help`}>${help}</p>`}
      ${helpUrl && html`<p class="help"><${HelpLink} href=${helpUrl}>${helpLabel ?? "Where to find it"}<//></p>`}
      <div class="control">
        <${Control}
          ...${rest} id=${id} kind=${kind} value=${value} input=${input} isSecret=${isSecret} isShown=${isShown}
          aria-describedby=${described || undefined} aria-invalid=${error ? "true" : undefined} spellcheck="false"
          autocomplete=${rest.autocomplete ?? "off"} autocapitalize="off"
          onInput=${(event) => onInput?.(event.currentTarget.value, event)}
        />
        ${isSecret && value && html`
          <button type="button" class="quiet inside" aria-pressed=${isShown} onClick=${() => show(!isShown)}>
            <${Icon} name=${isShown ? "hidden" : "eye"} /> ${isShown ? "Hide" : "Show"}
          </button>
        `}
        ${after}
      </div>
      ${onFile && html`
        <p class="help file">
          <label class="pick"><${Icon} name="upload" /> Choose a file<input type="file" class="unseen" accept=${rest.accept}
            onChange=${take} /></label>
          <span class="muted">or drop it here.</span>
        </p>
      `}
      ${hint && html`<p class="hint" id=${`${id}-hint`}>${hint}</p>`}
      ${error && html`<p class="error" id=${`${id}-error`}><${Icon} name="bad" /> ${error}</p>`}
      ${children}
    </div>
  `;
}

/** A place to drop one file on, or to choose it. `onFile` gets the File. */
export function Drop({ label, help, accept, onFile, isBusy, children }) {
  const [isOver, setOver] = useState(false);
  const depth = useRef(0);
  const enter = (event) => {
    event.preventDefault();
    depth.current += 1;
    setOver(true);
  };
  const leave = () => {
    depth.current -= 1;
    if (depth.current <= 0) setOver(false);
  };
  const drop = (event) => {
    event.preventDefault();
    depth.current = 0;
    setOver(false);
    const file = event.dataTransfer.files[0];
    if (file && !isBusy) onFile(file);
  };
  const pick = (event) => {
    const file = event.currentTarget.files[0];
    event.currentTarget.value = "";
    if (file) onFile(file);
  };
  return html`
    <div class=${`drop ${isOver ? "over" : ""}`} onDragEnter=${enter} onDragOver=${(event) => event.preventDefault()}
      onDragLeave=${leave} onDrop=${drop}>
      <${Icon} name="upload" />
      <div>
        <label class="pick">${label}<input type="file" class="unseen" accept=${accept} disabled=${isBusy}
          onChange=${pick} /></label>
        ${help && html`<p class="muted small">${help}</p>`}
        ${children}
      </div>
    </div>
  `;
}
