import type { ListrDefaultRendererTaskOptions, ListrTaskWrapper } from "listr2";

/** A row of the display. */
export type Task = ListrTaskWrapper<
  unknown,
  typeof import("listr2").DefaultRenderer,
  typeof import("listr2").SimpleRenderer
>;

export interface Display {
  readonly rows: ReadonlyMap<string, Task>;
  finish(): Promise<void>;
}

/** A listr2 list whose tasks end when the build does; a task without a title takes no line. */
export async function openDisplay(stages: readonly string[], stream: NodeJS.WriteStream): Promise<Display> {
  const { DefaultRenderer, Listr, ListrDefaultRendererLogLevels, ListrLogger, ProcessOutput } = await import("listr2");
  /** listr2 asks whether standard *output* is a terminal; this display goes to another stream, which is one. */
  class StreamRenderer extends DefaultRenderer {
    static override nonTTY = true;
  }
  const rows = new Map<string, Task>();
  let start: () => void = () => undefined;
  const started = new Promise<void>((resolve) => {
    start = resolve;
  });
  let finish: () => void = () => undefined;
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const rendererOptions: ListrDefaultRendererTaskOptions = { outputBar: 1, bottomBar: false, persistentOutput: false };
  // The titles have marks of their own: that a task of the list has ended says nothing of the stage.
  const { PENDING, COMPLETED, OUTPUT } = ListrDefaultRendererLogLevels;
  const icon = { [PENDING]: "", [COMPLETED]: "", [OUTPUT]: " " };
  const list = new Listr<unknown, typeof StreamRenderer, "simple">(
    stages.map((stage) => ({
      title: "",
      rendererOptions,
      task: async (_context, task) => {
        rows.set(stage, task);
        if (rows.size === stages.length) start();
        await finished;
      },
    })),
    {
      concurrent: true,
      renderer: StreamRenderer,
      rendererOptions: {
        formatOutput: "truncate",
        // Drawn when a row changes, without a spinner.
        lazy: true,
        icon,
        logger: new ListrLogger({ useIcons: true, processOutput: new ProcessOutput(stream, stream) }),
      },
      // Ctrl-C is ours: listr2 would end the process while answers are being written.
      registerSignalListeners: false,
    },
  );
  const running = list.run();
  // A build may be over before listr2 has begun: its last state is still to be shown.
  await started;
  return {
    rows,
    finish: async () => {
      finish();
      await running;
    },
  };
}
