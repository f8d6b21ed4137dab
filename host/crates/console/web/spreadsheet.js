// What spreadsheet programs do to cells: translated booleans, damaged ids, garbled names; and how values are cleaned.
// The service has the same rules and decides. `tests/data/spreadsheet-cells.json` tests both.

const TRUE = new Set(
  ("true yes y 1 wahr ja vrai oui verdadero sí si vero sì verdadeiro sim waar prawda tak sann sant sand tosi pravda " +
    "igaz doğru истина да істина cert adevărat tõene").split(" "),
);
const FALSE = new Set(
  ("false no n 0 falsch nein faux non falso não nao onwaar nee fałsz nie usann usant falskt falsk epätosi nepravda " +
    "hamis yanlış yanliş ложь нет хибність fals väär nei nej").split(" "),
);
const ERRORS = new Set("#n/a #n/d #n/b #nv #н/д #i/t #hiányzik #yok #nedostupný #getting_data".split(" "));
const PLACEHOLDERS = new Set([
  ..."n/a n.a. n.a n/d k.a. s/o none null (null) <null> nil nan undefined (blank) (empty) tbd unknown missing".split(" "),
  "[object object]",
]);
const MONTHS = new Set(
  ("jan feb mar apr may jun jul aug sep oct nov dec sept mrz mär mai okt dez janv févr fevr mars avr juin juil août " +
    "aout déc ene abr ago dic gen mag giu lug set ott fev out mrt mei maj sty lut kwi cze lip sie wrz paź lis gru " +
    "янв фев мар апр май июн июл авг сен окт ноя").split(" "),
);
const GROUP = /[.,'’ \u00a0\u202f]/u;

/** Parses a boolean, as people write it and as a spreadsheet program in any of twenty languages does; or null. */
export function parseBoolean(cell) {
  const word = cell.toLowerCase();
  if (TRUE.has(word)) return true;
  return FALSE.has(word) ? false : null;
}

const DAMAGES = [
  [
    (id) => isScientific(id) || isRounded(id),
    "is a long number that a spreadsheet rounded; format the column as text, enter the ids again, and save the file again",
  ],
  [isError, "is an error of a spreadsheet and not an id; correct the formula, or empty the cell"],
  [
    (id) => /^#+$/u.test(id),
    "was too wide for its column in a spreadsheet; widen the column, and save the file again",
  ],
  [isTruthValue, "is a truth value and not an id; format the column as text, and enter the id again"],
  [
    isDate,
    "is a date or a time that a spreadsheet made of an id; format the column as text, and enter the id again",
  ],
  [
    isDecimal,
    "is an id that a program turned into a decimal number; format the column as text, and enter the id again",
  ],
  [isPlaceholder, "stands for no value; remove the line, or enter the id"],
  [(id) => !isAscii(id) && findGarbling(id), "contains characters of a wrong encoding; save the file as CSV in UTF-8"],
];

/** Returns what a spreadsheet program did to an id, and what to do, without a subject (`is an error of …`), or null. */
export function findIdDamage(id) {
  return DAMAGES.find(([isDamaged]) => isDamaged(id))?.[1] ?? null;
}

/** Returns whether a text is a number as `1.08457E+20` or `1,08457E+20`. */
const isScientific = (id) => /^[+\-\u2212]*\d{1,15}([.,\u066b]\d{1,30})?e[+\-\u2212]\d{1,3}$/iu.test(id);

/** Returns whether a text is a long number of which only the first fifteen digits are not zero. */
function isRounded(id) {
  const [whole, fraction] = id.split(/[.,](.*)/su);
  const isZero = (fraction ?? "0") === "0" || /^0*$/u.test(fraction);
  return /^[\d'’ \u00a0\u202f]+$/u.test(whole)
    ? isZero && /^\d{15}0{3,}$/u.test(whole.replace(/\D/gu, ""))
    : false;
}

/** Returns whether a text is an error value such as `#N/A`, `#WERT!` or `Err:502`. */
function isError(id) {
  const word = id.toLowerCase();
  return /^err:\d{1,3}$/u.test(word) || ERRORS.has(word) || /^#[\p{Alphabetic}/_0¡¿]+[!?]$/u.test(word);
}

/** In other languages than English, only words in capital letters count: `sand` may be the id of a person. */
function isTruthValue(id) {
  const word = id.toLowerCase();
  if (word === "true" || word === "false") return true;
  return [...word].length > 3 && parseBoolean(id) !== null && id === id.toUpperCase();
}

const isNumber = (text, digits) => /^[0-9]+$/u.test(text) && text.length <= digits;
const isDay = (part) => isNumber(part, 2) && Number(part) >= 1 && Number(part) <= 31;
const isMonth = (part) => isDay(part) && Number(part) <= 12;
const isMonthName = (part) => MONTHS.has(part.toLowerCase());
const isYear = (part) => (part.length === 2 || part.length === 4) && isNumber(part, 4);
const isLongYear = (part) => part.length === 4 && isNumber(part, 4) && Number(part) >= 1900 && Number(part) < 2200;
const isDayAndMonth = (a, b) => (isDay(a) && isMonth(b)) || (isMonth(a) && isDay(b));
const isTime = (parts) =>
  !parts.length || (parts.length >= 2 && parts.length <= 4 && isNumber(parts[0], 2) && parts.every((part) => isNumber(part, 6)));

/** Returns whether a text is a date or a time as a spreadsheet program shows one: `02-Jan`, `1.2.2026`, `12:30`. */
function isDate(id) {
  const text = id.replace(/^(.{10})T(.+?)Z*$/su, "$1 $2");
  const parts = text.split(/[-/. :\u00a0]/u).filter(Boolean);
  const [a, b, c, ...time] = parts;
  if (parts.length >= 2 && text.includes(":") && !/[-/.]/u.test(text)) {
    return parts.every((part) => isNumber(part, 2) && Number(part) < 60);
  }
  if (parts.length === 2) {
    if (isMonthName(b)) return isDay(a);
    if (isMonthName(a)) return isYear(b);
    return text.includes("/") && isDayAndMonth(a, b);
  }
  if (parts.length < 3) return false;
  if (isMonthName(b)) return isDay(a) && isYear(c) && isTime(time);
  if (isLongYear(a)) return isMonth(b) && isDay(c) && isTime(time);
  if (text.includes(":") && !time.length) return false;
  return isDayAndMonth(a, b) && isYear(c) && (/[/.]/u.test(text) || isLongYear(c)) && isTime(time);
}

/** Returns whether a text is a whole number with an empty fraction or with grouped digits: `12345.0`, `1,084,570`. */
function isDecimal(id) {
  if (/^\d{2,}[.,]0{1,2}$/u.test(id)) return true;
  const [first, ...groups] = id.split(GROUP);
  return groups.length > 1 && /^\d{1,3}$/u.test(first) && groups.every((group) => /^\d{3}$/u.test(group));
}

/** Returns whether a text says that there is no value: only zeros, only dashes or dots, `n/a`, `none`. */
function isPlaceholder(id) {
  const isBlank = /^[-_.?*/~…\u2010-\u2015\u2212]*$/u.test(id);
  return id === "NA" || /^0[0.,]*$/u.test(id) || isBlank || PLACEHOLDERS.has(id.toLowerCase());
}

/** The characters of Windows-1252 for the bytes 0x80 to 0x9F. */
const WINDOWS_1252 = "€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ";
const UTF_8 = new TextDecoder("utf-8", { fatal: true });

/** Returns what is wrong with a text that was read or saved in the wrong encoding, without a subject, or null. */
export function findGarbling(text) {
  const characters = [...text];
  const isOther = (at) => "√≈¬├┬┼─".includes(characters[at]) && characters[at + 1] > "\u007f";
  if (!isAscii(text) && characters.some((_, at) => isUtf8AsWindows1252(characters, at) || isOther(at))) {
    return "contains characters of a wrong encoding, such as Ã¸ for ø; open the original file as UTF-8, and save it as CSV in UTF-8";
  }
  if (/\ufffd|\p{Alphabetic}\?\p{Alphabetic}/u.test(text)) {
    return "has lost a letter when it was saved in an encoding without it; correct it, and save the file as CSV in UTF-8";
  }
  return null;
}

/** Returns whether a character in UTF-8 whose bytes were read as Windows-1252 is at this position. */
function isUtf8AsWindows1252(characters, at) {
  const first = toWindows1252(characters[at]);
  const length = first >= 0xc2 && first <= 0xdf ? 2 : first >= 0xe0 && first <= 0xef ? 3 : first >= 0xf0 && first <= 0xf4 ? 4 : 0;
  const bytes = characters.slice(at, at + length).map(toWindows1252);
  if (!length || bytes.length < length || bytes.includes(null)) return false;
  let decoded;
  try {
    decoded = UTF_8.decode(new Uint8Array(bytes)).codePointAt(0);
  } catch {
    return false;
  }
  // In these ranges, the two characters for one are not next to each other in any name.
  const ranges = [[0xa0, 0x17f], [0x218, 0x21b], [0x384, 0x3ce], [0x400, 0x47f], [0x5d0, 0x6ff]];
  return length > 2 || ranges.some(([from, to]) => decoded >= from && decoded <= to);
}

function toWindows1252(character) {
  const position = WINDOWS_1252.indexOf(character);
  if (position >= 0) return 0x80 + position;
  const code = character.codePointAt(0);
  return code < 0x80 || (code >= 0xa0 && code < 0x100) ? code : null;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII
const isAscii = (text) => /^[\0-\x7f]*$/u.test(text);

/** Characters that are never visible and never needed to spell a word. */
const INVISIBLE =
  "\\u{ad}\\u{34f}\\u{180e}\\u{200b}\\u{2060}-\\u{2065}\\u{206a}-\\u{206f}\\u{feff}\\u{fff0}-\\u{fffb}" +
  "\\u{1bca0}-\\u{1bca3}\\u{1d173}-\\u{1d17a}\\u{e0000}-\\u{e00ff}\\u{e01f0}-\\u{e0fff}";
/** Characters that are not visible alone, although some names need them. */
const MARKS =
  "\\u{61c}\\u{115f}\\u{1160}\\u{17b4}\\u{17b5}\\u{180b}-\\u{180f}\\u{200c}-\\u{200f}\\u{2800}\\u{3164}\\u{fe00}-\\u{fe0f}" +
  "\\u{ffa0}\\u{e0100}-\\u{e01ef}";
const CONTROLS = "\\p{Cc}\\u{2028}\\u{2029}\\u{202a}-\\u{202e}\\u{2066}-\\u{2069}";
const INVISIBLE_ENDS = new RegExp(`^[\\s\\u{85}${INVISIBLE}]+|[\\s\\u{85}${INVISIBLE}]+$`, "gu");
const UNSEEN_ENDS = new RegExp(`^[\\s\\u{85}${INVISIBLE}${MARKS}]+|[\\s\\u{85}${INVISIBLE}${MARKS}]+$`, "gu");
const BLANK = new RegExp(`^[\\s\\u{85}${INVISIBLE}${MARKS}]*$`, "u");
const NEVER_IN_NAMES = new RegExp(`[${CONTROLS}${INVISIBLE}]`, "u");
const NEVER_IN_KEYS = new RegExp(`[${CONTROLS}${INVISIBLE}${MARKS}\\u{fffd}]`, "u");
const UNSEEN = new RegExp(`[${INVISIBLE}${MARKS}]`, "gu");

/** The names of the characters that are found most often. */
const CHARACTER_NAMES = {
  "\t": "TAB",
  "\n": "LINE FEED",
  "\r": "CARRIAGE RETURN",
  "\u00a0": "NO-BREAK SPACE",
  "\u00ad": "SOFT HYPHEN",
  "\u200b": "ZERO WIDTH SPACE",
  "\u200c": "ZERO WIDTH NON-JOINER",
  "\u200d": "ZERO WIDTH JOINER",
  "\u200e": "LEFT-TO-RIGHT MARK",
  "\u200f": "RIGHT-TO-LEFT MARK",
  "\u2060": "WORD JOINER",
  "\ufeff": "ZERO WIDTH NO-BREAK SPACE",
  "\ufffd": "REPLACEMENT CHARACTER",
};

function describeCharacter(character) {
  const code = `U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
  return CHARACTER_NAMES[character] ? `${code} ${CHARACTER_NAMES[character]}` : code;
}

/** Returns whether nothing of a text can be seen. */
export const isBlank = (text) => BLANK.test(text);

/** Removes white space and invisible characters at both ends. */
export const trim = (text) => text.replace(INVISIBLE_ENDS, "");

const PAIRS = ["<>", '""', "''", "``", "()", "[]", "{}", "“”", "„“", "‘’", "‚‘", "«»", "‹›"];

/** Removes what is certainly not a part of an email address: `mailto:`, brackets, quotation marks, punctuation. */
export function cleanEmail(text) {
  let email = trim(text);
  for (;;) {
    const before = email;
    email = stripOnce(email);
    if (email === before) return email;
  }
}

function stripOnce(text) {
  let email = text.replace(UNSEEN_ENDS, "");
  if (/^mailto:/iu.test(email)) return email.slice(7).split("?")[0];
  for (const [open, close] of PAIRS) {
    if (email.length > 1 && email.startsWith(open) && email.endsWith(close)) return email.slice(1, -1);
  }
  const inner = /<([^<]*@[^<]*)>$/u.exec(email)?.[1];
  if (inner !== undefined) return inner;
  email = email.replace(/^[<([;,:“„«‹‚]+/u, "");
  const domain = email.slice(email.lastIndexOf("@") + 1);
  if (!email.includes("@") || /^\[.*\]$/u.test(domain) || [...domain].length < 2) return email;
  return email.replace(/[>)\]};,:./!?"'`“”’‘»›\\]$/u, "");
}

/** Normalises an email address for comparison. The service decides in the end whether two are equal. */
export const toEmailKey = (email) => cleanEmail(email).replace(UNSEEN, "").normalize("NFC").toLowerCase();

const countBytes = (text) => new TextEncoder().encode(text).length;

function findCharacterError(text, never) {
  const character = never.exec(text)?.[0];
  return character ? `contains a character that is not allowed: ${describeCharacter(character)}` : null;
}

/** Returns why a name cannot be stored, without a subject (`is empty`), or null. It is trimmed already. */
export function findNameError(name) {
  if (!name) return "is empty";
  if (isBlank(name)) return "contains nothing that can be seen";
  if ([...name].length > 200) return "is longer than 200 characters";
  return findCharacterError(name, NEVER_IN_NAMES);
}

/** Returns why a text is not an id, without a subject, or null. It is trimmed already. */
export function findIdError(id) {
  if (!id) return "is empty";
  if (countBytes(id) > 256) return "is longer than 256 bytes";
  return findCharacterError(id, NEVER_IN_KEYS);
}

/** Returns why a text is not an email address, without a subject, or null. It is cleaned already. */
export function findEmailError(email) {
  if (!email) return "is empty";
  if (countBytes(email) > 320) return "is longer than 320 bytes";
  const error = findCharacterError(email, NEVER_IN_KEYS);
  if (error) return error;
  const space = /\s/u.exec(email)?.[0];
  if (space) return space === " " ? "contains a space" : `contains ${describeCharacter(space)}`;
  const [local, domain, ...rest] = email.split("@");
  if (!local || !domain) return "is not an email address";
  if (rest.length) return "is not an email address, because it contains more than one @";
  const literal = /^\[(.*)\]$/u.exec(domain)?.[1];
  const wrong = /[^a-z0-9\-_.:\u0080-\u{10ffff}]/iu.exec(literal ?? domain)?.[0];
  if (wrong) return `is not an email address, because its domain contains ${wrong}`;
  if (literal === undefined && domain.split(".").includes("")) {
    return "is not an email address, because its domain has an empty part before or after a dot";
  }
  return null;
}
