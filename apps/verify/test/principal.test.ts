import { describe, expect, it } from "vitest";
import { judge, type Question, repaired, type Statement, withoutDenyFor } from "../src/policy.ts";
import { contextOf, type Principal, service, userOrRole } from "../src/principal.ts";

const role = "arn:aws:iam::123456789012:role/lake";
const root = "arn:aws:iam::123456789012:root";
const other = "arn:aws:iam::123456789012:user/other";
const events = "events.amazonaws.com";

const asks = (principal: Principal): Question => ({ action: "s3:GetObject", principal, context: contextOf(principal) });
const deny = (names: Pick<Statement, "Principal" | "NotPrincipal" | "Condition">): Statement => ({
  Effect: "Deny",
  Action: "s3:*",
  ...names,
});
const effectOf = (statement: Statement, principal: Principal = userOrRole(role)) =>
  judge({ Statement: [statement] }, asks(principal)).effect;

describe("NotPrincipal", () => {
  it.each([
    ["another", { AWS: [other, root] }, "deny"],
    ["the account alone", { AWS: root }, "deny"],
    ["the role without its account", { AWS: [role] }, "deny"],
    ["the role and its account", { AWS: [role, root] }, "none"],
    ["the role and its account by number", { AWS: [role, "123456789012"] }, "none"],
    ["a service", { Service: events }, "deny"],
  ] as const)("with %s", (_, NotPrincipal, effect) => {
    expect(effectOf(deny({ NotPrincipal }))).toBe(effect);
  });

  it("leaves out a service by its name, and nobody who has a permissions boundary", () => {
    expect(effectOf(deny({ NotPrincipal: { Service: events } }), service(events))).toBe("none");
    const bounded = { ...userOrRole(role), bounded: true };
    expect(effectOf(deny({ NotPrincipal: { AWS: [role, root] } }), bounded)).toBe("deny");
  });

  it("allows nobody", () => {
    expect(effectOf({ ...deny({ NotPrincipal: { AWS: other } }), Effect: "Allow" })).toBe("none");
  });
});

describe("a statement that forbids it to others, too", () => {
  const others: readonly (readonly [string, Statement, Principal, Statement | undefined])[] = [
    ["the role alone", deny({ Principal: { AWS: role } }), userOrRole(role), undefined],
    [
      "a list with the role in it",
      deny({ Principal: { AWS: [role, other], Service: events } }),
      userOrRole(role),
      deny({ Principal: { AWS: [other], Service: events } }),
    ],
    [
      "a list with the role and its account",
      deny({ Principal: { AWS: [role, root] } }),
      userOrRole(role),
      deny({ Principal: { AWS: [root] }, Condition: { ArnNotEquals: { "aws:PrincipalArn": [role] } } }),
    ],
    [
      "everybody",
      deny({ Principal: "*" }),
      userOrRole(role),
      deny({ Principal: "*", Condition: { ArnNotEquals: { "aws:PrincipalArn": [role] } } }),
    ],
    [
      "everybody but another",
      deny({ Principal: { AWS: "*" }, Condition: { ArnNotEquals: { "aws:principalarn": other } } }),
      userOrRole(role),
      deny({ Principal: { AWS: "*" }, Condition: { ArnNotEquals: { "aws:principalarn": [other, role] } } }),
    ],
    [
      "all that are not left out",
      deny({ NotPrincipal: { AWS: [other, root] } }),
      userOrRole(role),
      deny({
        NotPrincipal: { AWS: [other, root] },
        Condition: { ArnNotEquals: { "aws:PrincipalArn": [role] } },
      }),
    ],
    [
      "two services",
      deny({ Principal: { Service: [events, "s3.amazonaws.com"] } }),
      service(events),
      deny({ Principal: { Service: ["s3.amazonaws.com"] } }),
    ],
    [
      "everybody, for a service",
      deny({ Principal: "*" }),
      service(events),
      deny({ Principal: "*", Condition: { StringNotEquals: { "aws:PrincipalServiceName": [events] } } }),
    ],
  ];

  it.each(others)("goes on to do so: %s", (_, statement, principal, left) => {
    expect(effectOf(statement, principal)).toBe("deny");
    const { Statement } = withoutDenyFor({ Statement: [statement] }, asks(principal));
    expect(Statement).toEqual(left === undefined ? [] : [left]);
    for (const one of Statement) {
      expect(effectOf(one, principal)).toBe("none");
      expect(effectOf(one, userOrRole(`${other}-2`))).toBe(effectOf(statement, userOrRole(`${other}-2`)));
    }
    const allow: Statement = { Effect: "Allow", Action: "s3:GetObject", Principal: "*" };
    const mended = repaired({ Statement: [statement] }, asks(principal), allow);
    expect(judge(mended, asks(principal)).effect).toBe("allow");
  });
});

it("an account's name allows what the account allows, and forbids by itself", () => {
  const byName = { ...asks(userOrRole(role)), byName: true };
  const of = (Effect: "Allow" | "Deny") =>
    judge({ Statement: [{ Effect, Action: "*", Principal: { AWS: root } }] }, byName);
  expect([of("Allow").effect, of("Deny").effect]).toEqual(["none", "deny"]);
});
