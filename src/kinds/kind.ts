import type { AnswerLine } from "../api/output-line.ts";
import type { TaskConfig } from "../config/project-config.ts";
import type { RecipeContext } from "../engine/recipe.ts";
import type { JsonObject, JsonValue } from "../graph/json.ts";
import type { TargetName } from "../graph/names.ts";
import type { Input } from "../graph/target.ts";
import type { Entry, EntryNames } from "../tasks/candidate.ts";
import type { ParsedResponse } from "../tasks/parse.ts";
import type { AskedRequest, RequestRange, renderedRequests } from "../tasks/requests.ts";
import type { Variant } from "../tokenizers/variant.ts";
import type { answerReader } from "./answers.ts";

/** Inputs of a target by the names under which its recipe reads them. */
export type Inputs = Readonly<Record<string, Input>>;

/** Reads the answers of one output file. */
export interface ShardReader {
  read(line: AnswerLine<string>): ParsedResponse;
  /** For checks that compare tokens: the texts around an entry's, and by which tokenizers. Empty where there are none. */
  readonly variants: readonly Variant[];
  readonly tokenizers: readonly string[];
}

/** A kind of task: what its entries are, from what is asked to the rows of its dataset. `registry.ts` has them all. */
export interface Kind {
  readonly name: string;
  readonly words: KindWords;
  /** The member of a shard's line that holds an entry's texts. */
  readonly member: string;
  /** The key of a task that says what its entries' texts are called. */
  readonly namesAt: string;
  /** Why all batches are bought at once; absent where the yield decides. */
  readonly takesAll?: string;

  /** What its targets see beside what those of every kind do. */
  readonly inputs: {
    requests(task: TaskConfig): Inputs;
    shard(task: TaskConfig, requests: TargetName): Inputs;
    dataset(task: TaskConfig): Inputs;
  };
  /** All that its requests are made from; a dataset's manifest has its fingerprint. */
  asked(task: TaskConfig): JsonObject;

  /*
   * What renders and what reads is handed in by the recipe that does it: every recipe loads the kinds, and an edit of the
   * parser's code is to make no request file again.
   */

  /** The requests of a range, in order; ends with what the trace keeps of them. */
  requests(
    context: RecipeContext,
    range: RequestRange,
    rendered: typeof renderedRequests,
  ): AsyncGenerator<AskedRequest, JsonObject>;
  reader(context: RecipeContext, names: EntryNames, answers: typeof answerReader): Promise<ShardReader>;
  /** What failures call an entry's texts. */
  textNames(fields: readonly string[]): readonly string[];
  /** What is wrong with what its lines hold beside the common members; absent where they hold nothing else. */
  faultOf?(line: JsonObject): string | undefined;
  /** How many entries a dataset is to have. */
  wanted(context: RecipeContext): Promise<number>;
  /** Its dataset as a file of lines, as `inspect` tells, counts and shows it. */
  readonly file: FileFormat;
  /** Whether its rows say what a shard has of an entry's tokens; absent where they never do. */
  tellsTokens?(context: RecipeContext): boolean;
  /** Writes an entry's rows, each with its line's end. */
  rows(context: RecipeContext, task: string, names: EntryNames): (id: number, line: Entry) => string;
}

/** A kind of JSON Lines file that dsgen or the Batch API writes. */
export interface FileFormat {
  readonly name: string;
  /** What such a file is, in words. */
  readonly is: string;
  /** What several of its lines are together. */
  readonly unit?: string;
  has(line: JsonObject): boolean;
  /** The entry that a line belongs to: the lines of one entry are consecutive. `at` counts lines from 1. */
  entry(line: JsonObject, at: number, as: Shown): string;
  count(line: JsonObject, text: string, count: (name: string, by?: number) => void, as: Shown): void;
  /** Label and text of each field of an entry. */
  fields(line: JsonObject, as: Shown): readonly (readonly [string, string])[];
}

/** How a value is written for people. */
export interface Shown {
  /** A name or a number; `?` for anything else. */
  word(value: JsonValue | undefined): string;
  /** A text as it is; anything else as JSON. */
  text(value: JsonValue | undefined): string;
  /** An embedding by its length and its beginning: nobody reads a thousand numbers. */
  vector(value: JsonValue | undefined): string;
  members(line: JsonObject): readonly (readonly [string, string])[];
}

/** What reports call its entries and rows. */
export interface KindWords {
  readonly made: string;
  readonly entries: string;
  readonly rows: string;
}
