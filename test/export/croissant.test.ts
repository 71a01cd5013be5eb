import { expect, it } from "vitest";
import { isJsonList, isJsonObject, type JsonObject, type JsonValue } from "../../src/graph/json.ts";
import { ABOUT, folder } from "./hub-folder.ts";

/*
 * The description held against Croissant 1.1 as it is published (docs/croissant-spec-1.1.md and croissant-rai-spec.md of
 * mlcommons/croissant): its appendix's context, its tables of properties, and what its own validator, mlcroissant, refuses.
 */

/** Appendix 1, as it stands there. */
const PUBLISHED = {
  "@language": "en",
  "@vocab": "http://schema.org/",
  sc: "http://schema.org/",
  cr: "http://mlcommons.org/croissant/",
  rai: "http://mlcommons.org/croissant/RAI/",
  dct: "http://purl.org/dc/terms/",
  annotation: "cr:annotation",
  arrayShape: "cr:arrayShape",
  citeAs: "cr:citeAs",
  column: "cr:column",
  conformsTo: "dct:conformsTo",
  containedIn: "cr:containedIn",
  data: { "@id": "cr:data", "@type": "@json" },
  dataType: { "@id": "cr:dataType", "@type": "@vocab" },
  equivalentProperty: "cr:equivalentProperty",
  examples: { "@id": "cr:examples", "@type": "@json" },
  excludes: "cr:excludes",
  extract: "cr:extract",
  field: "cr:field",
  fileProperty: "cr:fileProperty",
  fileObject: "cr:fileObject",
  fileSet: "cr:fileSet",
  format: "cr:format",
  includes: "cr:includes",
  isArray: "cr:isArray",
  isLiveDataset: "cr:isLiveDataset",
  jsonPath: "cr:jsonPath",
  key: "cr:key",
  md5: "cr:md5",
  parentField: "cr:parentField",
  recordSet: "cr:recordSet",
  references: "cr:references",
  regex: "cr:regex",
  readLines: "cr:readLines",
  sdVersion: "cr:sdVersion",
  separator: "cr:separator",
  source: "cr:source",
  subField: "cr:subField",
  transform: "cr:transform",
  unArchive: "cr:unArchive",
  value: "cr:value",
};

/** Of schema.org, what a Dataset, a FileObject or a creator here may have. */
const SCHEMA_ORG = [
  ...["name", "description", "license", "url", "creator", "datePublished", "identifier", "keywords", "distribution"],
  ...["contentUrl", "contentSize", "encodingFormat", "sha256"],
];

/** Properties of the RAI vocabulary 1.0. */
const RAI = [
  ...["dataCollection", "dataCollectionType", "dataPreprocessingProtocol", "machineAnnotationTools", "dataLimitations"],
].map((name) => `rai:${name}`);

const COLLECTION_TYPES = ["Surveys", "Software Collection", "Experiments", "Web API", "Others"];

/** By type: what must be there. Of a Dataset these are the table "Required" and `distribution`; a FileObject is not live. */
const REQUIRED: Readonly<Record<string, readonly string[]>> = {
  "sc:Dataset": [
    ...["@context", "conformsTo", "description", "license", "name", "url", "creator", "datePublished"],
    ...["distribution"],
  ],
  "cr:FileObject": ["@id", "name", "contentUrl", "encodingFormat", "sha256"],
  "cr:RecordSet": ["@id", "name", "field"],
  "cr:Field": ["@id", "name", "source"],
};

const ATOMIC = ["sc:Boolean", "sc:Date", "sc:Time", "sc:DateTime", "sc:Float", "sc:Integer", "sc:Text"];

/** All objects below, the outermost first; not what a context holds. */
function objectsIn(value: JsonValue | undefined): readonly JsonObject[] {
  if (isJsonList(value)) return value.flatMap(objectsIn);
  if (!isJsonObject(value)) return [];
  return [value, ...Object.entries(value).flatMap(([name, of]) => (name === "@context" ? [] : objectsIn(of)))];
}

function isSame(a: JsonValue | undefined, b: JsonValue | undefined): boolean {
  return a !== undefined && JSON.stringify(a) === JSON.stringify(b);
}

