import { FAULT_CATALOGUE } from "../providers/simulator/faults.ts";
import { columns } from "../report/format.ts";

/** The faults that `dsgen simulate --fault` takes, one line each. */
export function faultHelp(): readonly string[] {
  return columns(FAULT_CATALOGUE.map(({ kind, about }) => [kind, about]));
}
