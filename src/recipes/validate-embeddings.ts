import validate from "./validate-shard.ts";

/** The name under which targets of projects may know the validation of embeddings: it is that of every kind. */
export default validate;
