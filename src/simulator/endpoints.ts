/** The endpoints that answer a request body, in real time. */
export const ENDPOINTS = [
  "/v1/responses",
  "/v1/chat/completions",
  "/v1/embeddings",
  "/v1/completions",
  "/v1/moderations",
  "/v1/images/generations",
  "/v1/images/edits",
  "/v1/images/variations",
] as const;
export type Endpoint = (typeof ENDPOINTS)[number];

/** The endpoints that batches may call; the API has one more, for videos. */
export const BATCH_ENDPOINTS: readonly Endpoint[] = ENDPOINTS.filter((path) => path !== "/v1/images/variations");
