// The form that a component describes: its fields, what to mind while typing, what the provider said of each.
import { call } from "./api.js";
import { sentence } from "./format.js";
import { mind } from "./pattern.js";
import { wordOf } from "./problems.js";
import { Button, Field, Notice, Progress, useSlow } from "./ui.js";
import { html, useEffect, useRef, useState } from "./vendor/preact.js";

/** An object with nothing of its own but what is put in: a component may call a field `constructor`. */
const bare = (entries) => Object.assign(Object.create(null), entries);

/** Bytes of a key file, as the service bounds them. */
const LONGEST_FILE = 64 << 10;

/** The words to mind, once somebody stopped typing for a moment. */
function useHint(field, value) {
  const [hint, set] = useState(null);
  useEffect(() => {
    if (!value) {
      set(null);
      return undefined;
    }
    const timer = setTimeout(() => set(mind(field, value)), 450);
    return () => clearTimeout(timer);
  }, [value]);
  return value ? hint : null;
}

function One({ field, value, error, isUpdate, isDead, isCleared, onValue, onClear }) {
  const [fileError, setFileError] = useState(null);
  const [read, setRead] = useState(null);
  const hint = useHint(field, value);
  const isJson = field.kind === "json";
  const take = async (file) => {
    if (file.size > LONGEST_FILE) {
      setFileError(`${file.name} is too large for a key file: the limit is 64 KiB.`);
      return;
    }
    setFileError(null);
    onValue(await file.text());
    setRead(file.name);
  };
  const isKept = field.secret && isUpdate && !isCleared;
  const words = isDead ? "Enter a new one." : "Leave empty to keep the stored one.";
  const help = [field.help, isKept && words].filter(Boolean).join(" ");
  return html`
    <${Field}
      label=${field.label || field.name} help=${help || undefined} helpUrl=${field.help_url} value=${value}
      kind=${field.kind} choices=${field.choices} lines=${isJson ? 6 : undefined} isSecret=${field.secret}
      isOptional=${!field.required} required=${field.required && !isKept} name=${field.name} disabled=${isCleared}
      placeholder=${isKept && !isDead ? "Unchanged" : undefined} accept=${isJson ? ".json,application/json" : undefined}
      hint=${error ? null : hint} error=${fileError ?? error} onInput=${onValue} onFile=${isJson ? take : undefined}
      data-1p-ignore data-lpignore="true"
    >
      ${read && value && html`<p class="help" role="status">${read} is loaded.</p>`}
      ${isUpdate && field.secret && !field.required && html`
        <label class="row small"><input type="checkbox" checked=${isCleared}
          onChange=${(event) => onClear(event.currentTarget.checked)} /> Remove the stored one</label>
      `}
    <//>
  `;
}

/** What is sent: only what was entered or changed; an optional one that was emptied is cleared. */
function bodyOf(fields, values, cleared, stored) {
  const body = bare();
  for (const { name, secret, required } of fields) {
    const value = (values[name] ?? "").trim();
    if (cleared[name]) body[name] = null;
    else if (value && (secret || value !== stored?.[name])) body[name] = value;
    else if (!value && !secret && !required && stored?.[name]) body[name] = null;
  }
  return body;
}

/** What is missing, before anything is sent. */
function missing(fields, values, isUpdate) {
  const errors = bare();
  for (const { name, secret, required } of fields) {
    const isKept = secret && isUpdate;
    if (required && !isKept && !(values[name] ?? "").trim()) errors[name] = "This field is required.";
  }
  return errors;
}

/** The service's rules begin with a verb, a provider's words begin as they please. */
function asSentence(message) {
  const whole = /^(is|must|holds|does|belongs|was|can) /.test(message) ? `It ${message}` : sentence(message);
  return /[.!?…]$/.test(whole) ? whole : `${whole}.`;
}

/** A refusal, sorted: what belongs beside a field, and whether all of it found one. */
function beside(problem, fields, body) {
  const errors = bare();
  let isPlaced = problem.errors.length > 0;
  for (const { field, message } of problem.errors) {
    if (fields.some(({ name }) => name === field)) errors[field] = asSentence(message);
    else isPlaced = false;
  }
  // One credential was sent, and one was refused.
  const secrets = fields.filter(({ name, secret }) => secret && body[name]);
  if (problem.code === "credential_rejected" && secrets.length === 1) {
    const word = wordOf(problem.detail);
    errors[secrets[0].name] = word ? `The provider refused it: ${word}` : "The provider refused it.";
    isPlaced = true;
  }
  return { errors, isPlaced };
}

/**
 * The fields of a provider. `stored` are the values that are no secrets, where it is connected, and `isDead` says that
 * the stored credential is good no more. `onDone` gets the answer of a connect that worked; by then nothing of what was
 * entered is left here.
 */
export function ConnectForm({ provider, stored, isUpdate, isDead, onDone, onCancel }) {
  const fields = provider.fields;
  const first = ({ name, secret }) => [name, (!secret && stored?.[name]) || ""];
  const fresh = () => bare(Object.fromEntries(fields.map(first)));
  const [values, setValues] = useState(fresh);
  const [cleared, setCleared] = useState(bare);
  const [errors, setErrors] = useState(bare);
  const [refusal, setRefusal] = useState(null);
  const [isBusy, setBusy] = useState(false);
  const isSlow = useSlow(isBusy);
  const form = useRef(null);
  useEffect(() => {
    if (Object.keys(errors).length) form.current.querySelector("[aria-invalid]")?.focus();
  }, [errors]);

  const save = async (event) => {
    event.preventDefault();
    if (isBusy) return;
    setRefusal(null);
    const lacking = missing(fields, values, isUpdate);
    setErrors(lacking);
    if (Object.keys(lacking).length) return;
    const body = bodyOf(fields, values, cleared, stored);
    setBusy(true);
    try {
      const answer = await call("PUT", `/api/admin/connections/${encodeURIComponent(provider.id)}`, body);
      setValues(fresh());
      setCleared(bare());
      onDone(answer);
    } catch (problem) {
      const placed = beside(problem, fields, body);
      setErrors(placed.errors);
      setRefusal({ problem, isBrief: placed.isPlaced });
    } finally {
      setBusy(false);
    }
  };
  const change = (name, value) => {
    setValues((before) => bare({ ...before, [name]: value }));
    setErrors(({ [name]: _, ...rest }) => bare(rest));
  };

  return html`
    <form class="stack loose" ref=${form} onSubmit=${save} novalidate autocomplete="off">
      ${fields.map((field) => html`<${One} key=${field.name} field=${field} value=${values[field.name] ?? ""}
        error=${errors[field.name]} isUpdate=${isUpdate} isDead=${isDead} isCleared=${Boolean(cleared[field.name])}
        onValue=${(value) => change(field.name, value)}
        onClear=${(isOn) => setCleared((before) => bare({ ...before, [field.name]: isOn }))} />`)}
      ${refusal && html`<${Notice} ...${refusal} />`}
      ${isSlow && html`<${Progress} label=${`Testing it with ${provider.title}…`} />`}
      <div class="row">
        <${Button} type="submit" look="primary" isBusy=${isBusy}>
          ${isUpdate ? "Test and save" : `Connect ${provider.title}`}<//>
        ${onCancel && html`<${Button} onClick=${onCancel}>Cancel<//>`}
      </div>
      <p class="muted small">It is tested with ${provider.title} first, and stored only if it works. Secrets are sealed and
        never shown again.</p>
    </form>
  `;
}
