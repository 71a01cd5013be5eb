import type { Dataset } from "./dataset.ts";

/** What a file says of itself where its format has a place for that: which dataset it is, and whether anybody answered. */
export function aboutFile({ manifest, digest }: Dataset): Readonly<Record<string, string>> {
  return {
    "dsgen.manifest.sha256": digest,
    "dsgen.dataset.sha256": manifest.dataset.sha256,
    "dsgen.model": manifest.model,
    "dsgen.simulated": String(manifest.simulated),
  };
}
