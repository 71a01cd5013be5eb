/**
 * The entry of models.yaml that a model goes by: its own, else for a dated name (`gpt-4o-2024-08-06`) the longest that it
 * extends. Undefined for a model of which nothing is known.
 */
export function modelEntry(model: string, known: readonly string[]): string | undefined {
  if (known.includes(model)) return model;
  const stems = known.filter((name) => model.startsWith(`${name}-`) && /^\d/.test(model.slice(name.length + 1)));
  return stems.sort((a, b) => b.length - a.length)[0];
}
