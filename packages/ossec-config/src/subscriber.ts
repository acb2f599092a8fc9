import {
  address,
  content,
  error,
  type Fields,
  info,
  lastChild,
  type Read,
  type Reader,
  type Report,
  readFields,
  refuse,
  text,
  unencrypted,
  warning,
} from "./fields.ts";
import { type Problem, quoted } from "./issues.ts";
import type { Element } from "./xml.ts";

/** `<subscriber type="security_lake">`. */
export interface Subscriber {
  /** Where its element begins. */
  readonly line: number;
  /** `<sqs_name>`: name, URL or ARN. */
  readonly queue: string;
  /** `<iam_role_arn>`. Without one, the credentials at hand are used as they are. */
  readonly roleArn?: string;
  /** `<external_id>`, a secret. */
  readonly externalId?: string;
  /** `<iam_role_duration>`: of the role's session, 900 to 43,200. */
  readonly durationSeconds?: number;
  /** `<sts_endpoint>`, with or without scheme, as it was written. */
  readonly stsEndpoint?: string;
  /** `<service_endpoint>`: of S3; with or without scheme, as it was written. */
  readonly serviceEndpoint?: string;
  /** `<aws_profile>` of the AWS configuration files. */
  readonly profile?: string;
  /** `<discard_regex field="…">`: events whose field matches are not wanted. */
  readonly discard?: Discard;
}

export interface Discard {
  /** Path of the field, with dots. */
  readonly field: string;
  readonly pattern: RegExp;
}

const types = ["security_lake", "buckets", "security_hub"];

const fields: Fields<Omit<Subscriber, "line">> = {
  sqs_name: ["queue", content(queue)],
  iam_role_arn: ["roleArn", content(roleArn)],
  external_id: ["externalId", content(externalId)],
  iam_role_duration: ["durationSeconds", content(duration)],
  sts_endpoint: ["stsEndpoint", content(endpoint)],
  service_endpoint: ["serviceEndpoint", content(endpoint)],
  aws_profile: ["profile", text],
  discard_regex: ["discard", discard],
};

const whenAbsent: Readonly<Record<string, Problem>> = {
  sqs_name: error("names no queue", "Write <sqs_name> with the queue of the Security Lake subscriber"),
  iam_role_arn: warning(
    "names no role: the credentials at hand are used as they are",
    "Write <iam_role_arn> with the role of the Security Lake subscriber",
  ),
  external_id: warning(
    "has no external ID, on which a role made by Security Lake insists",
    "Write <external_id> as given when the subscriber was created",
  ),
};

/** Undefined for a subscriber that is not of Security Lake, or names no queue. */
export function readSubscriber(element: Element, report: Report): Subscriber | undefined {
  const notOurs = otherType(element);
  if (notOurs !== undefined) return void report(element, notOurs);
  const { queue, ...found } = readFields(element, fields, report, (child) =>
    report(child, error("is no such child tag of a subscriber", `Write one of ${Object.keys(fields).join(", ")}`)),
  );
  for (const [name, absent] of Object.entries(whenAbsent)) {
    if (lastChild(element, name) === undefined) report(element, absent);
  }
  const duration = lastChild(element, "iam_role_duration");
  if (duration !== undefined && lastChild(element, "iam_role_arn") === undefined) report(duration, withoutRole);
  return queue === undefined ? undefined : { line: element.line, queue, ...found };
}

/** Why a subscriber is not one of Security Lake. As the manager does, only the first attribute is looked at. */
function otherType(element: Element): Problem | undefined {
  const [[attribute, type = ""] = []] = element.attributes;
  const fix = 'Write <subscriber type="security_lake">';
  if (attribute === undefined) return error("has an undefined type", fix);
  if (attribute !== "type") return error(`has an attribute ${quoted(attribute)}; the valid one is "type"`, fix);
  if (type === "security_lake") return undefined;
  if (!types.includes(type)) return error(`has an invalid type ${quoted(type)}`, `Write one of ${types.join(", ")}`);
  return info(`of type ${type} is left to the stock module`, "Nothing has to be done for Security Lake");
}

