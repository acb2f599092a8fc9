import { choice } from "../random.ts";
import { kind, observable, type Setting } from "./world.ts";

const outcomes = choice([
  [["Success", 1, null], 80],
  [["Failure", 2, "INVALID_CREDENTIALS"], 15],
  [["Failure", 2, "MFA_REJECTED"], 5],
] as const);

/** Sign-ins of an identity provider, as a partner's connector writes them. */
export const identityProvider = ({ random, world }: Setting, time: number): Record<string, unknown> => {
  const user = random.skewed(world.users);
  const address = random.skewed(world.publicAddresses);
  const [status, statusId, reason] = outcomes(random);
  return {
    metadata: {
      product: { name: "Identity Cloud", vendor_name: "Example IdP", version: "2024.06" },
      uid: random.uuid(),
      profiles: ["datetime"],
      version: "1.3.0",
    },
    time,
    time_dt: time,
    ...kind(3002, "Authentication", [3, "Identity & Access Management"], [1, "Logon"], statusId === 2 ? 2 : 1),
    status,
    status_id: statusId,
    status_detail: reason,
    is_mfa: random.chance(0.8),
    user: { name: user, uid: world.principals.get(user), email_addr: `${user}@example.com` },
    src_endpoint: {
      ip: address,
      location: {
        country: random.pick(["US", "DE", "BR"]),
        coordinates: [random.between(-180, 179) + 0.25, random.between(-90, 89) + 0.5],
      },
    },
    risk_score: random.between(0, 1000) / 10,
    auth_factors: random.chance(0.8) ? [{ factor_type: "Push Notification", is_totp: false }, null] : null,
    unmapped: {
      "debugContext.debugData.requestUri": "/api/v1/authn",
      "client.zone": random.chance(0.1) ? null : "office",
    },
    observables: [observable("user.name", user, "User Name"), observable("src_endpoint.ip", address, "IP Address")],
  };
};
