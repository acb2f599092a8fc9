/** Tells a person who waits what is going on: one line a step, rewritten in place on a terminal. */
export interface Progress {
  /** `detail` replaces the one before it. */
  step(text: string, detail?: string): void;
  /** A line that stays. */
  line(text: string): void;
}

export function createProgress(stream: NodeJS.WriteStream): Progress {
  const started = performance.now();
  const stamp = (): string => `[${((performance.now() - started) / 1000).toFixed(1).padStart(5)} s]`;
  let current = "";
  const end = (): void => {
    if (current !== "" && stream.isTTY) stream.write("\n");
    current = "";
  };
  return {
    step(text, detail) {
      if (stream.isTTY) {
        if (current !== text) end();
        stream.write(`\r\x1b[K${stamp()} ${text}${detail === undefined ? "" : ` ${detail}`}`);
      } else if (current !== text) stream.write(`${stamp()} ${text}\n`);
      current = text;
    },
    line(text) {
      end();
      stream.write(`${stamp()} ${text}\n`);
    },
  };
}
