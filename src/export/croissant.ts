import type { JsonObject, JsonValue } from "../graph/json.ts";
import { type About, counts, type PartFile, SIMULATED, yieldOf } from "./card.ts";
import type { ColumnType } from "./columns.ts";
import type { Dataset } from "./dataset.ts";
import { termsOfModel } from "./terms.ts";

/*
 * Croissant 1.1 with the Responsible-AI vocabulary 1.0, as JSON-LD: https://docs.mlcommons.org/croissant/.
 */

/** The specification's own context, whole: a validator warns of one in which a term is missing. */
const CONTEXT: JsonObject = {
  "@language": "en",
  "@vocab": "http://schema.org/",
  sc: "http://schema.org/",
  cr: "http://mlcommons.org/croissant/",
  rai: "http://mlcommons.org/croissant/RAI/",
  dct: "http://purl.org/dc/terms/",
  conformsTo: "dct:conformsTo",
  ...Object.fromEntries(
    [
      ...["annotation", "arrayShape", "citeAs", "column", "containedIn", "equivalentProperty", "excludes", "extract"],
      ...[
        "field",
        "fileProperty",
        "fileObject",
        "fileSet",
        "format",
        "includes",
        "isArray",
        "isLiveDataset",
        "jsonPath",
      ],
      ...["key", "md5", "parentField", "recordSet", "references", "regex", "readLines", "sdVersion", "separator"],
      ...["source", "subField", "transform", "unArchive", "value"],
    ].map((term) => [term, `cr:${term}`]),
  ),
  data: { "@id": "cr:data", "@type": "@json" },
  dataType: { "@id": "cr:dataType", "@type": "@vocab" },
  examples: { "@id": "cr:examples", "@type": "@json" },
};

/** The description of a dataset whose parts are these Parquet files. What its maker has not told is left out, not made up. */
export function croissant(
  { manifest, digest }: Dataset,
  about: About,
  types: ReadonlyMap<string, ColumnType>,
  files: readonly PartFile[],
): string {
  const { model, summary, simulated, task } = manifest;
  const marked = simulated ? `${SIMULATED} ` : "";
  const by = simulated ? `dsgen's simulator, in place of ${model}` : model;
  const description: JsonObject = {
    "@context": CONTEXT,
    "@type": "sc:Dataset",
    conformsTo: ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"],
    name: task,
    description: `${marked}${about.description}`.trim() || task,
    ...(about.license === null ? {} : { license: licenseOf(about.license) }),
    ...(about.url === null ? {} : { url: about.url }),
    ...(about.creator === null ? {} : { creator: { "@type": "sc:Organization", name: about.creator } }),
    ...(about.published === null ? {} : { datePublished: about.published }),
    // Not its `version`, which the format has as MAJOR.MINOR.PATCH: validators refuse others, and dsgen knows of none.
    identifier: `sha256:${digest}`,
    keywords: ["synthetic", "dsgen", ...(simulated ? ["simulated"] : [])],
    isLiveDataset: false,
    "rai:dataCollection": `Synthetic: written by ${by}, asked through ${serverOf(manifest.provider)}; ${summary.answered} of ${summary.responses} requests answered. The prompt's fingerprint is ${manifest.prompt_fingerprint}.`,
    "rai:dataCollectionType": ["Software Collection"],
    "rai:dataPreprocessingProtocol": [
      `${yieldOf(manifest)}; failed, by check: ${counts(summary.failures_by_check)}.`,
      `${summary.duplicates} duplicates left out; the first ${manifest.dataset.scenarios} scenarios that were left are the dataset.`,
    ],
    ...(Object.keys(manifest.tokenizers).length === 0
      ? {}
      : { "rai:machineAnnotationTools": Object.keys(manifest.tokenizers).map((name) => `tokenizer ${name}`) }),
    "rai:dataLimitations": [
      simulated ? SIMULATED : `No person has read the rows unless the description says so. ${termsOfModel(model)}`,
    ],
    distribution: files.map(({ path, part, bytes, sha256 }) => ({
      "@type": "cr:FileObject",
      "@id": path,
      name: part,
      contentUrl: path,
      contentSize: `${bytes} B`,
      encodingFormat: "application/vnd.apache.parquet",
      sha256,
    })),
    recordSet: files.map(({ part, path }) => ({
      "@type": "cr:RecordSet",
      "@id": part,
      name: part,
      field: [...types].map(([name, type]) => fieldOf(`${part}/${name}`, type, path, name)),
    })),
  };
  return `${JSON.stringify(description, null, 2)}\n`;
}

/** Who was asked, without whose account: anybody may come to read this. @param namespace `openai:<host>:<org>:<project>` */
function serverOf(namespace: string): string {
  const [kind, ...rest] = namespace.split(":");
  return kind === "openai" ? rest.slice(0, -2).join(":") : namespace;
}

/** An address where it is one; else a work by its name, since the format takes no bare text. */
function licenseOf(license: string): JsonValue {
  return /^https?:/.test(license) ? license : { "@type": "sc:CreativeWork", name: license };
}

/**
 * @param column the top-level column that the value is in
 * @param inside the JSON path from there to it; empty for the column itself
 */
function fieldOf(id: string, type: ColumnType, path: string, column: string, inside = ""): JsonObject {
  const { of, depth } = withinLists(type);
  const each = inside + "[*]".repeat(depth);
  return {
    "@type": "cr:Field",
    "@id": id,
    name: id.slice(id.indexOf("/") + 1),
    ...(of.kind === "struct"
      ? {
          subField: [...of.members].map(([name, member]) =>
            fieldOf(`${id}/${name}`, member, path, column, each + stepTo(name)),
          ),
        }
      : { dataType: DATA_TYPES[of.kind] }),
    ...(depth === 0 ? {} : { isArray: true }),
    // Of any length in each dimension. One dimension is what an array has where nothing is said.
    ...(depth < 2 ? {} : { arrayShape: Array.from({ length: depth }, () => "-1").join(",") }),
    source: {
      fileObject: { "@id": path },
      extract: { column },
      ...(inside === "" ? {} : { transform: { jsonPath: `$${inside}` } }),
    },
  };
}

/** The step of a JSON path to a member. */
function stepTo(name: string): string {
  return /^[A-Za-z_]\w*$/.test(name) ? `.${name}` : `['${name.replace(/['\\]/g, "\\$&")}']`;
}

function withinLists(type: ColumnType): { readonly of: Exclude<ColumnType, { kind: "list" }>; readonly depth: number } {
  if (type.kind !== "list") return { of: type, depth: 0 };
  const { of, depth } = withinLists(type.of);
  return { of, depth: depth + 1 };
}

const DATA_TYPES: Readonly<Record<Exclude<ColumnType["kind"], "struct" | "list">, JsonValue>> = {
  boolean: "sc:Boolean",
  integer: "sc:Integer",
  number: "sc:Float",
  unknown: "sc:Text",
  text: "sc:Text",
  mixed: "sc:Text",
};
