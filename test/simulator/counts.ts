import type { Ledger } from "../../src/simulator/ledger.ts";

/** How often each custom_id was executed and charged. */
export function chargesByCustomId(ledger: Ledger): ReadonlyMap<string, number> {
  return counted(ledger.charges.map((charge) => charge.customId));
}

/**
 * In how many accepted batches each custom_id was sent. Charges are written when a batch is looked at; this counts a
 * batch bought twice also when one of the two is lost for good.
 */
export function sendsByCustomId(ledger: Ledger): ReadonlyMap<string, number> {
  return counted(ledger.creates.flatMap((create) => create.customIds));
}

/** How many batches were created for each value of one metadata key (a job id). */
export function createsByMetadata(ledger: Ledger, key: string): ReadonlyMap<string, number> {
  return counted(ledger.creates.map((create) => create.metadata[key] ?? ""));
}

/** How many files were uploaded under each name. */
export function uploadsByFilename(ledger: Ledger): ReadonlyMap<string, number> {
  return counted(ledger.uploads.map((upload) => upload.filename));
}

function counted(keys: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return counts;
}
