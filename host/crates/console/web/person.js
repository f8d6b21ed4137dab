// The dialogs for one person: the form to add or change somebody, and the removal.
import { call } from "./api.js";
import { formatList } from "./format.js";
import { titleOf, usePlugins } from "./live_lists.js";
import { Button, Dialog, Field, Notice, useErrorFocus } from "./ui.js";
import { html, useEffect, useRef, useState } from "./vendor/preact.js";

const PATH = "/api/admin/people";

/** Adds a person, or changes `person`. `onClose` gets a message if something was saved. */
export function PersonForm({ person, onClose, onRemove }) {
  const [values, setValues] = useState({
    name: person?.name ?? "",
    email: person?.email ?? "",
    user_id: person?.user_id ?? "",
    active: person?.active ?? true,
  });
  const [problem, setProblem] = useState(null);
  const [isBusy, setBusy] = useState(false);
  const form = useRef(null);
  useErrorFocus(form, problem);
  const change = (key) => (value) => setValues((before) => ({ ...before, [key]: value }));
  const errorOf = (field) => {
    const error = problem?.errors?.find((one) => one.field === field);
    return error && `This ${error.message}.`;
  };
  const isShownInFields = problem?.errors?.length && problem.errors.every(({ field }) => field in values);

  const save = async (event) => {
    event?.preventDefault();
    setBusy(true);
    setProblem(null);
    const body = { ...values, user_id: values.user_id.trim() || null };
    if (!person && body.user_id === null) delete body.user_id;
    try {
      const saved = person
        ? await call("PATCH", `${PATH}/${encodeURIComponent(person.id)}`, body)
        : await call("POST", PATH, body);
      onClose(person ? `${saved.name} was saved.` : `${saved.name} was added.`);
    } catch (failure) {
      setProblem(failure);
      setBusy(false);
    }
  };
  const actions = html`
    ${onRemove && html`<${Button} look="danger" icon="trash" onClick=${onRemove}>Remove…<//>`}
    <${Button} onClick=${() => onClose()}>Cancel<//>
    <${Button} look="primary" isBusy=${isBusy} onClick=${save}>${person ? "Save" : "Add"}<//>`;
  return html`
    <${Dialog} title=${person ? person.name : "Add a person"} onClose=${() => onClose()} actions=${actions}>
      <form class="stack" ref=${form} onSubmit=${save} novalidate>
        ${problem && !isShownInFields && html`<${Notice} problem=${problem} />`}
        <${Field} label="Name" value=${values.name} onInput=${change("name")} error=${errorOf("name")}
          required=${true} />
        <${Field} label="Email" kind="email" value=${values.email} onInput=${change("email")} error=${errorOf("email")}
          required=${true} help="Used to match accounts. It must be unique." />
        <${Field} label="Internal ID" isOptional=${true} value=${values.user_id} onInput=${change("user_id")}
          error=${errorOf("user_id")}
          help="How your own systems identify this person." />
        <label class="check"><input type="checkbox" checked=${values.active}
          onChange=${(event) => change("active")(event.currentTarget.checked)} /> Active</label>
        ${!values.active && html`<p
          class="help">Inactive people are not listed under Mappings. Their mappings are kept.</p>`}
        <button class="visually-hidden" tabindex="-1" aria-hidden="true">Save</button>
      </form>
    <//>
  `;
}

/** Removes a person, and first lists the accounts that are mapped to them. */
export function RemovePerson({ person, onClose }) {
  const { plugins } = usePlugins();
  const [mappedProviders, setMappedProviders] = useState(null);
  const [problem, setProblem] = useState(null);
  const [isBusy, setBusy] = useState(false);
  useEffect(() => {
    const abort = new AbortController();
    const query = new URLSearchParams({ offset: 0, limit: 50, q: person.email });
    call("GET", `/api/admin/connections/user-mappings?${query}`, undefined, { signal: abort.signal })
      .then(({ users }) =>
        setMappedProviders(Object.keys(users.find(({ person_id }) => person_id === person.id)?.external_ids ?? {})),
      )
      .catch((failure) => failure.name === "AbortError" || setMappedProviders([]));
    return () => abort.abort();
  }, []);
  const remove = async () => {
    setBusy(true);
    try {
      await call("DELETE", `${PATH}/${encodeURIComponent(person.id)}`);
      onClose(`${person.name} was removed.`);
    } catch (failure) {
      setProblem(failure);
      setBusy(false);
    }
  };
  const actions = html`<${Button} onClick=${() => onClose()}>Cancel<//>
    <${Button} look="danger" isBusy=${isBusy} onClick=${remove}>Remove ${person.name}<//>`;
  const titles = mappedProviders?.map((id) => titleOf(plugins, id)) ?? [];
  return html`
    <${Dialog} title=${`Remove ${person.name}?`} onClose=${() => onClose()} actions=${actions}>
      ${problem && html`<${Notice} problem=${problem} />`}
      <p>${person.email} and all of their mappings are removed from Jackfield. You cannot undo this.</p>
      <p role="status">${
        mappedProviders === null
          ? "Loading the mapped accounts…"
          : titles.length
            ? `Currently mapped: ${formatList(titles)}. The accounts themselves are not changed.`
            : person.active
              ? "No account is mapped to them."
              : "Accounts that were mapped before they became inactive are unmapped too."
      }</p>
      ${person.active && html`<p
        class="muted">If they may come back, make them inactive instead. Their mappings are then kept.</p>`}
    <//>
  `;
}
