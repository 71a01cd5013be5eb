import { finish, toyCluster, toyWork } from "./toy.ts";

/* A build's process, but for the build: `toy-coordinator.ts ROOT COUNT` makes toys to their end, or is killed on the way. */

const [root = "", count = ""] = process.argv.slice(2);
const cluster = toyCluster({ SLURM_CONF: process.env["SLURM_CONF"] ?? "" }, {}, root);
const works = Array.from({ length: Number(count) }, (_, i) =>
  toyWork({ name: `toy${i}`, sleepMs: 300, ...(i === 1 && { act: "exit" }) }),
);
const ends = await finish(cluster.executor(), works);
process.stdout.write(JSON.stringify(Object.fromEntries([...ends].map(([name, { state }]) => [name, state]))));
