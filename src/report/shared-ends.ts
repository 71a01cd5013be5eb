/** How many items two lists share at the beginning, and how many of the others at the end. */
export function sharedEnds<T extends string | number>(
  first: readonly T[],
  second: readonly T[],
): readonly [start: number, end: number] {
  const most = Math.min(first.length, second.length);
  let start = 0;
  while (start < most && first[start] === second[start]) start++;
  let end = 0;
  while (end < most - start && first[first.length - 1 - end] === second[second.length - 1 - end]) end++;
  return [start, end];
}
