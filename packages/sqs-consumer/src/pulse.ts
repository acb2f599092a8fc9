/** Wakes whoever waits for the next change. */
export interface Pulse {
  beat(): void;
  wait(): Promise<void>;
}

export function pulse(): Pulse {
  let next = Promise.withResolvers<void>();
  return {
    beat() {
      next.resolve();
      next = Promise.withResolvers<void>();
    },
    wait: () => next.promise,
  };
}
