/*
 * What `targets/`, a user's own targets and recipes may import. Everything else is dsgen's own business and may change.
 */

export type { Answer, AnswerReader } from "./api/answers.ts";
export { customId, requestId } from "./api/request-file.ts";
export type { JobRecord } from "./batch/job.ts";
export { EXPORTS, type ExportFormat } from "./config/export-formats.ts";
export type {
  EmbeddingConfig,
  ModelConfig,
  Project,
  ProjectConfig,
  TaskConfig,
  TokenizerConfig,
} from "./config/project-config.ts";
export {
  defineRecipe,
  type InputFile,
  type OutputFile,
  type Recipe,
  type RecipeContext,
} from "./engine/recipe.ts";
export type { BuildEvent } from "./events/schema.ts";
export {
  chosen,
  chosenParts,
  env,
  file,
  glob,
  made,
  madeAll,
  moduleInput,
  name,
  type Pipeline,
  recipe,
  target,
  tool,
  value,
} from "./graph/declare.ts";
export type { GraphDefinition } from "./graph/graph.ts";
export type { JsonObject, JsonValue } from "./graph/json.ts";
export type { RecipeRef, TargetName } from "./graph/names.ts";
export { type Problem, ProblemError } from "./graph/problem.ts";
export type {
  Expansion,
  ExpansionContext,
  ExpansionModule,
  Input,
  LiveTarget,
  Target,
} from "./graph/target.ts";
export { kindOf } from "./kinds/registry.ts";
export { openProject } from "./library/open.ts";
export {
  type BuildOptions,
  type OpenProject,
  type Plan,
  ProjectError,
  type ProjectOptions,
  type Status,
} from "./library/project.ts";
export type { ModuleCheck } from "./tasks/check-verdict.ts";
export { modulePaths } from "./tasks/check-verdict.ts";
export type { Manifest } from "./tasks/manifest.ts";
export { tokenizer } from "./tokenizers/tool.ts";
