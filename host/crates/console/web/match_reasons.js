// The statuses of a match in words, and why a person has one: what was found, and which evidence supports it.
import { formatCount, formatList, toSentence } from "./format.js";

/** The statuses of a person in a match: the label, the kind of status, and the label once the match is applied. */
export const MATCH_STATUSES = {
  matched: { label: "Will be linked", labelWhenApplied: "Linked", kind: "ready" },
  ambiguous: { label: "Needs a decision", kind: "ask" },
  missing: { label: "Not found", kind: "off" },
  orphaned: { label: "Account gone", kind: "bad" },
  already_linked: { label: "Already linked", kind: "ok" },
};

const EVIDENCE_SENTENCES = {
  linked: "it is linked to them",
  email: "it has their email",
  alias: "one of its other addresses is theirs",
  only_active: "it is the only active account with this address",
  name: "it has the same name",
};

const EVIDENCE_NOUNS = {
  linked: "linked to them",
  email: "same email",
  alias: "one of its other addresses",
  only_active: "the only active account with it",
  name: "same name",
};

const describe = (words, evidence) => `${toSentence(formatList(evidence.map((one) => words[one] ?? one)))}.`;

/** Describes the evidence for an account: `It has their email and it has the same name.` */
export const describeEvidence = (account) => describe(EVIDENCE_SENTENCES, account.evidence);

/** Explains the status of a person in one or two sentences. */
export function explainMatch(person, title) {
  const [account] = person.accounts;
  const inactive = account?.active === false ? " It is inactive there." : "";
  switch (person.status) {
    case "matched":
      return `${describe(EVIDENCE_NOUNS, account?.evidence ?? [])} Nobody else matches.${inactive}`;
    case "already_linked":
      return `${title} lists the account.${inactive}`;
    case "missing":
      return `No account at ${title} has their email or name.`;
    case "orphaned":
      return `${title} no longer lists the account. It stays linked until you unlink it.`;
    default:
      return explainAmbiguity(person);
  }
}

function explainAmbiguity(person) {
  const others = new Set(person.accounts.flatMap(({ also }) => (also ?? []).map(({ name }) => name)));
  const reason = `${toSentence(person.reason ?? "more than one account is possible")}.`;
  const count = person.accounts.length + (person.more_accounts ?? 0);
  if (others.size) return `${reason} It could also be ${formatList([...others])}.`;
  return count > 1 ? `${reason} ${formatCount(count, "account")} to choose from.` : reason;
}
