import { describe, expect, it } from "vitest";
import { type Issue, issueLine, readSettings } from "../src/index.ts";

const role = "<iam_role_arn>arn:aws:iam::123456789012:role/Lake</iam_role_arn>";
const externalId = "<external_id>site-1</external_id>";
const sound = `<sqs_name>lake</sqs_name>${role}${externalId}`;

const conf = (module: string, rest = "") =>
  `<ossec_config>\n<wodle name="aws-s3"><interval>1h</interval>\n${module}\n</wodle>\n${rest}</ossec_config>`;
const subscriber = (content: string) => conf(`<subscriber type="security_lake">\n${content}</subscriber>`);
const said = (issues: readonly Issue[]) =>
  issues.map(({ severity, line, subject, problem }) => `${severity} ${line} ${subject} ${problem}`);
const saidOf = (text: string) => said(readSettings(text).issues);
const first = (text: string) => readSettings(text).settings.modules[0]?.subscribers[0];

describe("the block of the product page", () => {
  const text = conf(`<disabled>no</disabled>
    <run_on_start>yes</run_on_start>
    <subscriber type="security_lake">
        <sqs_name>sqs-security-lake-main-queue</sqs_name>
        <iam_role_arn>arn:aws:iam::xxxxxxxxxxx:role/ASL-Role</iam_role_arn>
        <iam_role_duration>1300</iam_role_duration>
        <external_id>wazuh-external-id-value</external_id>
        <sts_endpoint>xxxxxx.sts.region.vpce.amazonaws.com</sts_endpoint>
        <service_endpoint>https://bucket.xxxxxx.s3.region.vpce.amazonaws.com</service_endpoint>
    </subscriber>`);

  it("is read, and its placeholders are named", () => {
    expect(first(text)).toEqual({
      line: 5,
      queue: "sqs-security-lake-main-queue",
      durationSeconds: 1300,
      externalId: "wazuh-external-id-value",
    });
    expect(saidOf(text)).toEqual([
      'error 7 <iam_role_arn> is "arn:aws:iam::xxxxxxxxxxx:role/ASL-Role", which still has the documentation\'s placeholder for the account',
      'error 10 <sts_endpoint> is "xxxxxx.sts.region.vpce.amazonaws.com", still the placeholder of the documentation',
      'error 11 <service_endpoint> is "bucket.xxxxxx.s3.region.vpce.amazonaws.com", still the placeholder of the documentation',
    ]);
  });
});

