/** What a snapshot says besides what was looked at: the words that were written. */
interface Said {
  readonly stdout: string;
  readonly stderr: string;
}

/** Where the snapshot goes: the cache's folder, and what in it every build makes anew. All absolute. */
interface Place {
  readonly cache: string;
  readonly passing: readonly string[];
}

declare const fresh: {
  watch(): void;
  spoiled(): void;
  exactStat(name: string): import("node:fs").BigIntStats | undefined;
  isFile(name: string): boolean;
  plainStat(name: string): import("node:fs").Stats | undefined;
  holds(name: string, digest: string): void;
  tickMs(inWholeSeconds: boolean): number;
  leave(argv: readonly string[], place: Place, said: Said, also: () => readonly string[]): void;
};
export = fresh;
