import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { nextRun, parseInterval, parseTime, parseWeekday, type Schedule, toSchedule } from "../src/schedule.ts";

describe("intervals", () => {
  it.each([
    ["10m", { seconds: 600 }],
    ["1h", { seconds: 3_600 }],
    ["90", { seconds: 90 }],
    ["45s", { seconds: 45 }],
    ["2d", { seconds: 172_800 }],
    ["1w", { seconds: 604_800 }],
    ["5minutes", { seconds: 300 }],
    ["3M", { months: 3 }],
    ["0x10", { seconds: 16 }],
    ["010m", { seconds: 480 }],
    ["4294967294", { seconds: 4_294_967_294 }],
  ])("%s is read", (text, interval) => {
    expect(parseInterval(text)).toEqual(interval);
  });

  it.each(["", "0", "0s", "1.5h", "-5", "ten", "5 m", "08", "1y", "4294967295"])("%j is refused", (text) => {
    expect(parseInterval(text)).toBeUndefined();
  });
});

describe("times and days", () => {
  it("takes hh:mm of 24 hours", () => {
    expect(parseTime("23:59")).toEqual({ hour: 23, minute: 59 });
    expect(parseTime("4:05")).toEqual({ hour: 4, minute: 5 });
    for (const wrong of ["24:00", "12:60", "12", "12:5", "noon"]) expect(parseTime(wrong)).toBeUndefined();
  });

  it("takes a day of the week by its first letters, in any case", () => {
    expect(["sunday", "MON", "Tue", "saturday"].map(parseWeekday)).toEqual([0, 1, 2, 6]);
    expect(parseWeekday("mo")).toBeUndefined();
    expect(parseWeekday("7")).toBeUndefined();
  });
});

describe("parts put together", () => {
  const four = { hour: 4, minute: 0 };
  const midnight = { hour: 0, minute: 0 };

  it.each<[string, Parameters<typeof toSchedule>[0], Schedule]>([
    ["nothing is five seconds", {}, { by: "interval", seconds: 5 }],
    ["an interval", { interval: { seconds: 60 } }, { by: "interval", seconds: 60 }],
    ["a time is every day", { time: four }, { by: "time", time: four, everyDays: 1 }],
    ["a time with days", { time: four, interval: { seconds: 172_800 } }, { by: "time", time: four, everyDays: 2 }],
    ["a weekday is at midnight", { weekday: 3 }, { by: "weekday", weekday: 3, time: midnight, everyWeeks: 1 }],
    [
      "a weekday before a time",
      { weekday: 0, time: four, interval: { seconds: 1_209_600 } },
      { by: "weekday", weekday: 0, time: four, everyWeeks: 2 },
    ],
    [
      "a day before a time",
      { day: 31, time: four, interval: { months: 2 } },
      { by: "day", day: 31, time: four, everyMonths: 2 },
    ],
    ["a day alone", { day: 1 }, { by: "day", day: 1, time: midnight, everyMonths: 1 }],
  ])("%s", (_name, parts, schedule) => {
    expect(toSchedule(parts)).toEqual({ schedule, problems: [] });
  });

  it.each<[string, Parameters<typeof toSchedule>[0], Schedule, string]>([
    [
      "a day with hours",
      { day: 2, interval: { seconds: 3_600 } },
      { by: "day", day: 2, time: midnight, everyMonths: 1 },
      "taken as 1M",
    ],
    [
      "a weekday with days",
      { weekday: 2, interval: { seconds: 86_400 } },
      { by: "weekday", weekday: 2, time: midnight, everyWeeks: 1 },
      "taken as 1w",
    ],
    [
      "a time with hours",
      { time: four, interval: { seconds: 3_600 } },
      { by: "time", time: four, everyDays: 1 },
      "taken as 1d",
    ],
    [
      "a time with months",
      { time: four, interval: { months: 1 } },
      { by: "time", time: four, everyDays: 1 },
      "taken as 1d",
    ],
    [
      "months alone",
      { interval: { months: 2 } },
      { by: "day", day: 1, time: midnight, everyMonths: 2 },
      "first day of the month",
    ],
  ])("%s is corrected with a warning", (_name, parts, schedule, text) => {
    const read = toSchedule(parts);
    expect(read.schedule).toEqual(schedule);
    expect(read.problems).toMatchObject([{ element: "interval", severity: "warning" }]);
    expect(read.problems[0]?.problem).toContain(text);
  });

  it("refuses a day and a weekday together", () => {
    expect(toSchedule({ day: 1, weekday: 1 }).problems).toMatchObject([{ element: "day", severity: "error" }]);
  });
});

