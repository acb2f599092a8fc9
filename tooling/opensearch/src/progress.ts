/** One step of a start, for a person who waits. `fraction` grows from 0 to 1 where the end is known. */
export interface Progress {
  readonly subject: string;
  readonly step: "downloading" | "unpacking" | "starting" | "ready";
  readonly fraction?: number;
}

export type OnProgress = (progress: Progress) => void;

export function progressLine({ subject, step, fraction }: Progress): string {
  return fraction === undefined ? `${subject}: ${step}` : `${subject}: ${step}, ${Math.floor(fraction * 100)} %`;
}

/** Passes each whole percent on once. */
export function percents(
  onProgress: OnProgress | undefined,
  subject: string,
  step: Progress["step"],
): (fraction: number) => void {
  let said = -1;
  return (fraction) => {
    const percent = Math.floor(fraction * 100);
    if (percent === said) return;
    said = percent;
    onProgress?.({ subject, step, fraction: percent / 100 });
  };
}
