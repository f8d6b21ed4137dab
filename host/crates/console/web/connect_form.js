// The form that connects a provider: the fields of its plugin, hints while typing, and errors next to their fields.
import { call } from "./api.js";
import { findFieldHint } from "./field_hint.js";
import { toSentence } from "./format.js";
import { extractRejectionReason } from "./problems.js";
import { explainReason } from "./provider_reasons.js";
import { Button, Field, Notice, Progress, useErrorFocus, useSlow } from "./ui.js";
import { html, useEffect, useRef, useState } from "./vendor/preact.js";

/** Creates an object without a prototype, because a plugin may name a field `constructor`. */
const toRecord = (entries) => Object.assign(Object.create(null), entries);

/** Maximum size of a key file in bytes, as the service limits it. */
const MAX_FILE_BYTES = 64 << 10;

const TYPING_MS = 450;

/** Returns a hint about a value after a pause in typing. */
function useHint(field, value) {
  const [hint, setHint] = useState(null);
  useEffect(() => {
    if (!value) {
      setHint(null);
      return undefined;
    }
    const timer = setTimeout(() => setHint(findFieldHint(field, value)), TYPING_MS);
    return () => clearTimeout(timer);
  }, [value]);
  return value ? hint : null;
}

/** What to enter for a secret whose stored value is no longer used, by the reason. */
const DEAD_NOTES = {
  rejected: "Enter a new one: the provider no longer accepts the stored credential.",
  needed: "Enter it again, to allow its new destinations. It can be the same one.",
  unreadable: "Enter it again: the stored one cannot be decrypted.",
};

function ConnectField({ field, value, error, isUpdate, dead, isCleared, onValue, onClear }) {
  const [fileError, setFileError] = useState(null);
  const [fileName, setFileName] = useState(null);
  const hint = useHint(field, value);
  const isJson = field.kind === "json";
  const readFile = async (file) => {
    if (file.size > MAX_FILE_BYTES) {
      setFileError(`${file.name} is too large for a key file: the limit is 64 KiB.`);
      return;
    }
    setFileError(null);
    onValue(await file.text());
    setFileName(file.name);
  };
  const isKept = field.secret && isUpdate && !isCleared;
  const note = DEAD_NOTES[dead] ?? "Leave this empty to keep the stored one.";
  const help = [field.help, isKept && note].filter(Boolean).join(" ");
  return html`
    <${Field}
      label=${field.label || field.name} help=${help || undefined} helpUrl=${field.help_url} value=${value}
      kind=${field.kind} choices=${field.choices} lines=${isJson ? 6 : undefined} isSecret=${field.secret}
      isOptional=${!field.required} required=${field.required && !isKept} name=${field.name} disabled=${isCleared}
      placeholder=${isKept && !dead ? "Unchanged" : undefined} accept=${isJson ? ".json,application/json" : undefined}
      hint=${error ? null : hint} error=${fileError ?? error} onInput=${onValue} onFile=${isJson ? readFile : undefined}
      data-1p-ignore data-lpignore="true"
    >
      ${fileName && value && html`<p class="help" role="status">${fileName} is loaded.</p>`}
      ${isUpdate && field.secret && !field.required && html`
        <label class="row small"><input type="checkbox" checked=${isCleared}
          onChange=${(event) => onClear(event.currentTarget.checked)} /> Remove the stored one</label>
      `}
    <//>
  `;
}

/**
 * Returns the request's body: only fields that were entered or changed. An optional field that was emptied is cleared.
 */
function toBody(fields, values, cleared, settings) {
  const body = toRecord();
  for (const { name, secret, required } of fields) {
    const value = (values[name] ?? "").trim();
    if (cleared[name]) body[name] = null;
    else if (value && (secret || value !== settings?.[name])) body[name] = value;
    else if (!value && !secret && !required && settings?.[name]) body[name] = null;
  }
  return body;
}

/** Returns an error for each required field that is empty. */
function findMissing(fields, values, isUpdate) {
  const errors = toRecord();
  for (const { name, secret, required } of fields) {
    const isKept = secret && isUpdate;
    if (required && !isKept && !(values[name] ?? "").trim()) errors[name] = "This field is required.";
  }
  return errors;
}

/** Turns a message into a sentence: the service's own messages start with a verb, a provider's with any word. */
function toFieldError(message) {
  const whole = /^(is|must|has|holds|contains|does|belongs|was|can|cannot) /.test(message) ? `It ${message}` : toSentence(message);
  return /[.!?…]$/.test(whole) ? whole : `${whole}.`;
}

