// Why a person stands as they do with a provider, in words: what the match found, and what speaks for it.
import { list, plural, sentence } from "./format.js";

/** How people stand: the filter's word, the status' kind, and the word in the list. */
export const STANDINGS = {
  matched: { label: "Will be linked", word: "Will be linked", done: "Linked now", kind: "soon" },
  ambiguous: { label: "For you to decide", word: "For you to decide", kind: "ask" },
  missing: { label: "Not found", word: "Not found", kind: "off" },
  orphaned: { label: "Account gone", word: "Account gone", kind: "bad" },
  already_linked: { label: "Linked already", word: "Linked already", kind: "ok" },
};

const SPEAKS = {
  linked: "it is linked to them",
  email: "its e-mail address is theirs",
  alias: "one of its further addresses is theirs",
  name: "its name is the same",
};

const SAME = {
  linked: "linked to them",
  email: "same e-mail address",
  alias: "one of its further addresses",
  name: "same name",
};

/** What speaks for an account: `Its e-mail address is theirs and its name is the same.` */
export const speaks = (account) => `${sentence(list(account.evidence.map((one) => SPEAKS[one] ?? one)))}.`;

/** Why a person stands so, as a sentence or two. */
export function why(person, title) {
  const [account] = person.accounts;
  const inactive = account?.active === false ? " It is inactive there." : "";
  switch (person.status) {
    case "matched":
      return `${sentence(list((account?.evidence ?? []).map((one) => SAME[one] ?? one)))}; nobody else’s.${inactive}`;
    case "already_linked":
      return `${title} lists the account.${inactive}`;
    case "missing":
      return `No account at ${title} has their address or name.`;
    case "orphaned":
      return `${title} lists the account no more. It stays linked until you take it away.`;
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