describe("a subscriber", () => {
  it.each([
    ["lake_Queue-1", "lake_Queue-1"],
    [
      "https://sqs.eu-central-1.amazonaws.com/123456789012/lake",
      "https://sqs.eu-central-1.amazonaws.com/123456789012/lake",
    ],
    ["http://127.0.0.1:4566/000000000000/lake", "http://127.0.0.1:4566/000000000000/lake"],
    ["arn:aws-us-gov:sqs:us-gov-west-1:123456789012:lake", "arn:aws-us-gov:sqs:us-gov-west-1:123456789012:lake"],
    ["\n   lake\n", "lake"],
  ])("takes the queue %j", (queue, expected) => {
    const text = subscriber(`<sqs_name>${queue}</sqs_name>${role}${externalId}`);
    expect(first(text)?.queue).toBe(expected);
    expect(saidOf(text)).toEqual([]);
  });

  it.each([
    ["lake queue", 'is "lake queue", no name, URL or ARN of a queue'],
    ["lake.fifo", "is a FIFO queue, which Security Lake does not use"],
    ["arn:aws:sqs:eu-west-1:123456789012:lake.fifo", "is a FIFO queue, which Security Lake does not use"],
    [
      "arn:aws:sns:eu-west-1:123456789012:lake",
      'is "arn:aws:sns:eu-west-1:123456789012:lake", no name, URL or ARN of a queue',
    ],
    ["https://", 'is "https://", no name, URL or ARN of a queue'],
    ["  ", "cannot be empty"],
    ["<b>lake</b>", "holds an element"],
  ])("refuses the queue %j", (queue, problem) => {
    const text = subscriber(`<sqs_name>${queue}</sqs_name>${role}${externalId}`);
    expect(first(text)).toBeUndefined();
    expect(saidOf(text)).toContain(`error 4 <sqs_name> ${problem}`);
  });

  it.each([
    "sts.eu-central-1.amazonaws.com",
    "https://sts-fips.us-east-1.amazonaws.com/",
    "http://127.0.0.1:4566",
    "[::1]:4566",
  ])("takes the endpoint %j as it is written", (endpoint) => {
    const text = subscriber(`${sound}<sts_endpoint> ${endpoint} </sts_endpoint>`);
    expect(first(text)?.stsEndpoint).toBe(endpoint);
    expect(saidOf(text)).toEqual([]);
  });

  it.each([
    ["https://user:pass-word@sts.test", "holds a user or a password"],
    ["ftp://sts.test", "has the scheme ftp://"],
    ["https://sts.test/path", 'has more after its host "sts.test"'],
    ["two words", "is no host and no URL"],
    ["https://", "is no host and no URL"],
  ])("refuses the endpoint %j", (endpoint, problem) => {
    const text = subscriber(`${sound}<service_endpoint>${endpoint}</service_endpoint>`);
    expect(saidOf(text)).toEqual([`error 4 <service_endpoint> ${problem}`]);
    expect(JSON.stringify(readSettings(text).issues)).not.toContain("pass-word");
  });

  it("warns of an endpoint without TLS", () => {
    expect(saidOf(subscriber(`${sound}<sts_endpoint>http://sts.test</sts_endpoint>`))).toEqual([
      "warning 4 <sts_endpoint> is not encrypted",
    ]);
  });

  it.each(["900", "3600"])("takes a duration of %s s", (duration) => {
    const text = subscriber(`${sound}<iam_role_duration>${duration}</iam_role_duration>`);
    expect(first(text)?.durationSeconds).toBe(Number(duration));
    expect(saidOf(text)).toEqual([]);
  });

  it("takes up to twelve hours, and warns over one", () => {
    const text = subscriber(`${sound}<iam_role_duration>43200</iam_role_duration>`);
    expect(first(text)?.durationSeconds).toBe(43_200);
    expect(readSettings(text).issues).toMatchObject([{ severity: "warning", subject: "<iam_role_duration>" }]);
  });

  it.each(["899", "43201", "1h", "-900", "9e2"])("refuses a duration of %s", (duration) => {
    const text = subscriber(`${sound}<iam_role_duration>${duration}</iam_role_duration>`);
    expect(first(text)?.durationSeconds).toBeUndefined();
    expect(saidOf(text)).toEqual([`error 4 <iam_role_duration> is "${duration}", not within 900 to 43200 seconds`]);
  });

  it.each([
    ["arn:aws:iam::123456789012:user/Lake", "a user"],
    ["arn:aws:iam::12345:role/Lake", "a short account"],
    ["Lake", "a name"],
  ])("refuses %s as a role: %s", (arn) => {
    const text = subscriber(`<sqs_name>lake</sqs_name>${externalId}<iam_role_arn>${arn}</iam_role_arn>`);
    expect(saidOf(text)).toEqual([`error 4 <iam_role_arn> is "${arn}", no ARN of a role`]);
  });

  it("takes roles of every partition, with a path", () => {
    for (const arn of [
      "arn:aws-cn:iam::123456789012:role/a/b/Lake",
      "arn:aws-us-gov:iam::123456789012:role/L+a=k,e.@-_",
    ]) {
      const text = subscriber(`<sqs_name>lake</sqs_name>${externalId}<iam_role_arn>${arn}</iam_role_arn>`);
      expect(first(text)?.roleArn).toBe(arn);
      expect(saidOf(text)).toEqual([]);
    }
  });

  it("says what is missing", () => {
    expect(saidOf(subscriber("<iam_role_duration>900</iam_role_duration>"))).toEqual([
      "warning 1 The file defines no subscriber of Security Lake",
      "error 3 <subscriber> names no queue",
      "warning 3 <subscriber> names no role: the credentials at hand are used as they are",
      "warning 3 <subscriber> has no external ID, on which a role made by Security Lake insists",
      "warning 4 <iam_role_duration> has no effect without <iam_role_arn>",
    ]);
  });

  it("takes a profile", () => {
    const text = subscriber(`${sound}<aws_profile>lake</aws_profile>`);
    expect(first(text)?.profile).toBe("lake");
    expect(saidOf(text)).toEqual([]);
  });

  it("takes events to discard, and says that a stock manager would not", () => {
    const text = subscriber(`${sound}<discard_regex field="api.operation">^(Get|List)\\w+</discard_regex>`);
    expect(first(text)?.discard).toEqual({ field: "api.operation", pattern: /^(Get|List)\w+/ });
    expect(readSettings(text).issues).toMatchObject([{ severity: "warning", subject: "<discard_regex>" }]);
  });

  it.each([
    ["<discard_regex>a</discard_regex>", "has no field"],
    ['<discard_regex field="a">(</discard_regex>', 'is "(", no regular expression'],
    ['<discard_regex field="a"></discard_regex>', "cannot be empty"],
  ])("refuses %s", (element, problem) => {
    expect(first(subscriber(sound + element))?.discard).toBeUndefined();
    expect(saidOf(subscriber(sound + element))).toEqual([`error 4 <discard_regex> ${problem}`]);
  });

  it("refuses a tag that it does not know", () => {
    expect(saidOf(subscriber(`${sound}<region>x</region>`))).toEqual([
      "error 4 <region> is no such child tag of a subscriber",
    ]);
  });

  it("takes the last of two, with a warning", () => {
    const text = subscriber(`${sound}\n<sqs_name>other</sqs_name>`);
    expect(first(text)?.queue).toBe("other");
    expect(saidOf(text)).toEqual(["warning 5 <sqs_name> replaces the one in line 4"]);
  });

  it.each([
    ["<subscriber>", "error 3 <subscriber> has an undefined type"],
    [
      '<subscriber name="x" type="security_lake">',
      'error 3 <subscriber> has an attribute "name"; the valid one is "type"',
    ],
    ['<subscriber type="Security_Lake">', 'error 3 <subscriber> has an invalid type "Security_Lake"'],
    ['<subscriber type="buckets">', "info 3 <subscriber> of type buckets is left to the stock module"],
    ['<subscriber type="security_hub">', "info 3 <subscriber> of type security_hub is left to the stock module"],
  ])("%s is not one of Security Lake", (tag, expected) => {
    const text = conf(`${tag}${sound}</subscriber>`);
    expect(first(text)).toBeUndefined();
    expect(saidOf(text)).toEqual(["warning 1 The file defines no subscriber of Security Lake", expected]);
  });
});

