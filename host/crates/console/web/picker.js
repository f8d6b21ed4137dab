// Chooses a provider's user by typing: an ARIA combobox whose list lies above everything and beside its field.
import { html, useLayoutEffect, useRef, useState } from "./vendor/preact.js";
import { useDirectory } from "./directory.js";
import { number, plural } from "./format.js";

const SHOWN = 40;

/** `onPick(user)` is given `{external_id, name?, email?}`; `done(refocus)` ends the editing. */
export function Picker({ provider, title, person, current, text, done, onPick, onClear }) {
  const directory = useDirectory(provider);
  const [typed, setTyped] = useState(text);
  const [at, setAt] = useState(null);
  const input = useRef(null);
  const list = useRef(null);
  const id = `pick-${provider}-${person.person_id}`;

  const users = directory.search(typed, person, SHOWN);
  const options = users.map((user) => ({ user, key: user.external_id }));
  const own = typed.trim();
  if (own && !directory.byId.has(own) && (directory.isWhole || directory.problem)) {
    options.push({ user: { external_id: own }, key: "own", isOwn: true });
  }
  if (current && !own) options.push({ clears: true, key: "clear" });
  // Enter takes the likeliest user. Taking away, and an id that is not listed, are chosen with the arrows or not at all;
  // but where there is no list, an id is what one types.
  const isLikely = options[0]?.user && (!options[0].isOwn || directory.problem);
  const chosen = Math.min(at ?? (isLikely ? 0 : -1), options.length - 1);

  // The list lies in the browser's top layer, where no scrolling part of the page cuts it off.
  useLayoutEffect(() => {
    list.current.showPopover?.();
    const follow = () => {
      if (!input.current || !list.current) return;
      const field = input.current.getBoundingClientRect();
      const below = innerHeight - field.bottom;
      const above = below < 240 && field.top > below;
      const width = Math.min(Math.max(field.width, 300), innerWidth - 16);
      const style = list.current.style;
      style.setProperty("width", `${width}px`);
      style.setProperty("left", `${Math.max(8, Math.min(field.left, innerWidth - width - 8))}px`);
      style.setProperty("max-height", `${Math.max(120, Math.min(340, (above ? field.top : below) - 12))}px`);
      style.setProperty("top", above ? "auto" : `${field.bottom + 4}px`);
      style.setProperty("bottom", above ? `${innerHeight - field.top + 4}px` : "auto");
    };
    follow();
    addEventListener("scroll", follow, { capture: true, passive: true });
    addEventListener("resize", follow, { passive: true });
    input.current.focus({ preventScroll: true });
    input.current.setSelectionRange(text.length, text.length);
    return () => {
      removeEventListener("scroll", follow, { capture: true });
      removeEventListener("resize", follow);
    };
  }, []);

  useLayoutEffect(() => {
    list.current.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" });
  }, [chosen, typed]);

  const take = (option) => {
    if (!option) return;
    done();
    if (option.clears) onClear();
    else if (option.user.external_id !== current) onPick(option.user);
  };
  const onKeyDown = (event) => {
    const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 };
    const step = moves[event.key];
    if (step && options.length) {
      const next = (chosen < 0 && step < 0 ? 0 : chosen) + step;
      const end = options.length - 1;
      // One by one it goes in a circle.
      if (Math.abs(step) === 1) setAt(next < 0 ? end : next > end ? 0 : next);
      else setAt(Math.max(0, Math.min(end, next)));
    } else if (event.key === "Enter") take(options[chosen]);
    else if (event.key === "Escape") done();
    else if (event.key === "Tab") return done(false);
    else return undefined;
    event.preventDefault();
    return undefined;
  };
  const press = (event, option) => {
    // The field keeps the focus, else it would end the editing before the click.
    event.preventDefault();
    take(option);
  };

  return html`
    <input
      ref=${input}
      class="picker"
      role="combobox"
      aria-label=${`Account of ${person.name} at ${title}`}
      aria-expanded="true"
      aria-controls=${`${id}-list`}
      aria-autocomplete="list"
      aria-activedescendant=${chosen >= 0 ? `${id}-${chosen}` : null}
      aria-describedby=${`${id}-said`}
      autocomplete="off"
      spellcheck="false"
      placeholder="Name, email or ID"
      value=${typed}
      onInput=${(event) => {
        setTyped(event.target.value);
        setAt(null);
      }}
      onKeyDown=${onKeyDown}
      onBlur=${() => done(false)}
    />
    <div class="picker-list" popover="manual" ref=${list} onMouseDown=${(event) => event.preventDefault()}>
      <ul role="listbox" id=${`${id}-list`} aria-label=${`Users of ${title}`}>
        ${options.map(
          (option, index) => html`<li
            key=${option.key}
            id=${`${id}-${index}`}
            role="option"
            aria-selected=${index === chosen ? "true" : "false"}
            class="picker-option"
            onMouseDown=${(event) => press(event, option)}
          >
            <${Option} option=${option} person=${person} current=${current} />
          </li>`,
        )}
      </ul>
      <p class="picker-said" id=${`${id}-said`} role="status">${said(directory, options, typed, title)}</p>
    </div>
  `;
}

function Option({ option, person, current }) {
  const { user } = option;
  if (option.clears) return html`<span class="picker-name">Unlink account</span>`;
  if (option.isOwn) return html`<span class="picker-name">Use “${user.external_id}” as the ID</span>`;
  const other = user.person && user.person.id !== person.person_id;
  return html`
    <span class="picker-name">${user.name || user.external_id}${user.active === false && " (inactive)"}</span>
    <span class="picker-more">
      ${user.email ?? user.external_id}${other && html` · <strong>is ${user.person.name}’s</strong>`}
      ${user.external_id === current && " · current"}
    </span>
  `;
}

function said(directory, options, typed, title) {
  if (directory.problem?.code === "unsupported") return `${title} does not list users. Type the account’s ID.`;
  if (directory.problem) return `${title} could not be asked: ${directory.problem.message} You can type an ID.`;
  if (directory.isReading) return `Reading the users of ${title}: ${number(directory.users.length)} so far…`;
  if (!directory.users.length) return `${title} lists no users.`;
  const found = options.filter((option) => option.user && !option.isOwn).length;
  return typed && !found ? "No matches." : `${plural(directory.users.length, "user")} of ${title}`;
}
