// Sentences of scripts in the page's language. The page contains the translations; an English page contains none.

const page = document.documentElement.lang;
const kept = document.getElementById("words");
const words = kept ? JSON.parse(kept.textContent) : {};
// As the pages write them: the British order, Western digits.
const locale = page === "en" ? "en-GB" : `${page}-u-nu-latn`;
const plurals = new Intl.PluralRules(page);
const numbers = new Intl.NumberFormat(locale);

const filled = (text, values) => text.replace(/%\((\w+)\)s/g, (whole, name) => values[name] ?? whole);

/** A number as people write it. */
export const number = (value) => numbers.format(value);

/** A sentence, with %(name)s for each value. */
export function gettext(message, values = {}) {
  return filled(words[message] ?? message, values);
}

/** The form of a sentence for a count, which is %(num)s in it. */
export function ngettext(one, many, count) {
  const forms = words[one];
  const text = forms ? (forms[plurals.select(count)] ?? forms.other) : count === 1 ? one : many;
  return filled(text, { num: number(count) });
}