describe("the next run", () => {
  const zone = process.env.TZ;
  beforeEach(() => {
    process.env.TZ = "Europe/Berlin";
  });
  afterEach(() => {
    if (zone === undefined) delete process.env.TZ;
    else process.env.TZ = zone;
  });

  const next = (schedule: Schedule, now: string, previous?: string) =>
    nextRun(schedule, new Date(now), previous === undefined ? undefined : new Date(previous));
  const at = (iso: string) => ({ at: new Date(iso), overtaken: false });
  const hourly: Schedule = { by: "interval", seconds: 3_600 };

  it("is a whole interval away at first, and from then on counted from when the last was due", () => {
    expect(next(hourly, "2026-05-01T10:00:00Z")).toEqual(at("2026-05-01T11:00:00Z"));
    expect(next(hourly, "2026-05-01T11:20:00Z", "2026-05-01T11:00:00Z")).toEqual(at("2026-05-01T12:00:00Z"));
  });

  it("is now, and overtaken, when the last run took longer than the interval", () => {
    expect(next(hourly, "2026-05-01T12:00:00.001Z", "2026-05-01T11:00:00Z")).toEqual({
      at: new Date("2026-05-01T12:00:00.001Z"),
      overtaken: true,
    });
    expect(next(hourly, "2026-05-01T12:00:00Z", "2026-05-01T11:00:00Z")).toEqual(at("2026-05-01T12:00:00Z"));
  });

  const nightly: Schedule = { by: "time", time: { hour: 4, minute: 30 }, everyDays: 2 };

  it("is today's time while that is ahead", () => {
    expect(next(nightly, "2026-05-01T02:29:59Z")).toEqual(at("2026-05-01T02:30:00Z"));
  });

  it("is tomorrow at first, then after as many days as the interval has", () => {
    expect(next(nightly, "2026-05-01T02:30:00Z")).toEqual(at("2026-05-02T02:30:00Z"));
    expect(next(nightly, "2026-05-01T02:30:00Z", "2026-05-01T02:30:00Z")).toEqual(at("2026-05-03T02:30:00Z"));
  });

  it("stays at the wall clock's time over a change of daylight saving time", () => {
    const daily: Schedule = { by: "time", time: { hour: 4, minute: 30 }, everyDays: 1 };
    expect(next(daily, "2026-03-28T03:30:00Z", "2026-03-28T03:30:00Z")).toEqual(at("2026-03-29T02:30:00Z"));
    expect(next(daily, "2026-10-24T02:30:00Z", "2026-10-24T02:30:00Z")).toEqual(at("2026-10-25T03:30:00Z"));
  });

  it("finds the day of the week, past the end of the week and the month", () => {
    const weekly: Schedule = { by: "weekday", weekday: 1, time: { hour: 0, minute: 0 }, everyWeeks: 2 };
    expect(next(weekly, "2026-07-29T10:00:00Z")).toEqual(at("2026-08-02T22:00:00Z"));
    expect(next(weekly, "2026-08-02T22:00:00Z")).toEqual(at("2026-08-09T22:00:00Z"));
    expect(next(weekly, "2026-08-02T22:00:00Z", "2026-08-02T22:00:00Z")).toEqual(at("2026-08-16T22:00:00Z"));
  });

  it("finds the day of the month, past the end of the year", () => {
    const monthly: Schedule = { by: "day", day: 15, time: { hour: 1, minute: 0 }, everyMonths: 3 };
    expect(next(monthly, "2026-11-14T23:00:00Z")).toEqual(at("2026-11-15T00:00:00Z"));
    expect(next(monthly, "2026-11-15T00:00:00Z", "2026-11-15T00:00:00Z")).toEqual(at("2027-02-15T00:00:00Z"));
    expect(next(monthly, "2026-11-20T00:00:00Z")).toEqual(at("2027-02-15T00:00:00Z"));
  });

  it("is as many days later in a month that is too short", () => {
    const last: Schedule = { by: "day", day: 31, time: { hour: 12, minute: 0 }, everyMonths: 1 };
    expect(next(last, "2026-04-20T00:00:00Z")).toEqual(at("2026-05-01T10:00:00Z"));
  });
});
