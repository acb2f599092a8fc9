import type { Message } from "./message.ts";

interface Due {
  readonly at: number;
  readonly message: Message;
  readonly generation: number;
}

/** Messages that become visible at a time: a binary heap whose overtaken entries are dropped when they come up. */
export interface Schedule {
  add(at: number, message: Message): void;
  /** Takes out what is due. */
  due(now: number): Message[];
  /** The next time at which something may be due. */
  next(): number | undefined;
  clear(): void;
}

export function createSchedule(): Schedule {
  const heap: Due[] = [];
  const earlier = (a: number, b: number) => (heap[a] as Due).at < (heap[b] as Due).at;
  const swap = (a: number, b: number) => {
    const kept = heap[a] as Due;
    heap[a] = heap[b] as Due;
    heap[b] = kept;
  };
  const pop = () => {
    swap(0, heap.length - 1);
    heap.pop();
    for (let at = 0; ; ) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) if (child < heap.length && earlier(child, least)) least = child;
      if (least === at) return;
      swap(at, least);
      at = least;
    }
  };
  const overtaken = ({ message, generation }: Due) => message.generation !== generation;
  return {
    add(at, message) {
      heap.push({ at, message, generation: message.generation });
      for (let i = heap.length - 1; i > 0; ) {
        const parent = (i - 1) >> 1;
        if (!earlier(i, parent)) return;
        swap(i, parent);
        i = parent;
      }
    },
    due(now) {
      const messages: Message[] = [];
      for (let top = heap[0]; top !== undefined && (top.at <= now || overtaken(top)); top = heap[0]) {
        if (!overtaken(top)) messages.push(top.message);
        pop();
      }
      return messages;
    },
    next: () => heap[0]?.at,
    clear() {
      heap.length = 0;
    },
  };
}
