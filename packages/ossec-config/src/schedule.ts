import type { Problem } from "./issues.ts";

export interface TimeOfDay {
  readonly hour: number;
  readonly minute: number;
}

/** When the module runs, in the local time zone. */
export type Schedule =
  | { readonly by: "interval"; readonly seconds: number }
  | { readonly by: "time"; readonly time: TimeOfDay; readonly everyDays: number }
  /** 0 is Sunday. */
  | { readonly by: "weekday"; readonly weekday: number; readonly time: TimeOfDay; readonly everyWeeks: number }
  /** In a month that is too short, as many days later as it lacks. */
  | { readonly by: "day"; readonly day: number; readonly time: TimeOfDay; readonly everyMonths: number };

export type Interval = { readonly seconds: number } | { readonly months: number };

/** The elements of a schedule, each as it stands in the file; all of them are optional. */
export interface ScheduleParts {
  readonly interval?: Interval;
  readonly day?: number;
  readonly weekday?: number;
  readonly time?: TimeOfDay;
}

/** Names the element that it is about. */
export interface ScheduleProblem extends Problem {
  readonly element: "interval" | "day";
}

/**
 * What the module does without an `<interval>`. The reference page says ten minutes; the code of every version from 4.2
 * on says five seconds, so this is what an administrator who left it out has been seeing. An idle run costs one empty
 * long poll.
 */
export const defaultIntervalSeconds = 5;

const daySeconds = 86_400;
const weekSeconds = 7 * daySeconds;
const midnight: TimeOfDay = { hour: 0, minute: 0 };
const unitSeconds: Readonly<Record<string, number>> = { "": 1, s: 1, m: 60, h: 3_600, d: daySeconds, w: weekSeconds };
const weekdays = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/**
 * A number in the notation of C (`0x10`, `010`) and at once a letter of `s m h d w M`, or none for seconds; what follows
 * the letter does not count. Undefined for anything else, 0 and 2³²−1 or more.
 */
export function parseInterval(text: string): Interval | undefined {
  const [, digits = "", unit = ""] = /^\+?(0x[0-9a-f]+|0[0-7]*|[1-9]\d*)(.?)/is.exec(text) ?? [];
  const octal = /^0[0-7]+$/.test(digits);
  const count = octal ? Number.parseInt(digits, 8) : Number(digits);
  if (!(count > 0 && count < 4_294_967_295)) return undefined;
  if (unit === "M") return { months: count };
  const seconds = unitSeconds[unit];
  return seconds === undefined ? undefined : { seconds: count * seconds };
}

/** `hh:mm`, 24 hours. */
export function parseTime(text: string): TimeOfDay | undefined {
  const [, hour, minute] = /^(\d{1,2}):(\d{2})$/.exec(text) ?? [];
  if (hour === undefined || Number(hour) > 23 || Number(minute) > 59) return undefined;
  return { hour: Number(hour), minute: Number(minute) };
}

/** By the first three letters of an English name, in any case; 0 is Sunday. */
export function parseWeekday(text: string): number | undefined {
  const index = weekdays.indexOf(text.slice(0, 3).toLowerCase());
  return index < 0 ? undefined : index;
}

/**
 * Puts the parts together: `day` before `wday` before `time` before `interval`. An interval that does not fit is
 * corrected with a warning, as the manager does.
 */
export function toSchedule(parts: ScheduleParts): { schedule: Schedule; problems: readonly ScheduleProblem[] } {
  const { interval, day, weekday, time } = parts;
  if (day !== undefined) {
    const problems = [
      ...(weekday === undefined ? [] : [dayAndWeekday]),
      ...(interval !== undefined && !("months" in interval) ? [corrected("one month", "1M", "<day>")] : []),
    ];
    const everyMonths = interval !== undefined && "months" in interval ? interval.months : 1;
    return { schedule: { by: "day", day, time: time ?? midnight, everyMonths }, problems };
  }
  if (weekday !== undefined) {
    const { count: everyWeeks, problems } = multipleOf(weekSeconds, interval, corrected("one week", "1w", "<wday>"));
    return { schedule: { by: "weekday", weekday, time: time ?? midnight, everyWeeks }, problems };
  }
  if (time !== undefined) {
    const { count: everyDays, problems } = multipleOf(daySeconds, interval, corrected("one day", "1d", "<time>"));
    return { schedule: { by: "time", time, everyDays }, problems };
  }
  if (interval === undefined) return { schedule: { by: "interval", seconds: defaultIntervalSeconds }, problems: [] };
  if ("seconds" in interval) return { schedule: { by: "interval", seconds: interval.seconds }, problems: [] };
  return { schedule: { by: "day", day: 1, time: midnight, everyMonths: interval.months }, problems: [monthsAlone] };
}

function multipleOf(
  unit: number,
  interval: Interval | undefined,
  correction: ScheduleProblem,
): { count: number; problems: readonly ScheduleProblem[] } {
  if (interval === undefined) return { count: 1, problems: [] };
  const fits = "seconds" in interval && interval.seconds % unit === 0;
  return fits ? { count: interval.seconds / unit, problems: [] } : { count: 1, problems: [correction] };
}

function corrected(unit: string, value: string, element: string): ScheduleProblem {
  return {
    element: "interval",
    severity: "warning",
    problem: `must be a multiple of ${unit} beside ${element}, and is taken as ${value}`,
    fix: `Write <interval>${value}</interval>, or remove ${element}`,
  };
}

const dayAndWeekday: ScheduleProblem = {
  element: "day",
  severity: "error",
  problem: "and <wday> are not compatible",
  fix: "Keep one of the two",
};

const monthsAlone: ScheduleProblem = {
  element: "interval",
  severity: "warning",
  problem: "is in months and there is no <day>: the runs are on the first day of the month, at 00:00",
  fix: "Write <day>1</day>, or the day that you want",
};

/** A run that comes next. */
export interface NextRun {
  readonly at: Date;
  /** The one before lasted longer than the interval, so this one is late already. */
  readonly overtaken: boolean;
}

/**
 * When the module runs next. `previous` is the time for which the run before was due; without one this is the first run
 * of a module that does not run on start. Days are those of the calendar: a change of daylight saving time moves nothing.
 */
export function nextRun(schedule: Schedule, now: Date, previous?: Date): NextRun {
  if (schedule.by !== "interval")
    return { at: nextByCalendar(schedule, now, previous === undefined), overtaken: false };
  const due = new Date((previous ?? now).getTime() + schedule.seconds * 1000);
  return due >= now ? { at: due, overtaken: false } : { at: now, overtaken: true };
}

function nextByCalendar(schedule: Exclude<Schedule, { by: "interval" }>, now: Date, first: boolean): Date {
  const { time } = schedule;
  const [year, month, today] = [now.getFullYear(), now.getMonth(), now.getDate()];
  const on = (m: number, day: number): Date => new Date(year, m, day, time.hour, time.minute);
  switch (schedule.by) {
    case "time": {
      const candidate = on(month, today);
      return candidate > now ? candidate : on(month, today + (first ? 1 : schedule.everyDays));
    }
    case "weekday": {
      const days = (schedule.weekday - now.getDay() + 7) % 7;
      const candidate = on(month, today + days);
      return candidate > now ? candidate : on(month, today + (first ? 7 : 7 * schedule.everyWeeks));
    }
    case "day": {
      const candidate = on(month, schedule.day);
      const thisMonth = today < schedule.day || (today === schedule.day && candidate > now);
      return thisMonth ? candidate : on(month + schedule.everyMonths, schedule.day);
    }
  }
}
