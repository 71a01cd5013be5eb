import { existsSync, readdirSync, readFileSync } from "node:fs";
import type { Ledger } from "../../../src/simulator/ledger.ts";
import { chargesByCustomId } from "../../simulator/counts.ts";
import type { SceneProject } from "./project.ts";

/** What every crash and fault is judged by. */
export interface Figures {
  /** Paid calls that were paid for before: charges beyond the first of each request, by the provider's own account book. */
  readonly repeated: number;
  /** Requests that were charged and whose answer the project does not have. */
  readonly lost: number;
  /** Requests that were charged at all. */
  readonly paid: number;
  /** Whether `dataset.jsonl` is, byte for byte, what it must be. */
  readonly identical: boolean;
}

/** Reads the figures after a build was run to its end. `ledger` must be up to the future: nothing may still be under way. */
export function figuresOf(project: SceneProject, ledger: Ledger, dataset: string): Figures {
  const charges = chargesByCustomId(ledger);
  const answered = answeredIn(project);
  let [repeated, lost] = [0, 0];
  for (const [id, times] of charges) {
    repeated += times - 1;
    if (!answered.has(id)) lost++;
  }
  const path = project.path("dataset.jsonl");
  return {
    repeated,
    lost,
    paid: charges.size,
    identical: existsSync(path) && readFileSync(path, "utf8") === dataset,
  };
}

/** The custom_ids that the project's output files answer with status 200. */
export function answeredIn(project: SceneProject, task = "tiny"): ReadonlySet<string> {
  const folder = project.path("batch_outputs", task);
  const ids = new Set<string>();
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    if (!/^output_batch\d+\.jsonl$/.test(name)) continue;
    for (const line of readFileSync(`${folder}/${name}`, "utf8").split("\n")) {
      if (line === "") continue;
      const { custom_id: id, response } = JSON.parse(line) as {
        custom_id: string;
        response: { status_code: number } | null;
      };
      if (response?.status_code === 200) ids.add(id);
    }
  }
  return ids;
}

export function addFigures(
  all: readonly Figures[],
): Omit<Figures, "identical" | "paid"> & { readonly different: number } {
  return {
    repeated: all.reduce((sum, one) => sum + one.repeated, 0),
    lost: all.reduce((sum, one) => sum + one.lost, 0),
    different: all.filter((one) => !one.identical).length,
  };
}
