import {
  content,
  error,
  type Fields,
  info,
  lastChild,
  no,
  type Read,
  type Report,
  readFields,
  refuse,
  warning,
  yes,
} from "./fields.ts";
import { type Problem, quoted } from "./issues.ts";
import {
  type Interval,
  parseInterval,
  parseTime,
  parseWeekday,
  type Schedule,
  type ScheduleParts,
  type TimeOfDay,
  toSchedule,
} from "./schedule.ts";
import { readSubscriber, type Subscriber } from "./subscriber.ts";
import type { Element } from "./xml.ts";

/** `<wodle name="aws-s3">`. */
export interface Module {
  /** Where its element begins. */
  readonly line: number;
  readonly enabled: boolean;
  readonly runOnStart: boolean;
  /** Has no effect on Security Lake, in the stock module neither. */
  readonly skipOnError: boolean;
  readonly schedule: Schedule;
  /** Those of Security Lake that name a queue. */
  readonly subscribers: readonly Subscriber[];
}

interface ModuleFields extends ScheduleParts {
  readonly enabled: boolean;
  readonly runOnStart: boolean;
  readonly skipOnError: boolean;
}

const fields: Fields<ModuleFields> = {
  disabled: ["enabled", no],
  run_on_start: ["runOnStart", yes],
  skip_on_error: ["skipOnError", yes],
  interval: ["interval", content(interval)],
  day: ["day", content(dayOfMonth)],
  wday: ["weekday", content(weekday)],
  time: ["time", content(timeOfDay)],
};

const leftAlone = info("is left to the stock module", "Nothing has to be done for Security Lake");
const legacyKey = warning(
  "is deprecated and concerns buckets only: Security Lake is read with the role",
  "Keep keys in /root/.aws/credentials",
);

/** Elements that have nothing to do with Security Lake. */
const stockElements: Readonly<Record<string, Problem>> = {
  bucket: leftAlone,
  service: leftAlone,
  remove_from_bucket: leftAlone,
  access_key: legacyKey,
  secret_key: legacyKey,
};

/** Reads the modules among the sections of the file. */
export function readModules(sections: readonly Element[], report: Report): Module[] {
  const wodles = sections.filter((section) => section.name === "wodle" && isOurs(section, report));
  for (const wodle of wodles.slice(0, -1)) report(wodle, notTheLast);
  return wodles.map((wodle) => readModule(wodle, report));
}

function isOurs(wodle: Element, report: Report): boolean {
  const name = wodle.attributes.get("name") ?? "";
  if (name === "aws-s3") return true;
  if (name.trim().toLowerCase() === "aws-s3") report(wodle, misspelt(name));
  if (name !== "aws-cloudtrail") return false;
  report(wodle, warning('has the deprecated name "aws-cloudtrail"', 'Write <wodle name="aws-s3">'));
  return true;
}

function readModule(wodle: Element, report: Report): Module {
  const subscribers: Subscriber[] = [];
  const found = readFields(wodle, fields, report, (element) => {
    if (Object.hasOwn(stockElements, element.name)) return report(element, stockElements[element.name] as Problem);
    if (element.name !== "subscriber") return report(element, noSuchTag);
    const subscriber = readSubscriber(element, report);
    if (subscriber !== undefined) subscribers.push(subscriber);
  });
  const { enabled = true, runOnStart = true, skipOnError = false } = found;
  return {
    line: wodle.line,
    enabled,
    runOnStart,
    skipOnError,
    schedule: readSchedule(wodle, found, report),
    subscribers,
  };
}

function readSchedule(wodle: Element, parts: ScheduleParts, report: Report): Schedule {
  const { schedule, problems } = toSchedule(parts);
  for (const { element, ...problem } of problems) report(lastChild(wodle, element) ?? wodle, problem);
  if (schedule.by === "interval" && lastChild(wodle, "interval") === undefined)
    report(wodle, noInterval(schedule.seconds));
  return schedule;
}

function interval(value: string): Read<Interval> {
  const parsed = parseInterval(value);
  if (parsed === undefined) {
    return refuse(
      `is ${quoted(value)}, an invalid interval value`,
      "Write a number and one of s m h d w M, such as 10m",
    );
  }
  return { value: parsed, ...(/^\+?0[0-7]/.test(value) && { problems: [octal] }) };
}

function dayOfMonth(value: string): Read<number> {
  const day = /^\d+$/.test(value) ? Number(value) : 0;
  if (day >= 1 && day <= 31) return { value: day };
  return refuse(`is ${quoted(value)}, an invalid value (1235)`, "Write a number from 1 to 31");
}

function weekday(value: string): Read<number> {
  const parsed = parseWeekday(value);
  return parsed === undefined
    ? refuse(`is ${quoted(value)}, an invalid day format (1241)`, "Write monday")
    : { value: parsed };
}

function timeOfDay(value: string): Read<TimeOfDay> {
  const parsed = parseTime(value);
  return parsed === undefined
    ? refuse(`is ${quoted(value)}, an invalid time format (1240)`, "Write hh:mm, 24 hours, such as 23:30")
    : { value: parsed };
}

const noSuchTag: Problem = error(
  "is no such tag at module aws-s3",
  `Write one of ${[...Object.keys(fields), "subscriber"].join(", ")}`,
);

const notTheLast: Problem = warning(
  "is followed by another block of this module: a manager that reads them itself keeps the last one only",
  "Put all subscribers into one block",
);

const octal: Problem = warning("begins with 0 and is read as an octal number", "Write it without the 0");

function misspelt(name: string): Problem {
  return error(`has the name ${quoted(name)}, which the manager does not know`, 'Write <wodle name="aws-s3">');
}

function noInterval(seconds: number): Problem {
  return info(
    `has no <interval>: a run follows the one before after ${seconds} seconds`,
    "Write <interval>10m</interval> for what the reference page says",
  );
}
