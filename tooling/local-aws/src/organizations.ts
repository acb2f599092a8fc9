import { AwsError } from "./aws-error.ts";
import { authorize, createJsonService, type JsonOperation } from "./json-protocol.ts";
import type { Service } from "./service.ts";
import type { World } from "./world.ts";

/** The accounts of the caller's organization. */
export function createOrganizations(world: World): Service {
  return createJsonService(world, "organizations", "1.1", operations);
}

const pageSize = 20;

/** Source: AWS Organizations API Reference. */
const operations: Readonly<Record<string, JsonOperation>> = {
  ListAccounts(world, call, { NextToken: token = "0", MaxResults: size = pageSize }) {
    authorize(world, call, "organizations", "*");
    const { accounts } = world.identity;
    const organization = accounts.get(call.caller.account)?.organization;
    if (organization === undefined) {
      throw new AwsError(400, "AWSOrganizationsNotInUseException", "Your account is not a member of an organization.");
    }
    const members = [...accounts.values()].filter((account) => account.organization === organization);
    const [from, next] = [Number(token), Number(token) + Number(size)];
    return {
      Accounts: members.slice(from, next).map(({ id, partition, state }) => ({
        Id: id,
        Arn: `arn:${partition}:organizations::${id}:account/${organization}/${id}`,
        Name: `account ${id}`,
        Email: `${id}@example.com`,
        State: state,
      })),
      ...(next < members.length && { NextToken: String(next) }),
    };
  },
};