describe("secrets", () => {
  it.each([
    [
      "<external_id>tell-no one</external_id>",
      "error 4 <external_id> has at place 8 a character that AWS does not allow",
    ],
    ["<external_id>x</external_id>", "error 4 <external_id> has 1 characters; AWS allows 2 to 1224"],
    ["<external_id>tell-no<one></external_id>", "error 4 <external_id> holds an element"],
  ])("are not shown when they are wrong: %s", (element, expected) => {
    const { issues } = readSettings(subscriber(`<sqs_name>lake</sqs_name>${role}${element}`));
    expect(said(issues)).toContain(expected);
    expect(issues.map((issue) => issueLine(issue)).join()).not.toMatch(/tell|one>/);
  });

  it("are not shown when they are keys of the deprecated form", () => {
    const { issues } = readSettings(conf(`<access_key>AKIAHIDDEN</access_key><secret_key>hidden&hidden</secret_key>`));
    expect(issues.filter(({ severity }) => severity === "warning").map(({ subject }) => subject)).toEqual([
      "The file",
      "<access_key>",
      "<secret_key>",
    ]);
    expect(JSON.stringify(issues)).not.toMatch(/hidden/i);
  });
});

describe("a module", () => {
  const module = (content: string, name = "aws-s3") =>
    `<ossec_config><wodle name="${name}">\n${content}<subscriber type="security_lake">${sound}</subscriber></wodle></ossec_config>`;
  const read = (text: string) => readSettings(text).settings.modules[0];

  it("has the stock module's defaults; the interval is said", () => {
    expect(read(module(""))).toMatchObject({
      enabled: true,
      runOnStart: true,
      skipOnError: false,
      schedule: { by: "interval", seconds: 5 },
    });
    expect(saidOf(module(""))).toEqual([
      "info 1 <wodle> has no <interval>: a run follows the one before after 5 seconds",
    ]);
  });

  it("reads what it is told", () => {
    const text = module(
      "<disabled>yes</disabled><run_on_start>no</run_on_start><skip_on_error>yes</skip_on_error><wday>friday</wday><time>18:00</time>",
    );
    expect(read(text)).toMatchObject({
      enabled: false,
      runOnStart: false,
      skipOnError: true,
      schedule: { by: "weekday", weekday: 5, time: { hour: 18, minute: 0 }, everyWeeks: 1 },
    });
    expect(saidOf(text)).toEqual([]);
  });

  it.each([
    ["<disabled>maybe</disabled>", 'error 2 <disabled> is "maybe", which is invalid content for this tag'],
    ["<run_on_start>Yes</run_on_start>", 'error 2 <run_on_start> is "Yes", which is invalid content for this tag'],
    ["<interval>1.5h</interval>", 'error 2 <interval> is "1.5h", an invalid interval value'],
    ["<interval>010m</interval>", "warning 2 <interval> begins with 0 and is read as an octal number"],
    ["<day>32</day>", 'error 2 <day> is "32", an invalid value (1235)'],
    ["<wday>someday</wday>", 'error 2 <wday> is "someday", an invalid day format (1241)'],
    ["<time>25:00</time>", 'error 2 <time> is "25:00", an invalid time format (1240)'],
    ["<day>1</day><wday>mon</wday>", "error 2 <day> and <wday> are not compatible"],
    [
      "<time>04:00</time><interval>1h</interval>",
      "warning 2 <interval> must be a multiple of one day beside <time>, and is taken as 1d",
    ],
    ["<intervall>1h</intervall>", "error 2 <intervall> is no such tag at module aws-s3"],
  ])("%s", (content, expected) => {
    expect(saidOf(module(content))).toContain(expected);
  });

  it("is known by its deprecated name, with a warning", () => {
    expect(read(module("<interval>1h</interval>", "aws-cloudtrail"))?.subscribers).toHaveLength(1);
    expect(saidOf(module("<interval>1h</interval>", "aws-cloudtrail"))).toEqual([
      'warning 1 <wodle> has the deprecated name "aws-cloudtrail"',
    ]);
  });

  it("is not known by a name in capitals, which is said", () => {
    expect(saidOf(module("", "AWS-S3"))).toContain(
      'error 1 <wodle> has the name "AWS-S3", which the manager does not know',
    );
  });

  it("is read each time it is written; a manager that keeps only the last is mentioned", () => {
    const text = `${module("<interval>1h</interval>")}\n${module("<interval>2h</interval>")}`;
    expect(readSettings(text).settings.modules.map(({ line, schedule }) => [line, schedule])).toEqual([
      [1, { by: "interval", seconds: 3_600 }],
      [3, { by: "interval", seconds: 7_200 }],
    ]);
    expect(readSettings(text).issues).toMatchObject([{ severity: "warning", line: 1, subject: "<wodle>" }]);
  });
});