function queue(value: string): Read<string> {
  const name = /^arn:aws[a-z-]*:sqs:[a-z0-9-]+:\d{12}:([^:/]+)$/.exec(value)?.[1] ?? nameInUrl(value) ?? value;
  if (name.endsWith(".fifo")) {
    return refuse("is a FIFO queue, which Security Lake does not use", "Name the standard queue of the subscriber");
  }
  if (/^[A-Za-z0-9_-]{1,80}$/.test(name)) return { value };
  return refuse(`is ${quoted(value)}, no name, URL or ARN of a queue`, "A name has 1 to 80 of A-Z a-z 0-9 _ -");
}

function nameInUrl(value: string): string | undefined {
  if (!/^https?:\/\//i.test(value) || !URL.canParse(value)) return undefined;
  return new URL(value).pathname.split("/").at(-1);
}

function roleArn(value: string): Read<string> {
  if (/^arn:aws[a-z-]*:iam::\d{12}:role\/[\w+=,.@/-]+$/.test(value)) return { value };
  const what = /:x+:/i.test(value)
    ? "which still has the documentation's placeholder for the account"
    : "no ARN of a role";
  return refuse(`is ${quoted(value)}, ${what}`, "Write arn:aws:iam::<account, 12 digits>:role/<name>");
}

function externalId(value: string): Read<string> {
  const at = value.search(/[^\w+=,.@:/-]/);
  if (at >= 0) {
    return refuse(
      `has at place ${at + 1} a character that AWS does not allow`,
      "Allowed: letters, digits, + = , . @ : / - _",
    );
  }
  if (value.length >= 2 && value.length <= 1224) return { value };
  return refuse(
    `has ${value.length} characters; AWS allows 2 to 1224`,
    "Write it as given when the subscriber was created",
  );
}

function duration(value: string): Read<number> {
  const seconds = /^\d+$/.test(value) ? Number(value) : 0;
  if (seconds < 900 || seconds > 43_200) {
    return refuse(`is ${quoted(value)}, not within 900 to 43200 seconds`, "Write 3600, or remove it");
  }
  return { value: seconds, ...(seconds > 3_600 && { problems: [longSession] }) };
}

function endpoint(value: string): Read<string> {
  const read = address(value);
  const fix = "Write a host, or https:// and a host";
  if ("problem" in read) return refuse(read.problem, fix);
  const { url } = read;
  if (url.pathname !== "/" || url.search !== "" || url.hash !== "") {
    return refuse(`has more after its host ${quoted(url.host)}`, fix);
  }
  if (/x{5}/i.test(url.host)) {
    return refuse(`is ${quoted(url.host)}, still the placeholder of the documentation`, "Write yours, or remove it");
  }
  return { value, problems: unencrypted(url) };
}

function discard(value: string, element: Element, report: Report): Read<Discard> {
  const { value: pattern, problems = [] } = regularExpression(value, element, report);
  const field = element.attributes.get("field")?.trim();
  if (!field) return { problems: [...problems, error("has no field", 'Write <discard_regex field="…">')] };
  return pattern === undefined ? { problems } : { value: { field, pattern }, problems: [discardRefused] };
}

const regularExpression: Reader<RegExp> = content((value) => {
  try {
    return { value: new RegExp(value) };
  } catch {
    return refuse(`is ${quoted(value)}, no regular expression`, "Correct the expression");
  }
});

const withoutRole: Problem = warning("has no effect without <iam_role_arn>", "Write the role, or remove it");

const longSession: Problem = warning(
  "is over 3600 seconds: AWS refuses it where the credentials at hand are a role themselves, or the role allows less",
  "Write 3600 or less if so; sessions are renewed in any case",
);

const discardRefused: Problem = warning(
  "is not available for Security Lake in the stock module: a manager that reads this block itself refuses the file",
  "Remove it before the stock module is used again",
);
