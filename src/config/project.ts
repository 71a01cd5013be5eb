import type { ProjectConfig } from "./project-config.ts";

/** What a pipeline is made from: the configuration, and who answers. */
export type Project = ProjectConfig & {
  readonly dsgen_version: string;
  readonly provider: { readonly namespace: string; readonly simulated: boolean };
};
