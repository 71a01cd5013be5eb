/*
 * Which answers are made up. An answer says it itself, by the simulator's mark (`Answer.simulated`), whatever address it came
 * from; a namespace says it of all that was asked under it.
 */

/** Whether a namespace is that of the simulator inside dsgen. */
export function isSimulator(namespace: string): boolean {
  return namespace.startsWith("simulator:");
}

/** Whether a namespace is that of a provider, whose answers are real unless they bear the mark. What is neither is not known. */
export function isProvider(namespace: string): boolean {
  return namespace.startsWith("openai:");
}
