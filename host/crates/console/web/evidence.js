// Why a person stands as they do with a provider, in words: what the match found, and what speaks for it.
import { list, plural, sentence } from "./format.js";

/** How people stand: the filter's word, the status' kind, and the word in the list. */
export const STANDINGS = {
  matched: { label: "Will be linked", word: "Will be linked", done: "Linked", kind: "ready" },
  ambiguous: { label: "Needs a decision", word: "Needs a decision", kind: "ask" },
  missing: { label: "Not found", word: "Not found", kind: "off" },
  orphaned: { label: "Account gone", word: "Account gone", kind: "bad" },
  already_linked: { label: "Already linked", word: "Already linked", kind: "ok" },
};

const SPEAKS = {
  linked: "it is linked to them",
  email: "its email is theirs",
  alias: "one of its other addresses is theirs",
  name: "its name is the same",
};

const SAME = {
  linked: "linked to them",
  email: "same email",
  alias: "one of its other addresses",
  name: "same name",
};

/** What speaks for an account: `Its email address is theirs and its name is the same.` */
export const speaks = (account) => `${sentence(list(account.evidence.map((one) => SPEAKS[one] ?? one)))}.`;

/** Why a person stands so, as a sentence or two. */
export function why(person, title) {
  const [account] = person.accounts;
  const inactive = account?.active === false ? " It is inactive there." : "";
  switch (person.status) {
    case "matched":
      return `${sentence(list((account?.evidence ?? []).map((one) => SAME[one] ?? one)))}. Nobody else matches.${inactive}`;
    case "already_linked":
      return `${title} lists the account.${inactive}`;
    case "missing":
      return `No account at ${title} has their email or name.`;
    case "orphaned":
      return `${title} no longer lists the account. It stays linked until you unlink it.`;
    default:
      return ambiguous(person);
  }
}

function ambiguous(person) {
  const others = new Set(person.accounts.flatMap(({ also }) => (also ?? []).map(({ name }) => name)));
  const reason = `${sentence(person.reason ?? "more than one answer is possible")}.`;
  const count = person.accounts.length + (person.more_accounts ?? 0);
  const which = others.size
    ? ` It could also be ${list([...others])}.`
    : count > 1
      ? ` ${plural(count, "account")} to choose from.`
      : "";
  return reason + which;
}
