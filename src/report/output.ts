/** Where text goes: a stream that may be a terminal, a pipe, or a pipe whose reader has left. */
export interface Output {
  write(text: string): void;
  /** Characters a line may have; 80 where nobody says. */
  readonly columns: number;
  readonly isTty: boolean;
  /** True once the reader has gone (`| head`): nothing more need be made for it. */
  readonly closed: boolean;
}

/** An output that keeps what it is given, for tests and for text that is decided on later. */
export function memoryOutput(columns = 80): Output & { text(): string } {
  const parts: string[] = [];
  return {
    write: (text) => void parts.push(text),
    columns,
    isTty: false,
    closed: false,
    text: () => parts.join(""),
  };
}
