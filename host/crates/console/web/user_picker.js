// Chooses a user of a provider by typing: an ARIA combobox with its list in a popover.
import { foldText, formatCount, formatNumber } from "./format.js";
import { useDirectory } from "./user_directory.js";
import { html, useLayoutEffect, useRef, useState } from "./vendor/preact.js";

const MAX_OPTIONS = 40;

/** Keeps a list next to its field, above or below, while the page scrolls. Returns a function that stops this. */
function followField(field, list) {
  const place = () => {
    const box = field.getBoundingClientRect();
    const below = innerHeight - box.bottom;
    const isAbove = below < 240 && box.top > below;
    const width = Math.min(Math.max(box.width, 300), innerWidth - 16);
    list.style.setProperty("width", `${width}px`);
    list.style.setProperty("left", `${Math.max(8, Math.min(box.left, innerWidth - width - 8))}px`);
    list.style.setProperty("max-height", `${Math.max(120, Math.min(340, (isAbove ? box.top : below) - 12))}px`);
    list.style.setProperty("top", isAbove ? "auto" : `${box.bottom + 4}px`);
    list.style.setProperty("bottom", isAbove ? `${innerHeight - box.top + 4}px` : "auto");
  };
  place();
  addEventListener("scroll", place, { capture: true, passive: true });
  addEventListener("resize", place, { passive: true });
  return () => {
    removeEventListener("scroll", place, { capture: true });
    removeEventListener("resize", place);
  };
}

/**
 * Lists what can be chosen: `{key, user}` with `isOwn` if the typed text is used as an id, or `{key, clears}`.
 */
function listOptions({ directory, typed, person, current }) {
  const options = directory.search(typed, person, MAX_OPTIONS).map((user) => ({ user, key: user.external_id }));
  const own = typed.trim();
  if (own && !directory.byId.has(own) && (directory.isComplete || directory.problem)) {
    options.push({ user: { external_id: own }, key: "own", isOwn: true });
  }
  if (current && !own) options.push({ clears: true, key: "clear" });
  return options;
}

/**
 * Returns the option that Enter chooses before anybody pressed an arrow key, or -1: only the user with the person's own
 * address, or the one whose address or id somebody typed in full. If the users cannot be listed, an id is what people
 * type.
 */
function findSureOption(options, { directory, typed, person }) {
  const text = foldText(typed.trim());
  const isSame = (user) => {
    if (user.person && user.person.id !== person.person_id) return false;
    const email = foldText(user.email);
    return (email && (email === text || email === foldText(person.email))) || (text && foldText(user.external_id) === text);
  };
  const sure = options.filter(({ user, isOwn }) => user && (isOwn ? directory.problem : isSame(user)));
  return sure.length === 1 ? options.indexOf(sure[0]) : -1;
}

/** Returns the option that a key chooses. Single steps wrap around. */
function moveChoice(chosen, step, count) {
  const next = (chosen < 0 && step < 0 ? 0 : chosen) + step;
  const last = count - 1;
  if (Math.abs(step) === 1) return next < 0 ? last : next > last ? 0 : next;
  return Math.max(0, Math.min(last, next));
}

const STEPS = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 };

/** `onPick(user)` gets `{external_id, name?, email?}`. `done(refocus)` ends editing. */
export function UserPicker({ provider, title, person, current, text, done, onPick, onClear }) {
  const directory = useDirectory(provider);
  const [typed, setTyped] = useState(text);
  const [at, setAt] = useState(null);
  const input = useRef(null);
  const list = useRef(null);
  const id = `pick-${provider}-${person.person_id}`;
  const options = listOptions({ directory, typed, person, current });
  const chosen = Math.min(at ?? findSureOption(options, { directory, typed, person }), options.length - 1);

  // A popover is in the browser's top layer, so that no scrolling element cuts it off.
  useLayoutEffect(() => {
    list.current.showPopover?.();
    const stopFollowing = followField(input.current, list.current);
    input.current.focus({ preventScroll: true });
    input.current.setSelectionRange(text.length, text.length);
    return stopFollowing;
  }, []);
  useLayoutEffect(() => {
    list.current.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" });
  }, [chosen, typed]);

  const choose = (option) => {
    if (!option) return;
    done();
    if (option.clears) onClear();
    else if (option.user.external_id !== current) onPick(option.user);
  };
  const onKeyDown = (event) => {
    const step = STEPS[event.key];
    if (step && options.length) setAt(moveChoice(chosen, step, options.length));
    else if (event.key === "Enter") choose(options[chosen]);
    else if (event.key === "Escape") done();
    else if (event.key === "Tab") return done(false);
    else return undefined;
    event.preventDefault();
    return undefined;
  };
  const onInput = (event) => {
    setTyped(event.target.value);
    setAt(null);
  };
  return html`
    <input ref=${input} class="picker" role="combobox" aria-label=${`Account of ${person.name} at ${title}`}
      aria-expanded="true" aria-controls=${`${id}-list`} aria-autocomplete="list"
      aria-activedescendant=${chosen >= 0 ? `${id}-${chosen}` : null} aria-describedby=${`${id}-status`}
      autocomplete="off" spellcheck=${false} placeholder="Name, email or ID" value=${typed} onInput=${onInput}
      onKeyDown=${onKeyDown} onBlur=${() => done(false)} />
    <div class="picker-list" popover="manual" ref=${list} onMouseDown=${(event) => event.preventDefault()}>
      <ul role="listbox" id=${`${id}-list`} aria-label=${`Users of ${title}`}>
        ${options.map(
          (option, index) => html`<${Option} key=${option.key} id=${`${id}-${index}`} isChosen=${index === chosen}
            ...${{ option, person, current }} onChoose=${() => choose(option)} />`,
        )}
      </ul>
      <p class="picker-status" id=${`${id}-status`} role="status">${describeStatus(directory, options, typed, title)}${
        chosen < 0 && options.length > 0 && " Choose one with the arrow keys."}</p>
    </div>
  `;
}

function Option({ id, option, isChosen, person, current, onChoose }) {
  const press = (event) => {
    // Keeps the focus in the field; otherwise its blur ends editing before the click.
    event.preventDefault();
    onChoose();
  };
  return html`<li id=${id} role="option" aria-selected=${isChosen ? "true" : "false"} class="picker-option"
    onMouseDown=${press}><${OptionText} option=${option} person=${person} current=${current} /></li>`;
}

function OptionText({ option, person, current }) {
  const { user } = option;
  if (option.clears) return html`<span class="picker-name">Unlink the account</span>`;
  if (option.isOwn) return html`<span class="picker-name">Use “${user.external_id}” as the ID</span>`;
  const other = user.person && user.person.id !== person.person_id;
  return html`
    <span class="picker-name">${user.name || user.external_id}${user.active === false && " (inactive)"}</span>
    <span class="picker-more">
      ${user.email ?? user.external_id}${other && html` · <strong>mapped to ${user.person.name}</strong>`}
      ${user.external_id === current && " · current"}
    </span>
  `;
}

function describeStatus(directory, options, typed, title) {
  if (directory.problem?.code === "unsupported") return `${title} does not list users. Type the account’s ID.`;
  if (directory.problem) return `The users of ${title} could not be read: ${directory.problem.message} You can type an ID.`;
  if (directory.isReading) return `Reading the users of ${title}: ${formatNumber(directory.users.length)} so far…`;
  if (!directory.users.length) return `${title} lists no users.`;
  const found = options.filter((option) => option.user && !option.isOwn).length;
  return typed && !found ? "No matches." : `${formatCount(directory.users.length, "user")} of ${title}.`;
}
