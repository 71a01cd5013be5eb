/*
 * The user message of a request, as a template. The whole of it is here or in the task's own `prompt`: nothing else is sent
 * but `role`. A changed word is a changed request, which is paid for, so these texts are not to be touched lightly.
 */

/** What a template may name, and what stands in its place. */
export const PLACEHOLDERS = {
  description: "the task's description",
  count: "how many entries are asked for: `10 pairs`, `1 record`",
  first: "the key of a pair's first text, quoted",
  second: "the key of its second text, quoted",
  fields: "a record's fields, quoted",
  instructions: "generation_instructions, a line each",
  examples: "the examples, a line of JSON each",
  axes: "this request's combination of axes, a line each",
  answer: "how to answer: the JSON shape and the number of entries, or the response_schema",
} as const;

export type Placeholder = keyof typeof PLACEHOLDERS;

/** What is used where a task has no `prompt` of its own. */
export const DEFAULT_PROMPTS = {
  pairs: `{description}

Generate exactly {count} of texts. Each pair has a {first} text and a {second} text.

Rules:
- The two texts of a pair are word for word the same, except that exactly one word of the first is replaced by one other word in the second.
- Both of these words are common and short, and a language model's tokenizer writes each of them as one single token. Prefer everyday words of one or two syllables; avoid rare words, names, numbers, compounds and hyphens.
- Add no word, leave none out, and keep spelling, punctuation and capitals the same in both texts.
- Write each text as one complete sentence without a full stop at its end.
- Make every pair of this answer different from the others and from the examples: vary subjects, verbs, wording and length.
{instructions}

Examples:
{examples}

In this answer, keep to the following:
{axes}

{answer}`,
  records: `{description}

Generate exactly {count}. Each record has these fields, all of them texts: {fields}.

Rules:
- Make every record of this answer different from the others and from the examples.
{instructions}

Examples:
{examples}

In this answer, keep to the following:
{axes}

{answer}`,
} as const;

const PLACEHOLDER = /\{([a-z_]+)\}/g;

/** The first name in braces that no placeholder has, or undefined. */
export function unknownPlaceholder(template: string): string | undefined {
  for (const [, name = ""] of template.matchAll(PLACEHOLDER)) if (!Object.hasOwn(PLACEHOLDERS, name)) return name;
  return undefined;
}

/**
 * Fills a template. A line that holds nothing but placeholders with nothing to say goes, and so does a paragraph of which only
 * its heading (a line that ends with a colon) is left.
 */
export function fillTemplate(template: string, values: Readonly<Record<Placeholder, string>>): string {
  const paragraphs = template
    .trim()
    .split(/\n\s*\n/)
    .flatMap((paragraph) => {
      const lines = paragraph.split("\n").flatMap((line) => {
        const filled = line.replace(PLACEHOLDER, (whole, name: string) => (isPlaceholder(name) ? values[name] : whole));
        return filled.trim() === "" ? [] : [filled];
      });
      const lost = lines.length < paragraph.split("\n").length;
      const headed = lost && lines.length === 1 && lines[0]?.trimEnd().endsWith(":") === true;
      return lines.length === 0 || headed ? [] : [lines.join("\n")];
    });
  return paragraphs.join("\n\n");
}

function isPlaceholder(name: string): name is Placeholder {
  return Object.hasOwn(PLACEHOLDERS, name);
}