describe("the manager's sections", () => {
  const around = (section: string) => conf(`<subscriber type="security_lake">${sound}</subscriber>`, `\n${section}`);

  it("are absent where the file has none", () => {
    const { settings } = readSettings(around(""));
    expect(settings).not.toHaveProperty("cluster");
    expect(settings).not.toHaveProperty("indexer");
  });

  it("have defaults", () => {
    expect(readSettings(around("<cluster></cluster>")).settings.cluster).toEqual({
      enabled: true,
      name: "wazuh",
      nodeName: "node01",
      hidden: false,
    });
  });

  it("are put together when there are several", () => {
    const text = around(
      "<cluster><name>a</name><node_name>n</node_name></cluster><cluster><name>b</name><disabled>yes</disabled></cluster>",
    );
    expect(readSettings(text).settings.cluster).toEqual({ enabled: false, name: "b", nodeName: "n", hidden: false });
  });

  it.each([
    ["<indexer><enabled>yes</enabled></indexer>", "warning 6 <indexer> names no host"],
    ["<indexer><hosts></hosts></indexer>", "error 6 <hosts> holds no <host>"],
    ["<indexer><hosts><host>http://x:9200</host></hosts></indexer>", "warning 6 <host> is not encrypted"],
    [
      "<indexer><hosts><host>https://admin:admin@x:9200</host></hosts></indexer>",
      "error 6 <host> holds a user or a password",
    ],
    [
      "<indexer><hosts><host>x</host></hosts><ssl><key>k</key></ssl></indexer>",
      "warning 6 <indexer> has one of <certificate> and <key> only",
    ],
    [
      "<indexer><hosts><host>x</host></hosts><password>p</password></indexer>",
      "warning 6 <password> is not read from this file",
    ],
    ["<cluster><disabled>1</disabled></cluster>", 'error 6 <disabled> is "1", which is invalid content for this tag'],
  ])("%s", (section, expected) => {
    expect(saidOf(around(section))).toContain(expected);
  });
});

