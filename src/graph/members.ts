import { isJsonObject, type JsonObject, type JsonValue } from "./json.ts";

/* What the members of an object on disk must be. Its type follows from the same table that checks it. */

/** A check of one member; `is` is never there, it carries the type of what passes. */
export type Member<T> = ((value: unknown) => boolean) & { readonly is?: T };
export type Members = Readonly<Record<string, (value: unknown) => boolean>>;

type Of<M> = M extends Member<infer T> ? T : never;
/** The object whose members pass; a member that may be missing is optional. */
export type Shape<M extends Members> = {
  readonly [K in keyof M as undefined extends Of<M[K]> ? never : K]: Of<M[K]>;
} & { readonly [K in keyof M as undefined extends Of<M[K]> ? K : never]?: Exclude<Of<M[K]>, undefined> };

export const text: Member<string> = (value) => typeof value === "string";
export const number: Member<number> = (value) => typeof value === "number";
export const object: Member<JsonObject> = isJsonObject;
export const orNull =
  <T>(is: Member<T>): Member<T | null> =>
  (value) =>
    value === null || is(value);
export const optional =
  <T>(is: Member<T>): Member<T | undefined> =>
  (value) =>
    value === undefined || is(value);
export const list =
  <T>(is: Member<T>): Member<readonly T[]> =>
  (value) =>
    Array.isArray(value) && value.every((one: unknown) => is(one));
export const oneOf =
  <const T extends JsonValue>(values: readonly T[]): Member<T> =>
  (value) =>
    values.some((one) => one === value);
export const recordOf =
  <T>(is: Member<T>): Member<Readonly<Record<string, T>>> =>
  (value) =>
    isJsonObject(value) && Object.values(value).every(is);
export const all =
  <M extends Members>(members: M): Member<Shape<M>> =>
  (value) =>
    isJsonObject(value) && firstWrong(value, members) === undefined;

/** The first member that is not what it must be. */
export function firstWrong(object: JsonObject, members: Members): string | undefined {
  return Object.entries(members).find(([name, is]) => !is(Object.hasOwn(object, name) ? object[name] : undefined))?.[0];
}