/** What is wrong with a description, as a validator would list it. */
function faultsOf(described: JsonObject): readonly string[] {
  const all = objectsIn(described);
  const known = new Set([...Object.keys(PUBLISHED), ...SCHEMA_ORG, ...RAI, "@type", "@id", "@context"]);
  const defined = all.flatMap((one) => (one["@type"] === undefined ? [] : [one["@id"] ?? []])).flat();
  const files = all.flatMap((one) => (one["@type"] === "cr:FileObject" ? [one["@id"]] : []));
  return all.flatMap((one) => {
    const { "@type": type, "@id": id } = one;
    const at = `${String(type ?? "")} ${String(id ?? "")}`.trim();
    const faults = Object.keys(one).flatMap((name) => (known.has(name) ? [] : [`${at}: no such property: ${name}`]));
    for (const name of REQUIRED[String(type)] ?? []) if (one[name] === undefined) faults.push(`${at}: no ${name}`);
    if (type === undefined && id !== undefined && !defined.includes(id)) faults.push(`${at}: refers to nothing`);
    if (type !== undefined && id !== undefined && defined.filter((other) => other === id).length !== 1)
      faults.push(`${at}: defined more than once`);
    if (type === "cr:Field") {
      const { source, dataType, subField, isArray, arrayShape } = one;
      const from = isJsonObject(source) && isJsonObject(source["fileObject"]) ? source["fileObject"]["@id"] : undefined;
      if (!files.includes(from)) faults.push(`${at}: is taken from no file`);
      if (subField === undefined && !ATOMIC.includes(String(dataType))) faults.push(`${at}: has no atomic type`);
      if (arrayShape !== undefined && isArray !== true) faults.push(`${at}: has a shape and is no array`);
    }
    // What two fields take from the same place is the same: no two of them are.
    if (type === "cr:Field" && all.some((other) => other !== one && isSame(other["source"], one["source"])))
      faults.push(`${at}: is taken from where another is`);
    if (type === "cr:FileObject" && !/^[0-9a-f]{64}$/.test(String(one["sha256"]))) faults.push(`${at}: no digest`);
    return faults;
  });
}

it("has the published context, and nothing that a validator refuses", async () => {
  const { described } = await folder();
  expect(described["@context"]).toEqual(PUBLISHED);
  expect(faultsOf(described)).toEqual([]);
});

it("has these faults found, where there are any", async () => {
  const { described } = await folder();
  const broken = (from: string | RegExp, to: string) => {
    const text = JSON.stringify(described).replace(from, to);
    const read: unknown = JSON.parse(text);
    return isJsonObject(read) ? faultsOf(read).join("\n") : "";
  };
  expect(broken('"isArray":true', '"repeated":true')).toContain("no such property: repeated");
  expect(broken('"fileObject":{"@id":"data/train.parquet"}', '"fileObject":{"@id":"x"}')).toMatch(/refers to nothing/);
  expect(broken('"@id":"test/id"', '"@id":"train/id"')).toContain("defined more than once");
  expect(broken(/"sha256":"[^"]*"/, '"sha256":"no"')).toContain("no digest");
  expect(broken('"url":"https://example.org/data",', "")).toContain("sc:Dataset: no url");
});

it("names the server that was asked, and nobody's account", async () => {
  const provider = "openai:gateway.example.org:8443:org-ours:proj_ours";
  const { described, all } = await folder({ provider });
  expect(described["rai:dataCollection"]).toContain("asked through gateway.example.org:8443;");
  for (const ours of ["org-ours", "proj_ours"])
    expect([ours, all.some((text) => text.includes(ours))]).toEqual([ours, false]);
});

it("says what the maker said, how it came to be, and lists as arrays in all their dimensions", async () => {
  const { described } = await folder();
  expect(described).toMatchObject({
    "@type": "sc:Dataset",
    conformsTo: ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"],
    name: "quiz",
    description: "Questions.",
    license: { "@type": "sc:CreativeWork", name: "cc-by-4.0" },
    url: "https://example.org/data",
    creator: { name: "Example Lab" },
    datePublished: "2026-01-31",
    identifier: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
    "rai:dataCollection": expect.stringMatching(/^Synthetic: written by gpt-4o/),
  });
  for (const type of [described["rai:dataCollectionType"]].flat()) expect(COLLECTION_TYPES).toContain(type);
  const fields = new Map(objectsIn(described).map((one) => [one["@id"], one]));
  expect(fields.get("train/tags")).toMatchObject({ isArray: true, subField: [{ "@id": "train/tags/of" }] });
  expect(fields.get("train/tags")).not.toHaveProperty("arrayShape");
  expect(fields.get("train/at/grid")).toMatchObject({ isArray: true, arrayShape: "-1,-1", dataType: "sc:Integer" });
  const takenFrom = (id: string) => {
    const source = fields.get(id)?.["source"];
    return isJsonObject(source) ? source["transform"] : "nowhere";
  };
  expect(takenFrom("train/tags")).toBeUndefined();
  expect(takenFrom("train/tags/of")).toEqual({ jsonPath: "$[*].of" });
  expect(takenFrom("train/at/grid")).toEqual({ jsonPath: "$.grid" });
  const address = "https://spdx.org/licenses/CC-BY-4.0";
  expect((await folder({}, { ...ABOUT, license: address })).described["license"]).toBe(address);
});