describe("hosts of the indexer", () => {
  it("with user and password are told of in one line, which says where these belong and shows neither", () => {
    const { issues } = readSettings(
      `<ossec_config><indexer><hosts><host>https://setter:s3cret@x:9200</host></hosts></indexer></ossec_config>`,
    );
    const [told, ...more] = issues.filter(({ subject }) => subject !== "The file").map((issue) => issueLine(issue));
    expect(more).toEqual([]);
    expect(told).toMatch(/: error: <host> holds a user or a password\. Write https:\/\/<host>:9200; /);
    expect(told).toMatch(/INDEXER_USERNAME and INDEXER_PASSWORD .*, or by --indexer-credentials FILE\.$/);
    expect(told).not.toMatch(/setter|s3cret/);
  });

  it.each(["<host></host>", "", "<host>a b</host>"])("that are %j are told of once", (hosts) => {
    expect(saidOf(`<ossec_config><indexer><hosts>${hosts}</hosts></indexer></ossec_config>`).join()).not.toContain(
      "names no host",
    );
  });
});

describe("a file that is none", () => {
  it("is said to be none", () => {
    expect(saidOf("")).toEqual(["error 1 The file has no <ossec_config>"]);
    expect(saidOf("<agent_config></agent_config>")).toEqual(["error 1 The file has no <ossec_config>"]);
  });
});

it("an issue is one line with file, place, subject, problem and fix", () => {
  const [issue] = readSettings(subscriber(`${sound}<region>x</region>`)).issues as [Issue];
  expect(issueLine(issue, "etc/ossec.conf")).toBe(
    `etc/ossec.conf:4:${sound.length + 1}: error: <region> is no such child tag of a subscriber. Write one of sqs_name, iam_role_arn, external_id, iam_role_duration, sts_endpoint, service_endpoint, aws_profile, discard_regex.`,
  );
});

describe("programs that the manager starts", () => {
  it("are named with their line, disabled ones too", () => {
    const { settings, issues } = readSettings(
      subscriber(sound).replace(
        "<ossec_config>\n",
        `<ossec_config>
  <wodle name="command"><tag>lake</tag><command>/opt/lake run --config a</command><interval>1h</interval></wodle>
  <wodle name="command">
    <disabled>yes</disabled>
    <command>other</command>
  </wodle>
  <wodle name="command"><tag>none</tag></wodle>
`,
      ),
    );
    expect(issues).toEqual([]);
    expect(settings.commands).toEqual([
      { line: 2, enabled: true, command: "/opt/lake run --config a" },
      { line: 3, enabled: false, command: "other" },
    ]);
  });
});

it("says of each issue which part of the file it is in", () => {
  const text = `<ossec_config>
  <indexer><hosts></hosts></indexer>
  <wodle name="aws-s3">
    <subscriber type="security_lake"><sqs_name>a</sqs_name><iam_role_arn>none</iam_role_arn></subscriber>
    <interval>soon</interval>
    <subscriber type="security_lake">
      <sqs_name>b</sqs_name><external_id>1</external_id>
    </subscriber>
  </wodle>
</ossec_config>`;
  const { issues } = readSettings(text);
  const errors = issues.filter(({ severity }) => severity === "error");
  expect(errors.map(({ subject, section }) => [subject, section])).toEqual([
    ["<hosts>", { name: "indexer", line: 2 }],
    ["<iam_role_arn>", { name: "subscriber", line: 4 }],
    ["<interval>", { name: "wodle", line: 3 }],
    ["<external_id>", { name: "subscriber", line: 6 }],
  ]);
  expect(readSettings("none").issues[0]).not.toHaveProperty("section");
});