/** Assigns the errors of a problem to their fields. `isComplete` says that each of them has a field. */
function assignErrors(problem, fields, body) {
  const errors = toRecord();
  let isComplete = problem.errors.length > 0;
  for (const { field, message } of problem.errors) {
    if (fields.some(({ name }) => name === field)) errors[field] = toFieldError(message);
    else isComplete = false;
  }
  // If only one secret was sent, it is the one that the provider rejected.
  const secrets = fields.filter(({ name, secret }) => secret && body[name]);
  if (problem.code === "credential_rejected" && secrets.length === 1) {
    const reason = extractRejectionReason(problem.detail);
    const words = reason ? `The provider rejected it: ${explainReason(reason)}` : "The provider rejected it";
    errors[secrets[0].name] = toFieldError(words);
    isComplete = true;
  }
  return { errors, isComplete };
}

/** What a rejected connect means. Errors that the fields show are not repeated. */
function Rejection({ problem, isBrief, isUpdate }) {
  const kept = isUpdate ? "Nothing was changed: the stored credential and settings are still used." : "Nothing was stored.";
  if (!isBrief) return html`<${Notice} problem=${problem} means=${kept} />`;
  return html`<p class="muted small" role="alert">${isUpdate ? "Nothing was changed." : "Nothing was stored."}${" "}
    Correct the marked field.${problem.requestId && html` Request id <code>${problem.requestId}</code>`}</p>`;
}

/**
 * `settings` are the stored values that are not secret. `isUpdate` says that the provider is connected, and `dead` why its
 * stored secrets are no longer used, if they are not: a key of `DEAD_NOTES`. The sentences `needed` name those that have
 * to be entered again. `onDone` gets the response of a successful connect; the entered values are
 * erased before that.
 */
export function ConnectForm({ plugin, settings, isUpdate, dead, needed, onDone, onCancel }) {
  const { fields, title } = plugin;
  const getInitialValue = ({ name, secret }) => [name, (!secret && settings?.[name]) || ""];
  const getInitialValues = () => toRecord(Object.fromEntries(fields.map(getInitialValue)));
  const [values, setValues] = useState(getInitialValues);
  const [cleared, setCleared] = useState(toRecord);
  const [errors, setErrors] = useState(toRecord);
  const [rejection, setRejection] = useState(null);
  const [isBusy, setBusy] = useState(false);
  const isSlow = useSlow(isBusy);
  const form = useRef(null);
  // Not when somebody corrects a field while another one still has an error.
  useErrorFocus(form, rejection);

  const save = async (event) => {
    event.preventDefault();
    if (isBusy) return;
    setRejection(null);
    const missing = findMissing(fields, values, isUpdate);
    setErrors(missing);
    if (Object.keys(missing).length) return;
    const body = toBody(fields, values, cleared, settings);
    setBusy(true);
    try {
      const answer = await call("PUT", `/api/admin/connections/${encodeURIComponent(plugin.id)}`, body);
      setValues(getInitialValues());
      setCleared(toRecord());
      onDone(answer);
    } catch (problem) {
      const assigned = assignErrors(problem, fields, body);
      setErrors(assigned.errors);
      setRejection({ problem, isBrief: assigned.isComplete });
    } finally {
      setBusy(false);
    }
  };
  const isNeeded = ({ name }) => !needed || needed.some((sentence) => sentence.includes(`\`${name}\``));
  const change = (name, value) => {
    setValues((before) => toRecord({ ...before, [name]: value }));
    setErrors(({ [name]: _, ...rest }) => toRecord(rest));
  };

  return html`
    <form class="stack loose" ref=${form} onSubmit=${save} novalidate autocomplete="off">
      ${fields.map((field) => html`<${ConnectField} key=${field.name} field=${field} value=${values[field.name] ?? ""}
        error=${errors[field.name]} isUpdate=${isUpdate} dead=${isNeeded(field) ? dead : undefined}
        isCleared=${Boolean(cleared[field.name])}
        onValue=${(value) => change(field.name, value)}
        onClear=${(isOn) => setCleared((before) => toRecord({ ...before, [field.name]: isOn }))} />`)}
      ${rejection && html`<${Rejection} ...${rejection} isUpdate=${isUpdate} />`}
      ${isSlow && html`<${Progress} label=${`Testing it with ${title}…`} />`}
      <div class="row">
        <${Button} type="submit" look="primary" isBusy=${isBusy}>
          ${isUpdate ? "Test and save" : `Connect ${title}`}<//>
        ${onCancel && html`<${Button} onClick=${onCancel}>Cancel<//>`}
      </div>
      <p class="muted small">It is tested with ${title} first, and saved only if it works. Secrets are stored encrypted
        and never shown again.</p>
    </form>
  `;
}
