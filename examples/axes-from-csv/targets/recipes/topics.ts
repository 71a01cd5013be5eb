import { defineRecipe } from "dsgen";

/** The first column of the lines whose second says yes. */
export default defineRecipe(async (context) => {
  const out = context.output();
  let head = true;
  for await (const line of context.file("table").lines()) {
    const [topic = "", wanted] = line.split(",");
    if (!head && wanted?.trim() === "yes") await out.write(`${topic}\n`);
    head = false;
  }
});
