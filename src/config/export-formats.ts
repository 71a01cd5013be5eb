/** The forms in which a dataset leaves; `targets/exports.ts` has a target for each. */
export const EXPORTS = ["parquet", "csv", "splits", "huggingface"] as const;

export type ExportFormat = (typeof EXPORTS)[number];
