import type { Remote } from "../../../src/remote/remote.ts";

/** A cache in memory, as a server would have it. */
export function memoryRemote(
  files: Map<string, Uint8Array>,
  writtenAt: (name: string) => number | null = () => null,
): Remote {
  return {
    label: "memory",
    has: async (name) => ({ ok: true, value: files.has(name) }),
    get: async (name) => ({ ok: true, value: files.get(name) }),
    async putIfAbsent(name, bytes) {
      if (files.has(name)) return { ok: true, value: "there" };
      files.set(name, Uint8Array.from(bytes));
      return { ok: true, value: "put" };
    },
    list: async (folder) => ({
      ok: true,
      value: [...files.keys()].filter((name) => name.startsWith(`${folder}/`)).sort(),
    }),
    entries: async (folder) => ({
      ok: true,
      value: [...files]
        .filter(([name]) => name.startsWith(`${folder}/`))
        .map(([name, content]) => ({ name, bytes: content.length, writtenAt: writtenAt(name) })),
    }),
    remove: async (name) => ({ ok: true, value: files.delete(name) }),
    excludes: async () => ({ ok: true, value: true }),
  };
}
