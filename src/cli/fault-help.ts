import { columns } from "../report/format.ts";
import { FAULT_CATALOGUE } from "../simulator/faults.ts";

/** The faults that `dsgen simulate --fault` takes, one line each. */
export function faultHelp(): readonly string[] {
  return columns(FAULT_CATALOGUE.map(({ kind, about }) => [kind, about]));
}
