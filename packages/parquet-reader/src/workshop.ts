import { Arena } from "./arena.ts";
import type { Column } from "./column.ts";
import type { Groundwork } from "./groundwork.ts";
import { createHost } from "./host.ts";
import type { CreateKernel, Kernel } from "./kernel/kernel.ts";
import type { Shape } from "./shape.ts";

/** An arena with the kernel that works on it, and the columns that are open there, by leaf number. */
export interface Workplace {
  readonly arena: Arena;
  readonly kernel: Kernel;
  /** What the last reading left at the bottom of the arena. */
  groundwork: Groundwork | undefined;
  columns: readonly (Column | undefined)[];
}

const KEPT = 4;
/** An arena above this is given back to the system. */
const KEPT_BYTES = 96 * 1024 * 1024;
const idle = new Map<CreateKernel, Workplace[]>();

/** A workplace that nobody uses: one where rows of this shape were read, any other, or a new one. */
export function takeWorkplace(create: CreateKernel, shape: Shape): Workplace {
  const list = idle.get(create) ?? [];
  const known = list.findIndex(({ groundwork }) => groundwork?.way.shape === shape);
  const [before] = list.splice(known < 0 ? list.length - 1 : known, 1);
  if (before !== undefined) return before;
  const arena = new Arena();
  let workplace: Workplace | undefined;
  const host = createHost(arena, () => workplace?.columns ?? []);
  workplace = { arena, kernel: create(arena, host), groundwork: undefined, columns: [] };
  return workplace;
}

/** Gives a workplace back after a reading that went well; what a broken file left behind is not used again. */
export function giveWorkplace(create: CreateKernel, workplace: Workplace): void {
  workplace.columns = [];
  const list = idle.get(create) ?? [];
  idle.set(create, list);
  if (list.length < KEPT && workplace.arena.byteLength <= KEPT_BYTES) list.push(workplace);
}
