import type { AwsCredentialIdentity, AwsCredentialIdentityProvider } from "@smithy/types";

export interface RefreshOptions {
  /** Milliseconds since the epoch; `Date.now` by default. */
  readonly now?: () => number;
  /** Told of a refresh that failed while the old credentials still hold. */
  readonly onFailure?: (error: unknown, validForMs: number) => void;
  /** Milliseconds after which a source that does not answer counts as failed; 60 s by default. */
  readonly patience?: number;
}

interface Current {
  readonly identity: AwsCredentialIdentity;
  readonly expiresAt: number;
  /** From here on new ones are fetched beside the work that goes on. */
  refreshAt: number;
  /** From here on the work waits for them. */
  readonly waitAt: number;
  /** Milliseconds between attempts. */
  readonly pause: number;
}

/** Longest time before the end at which new credentials are fetched. */
const earliest = 15 * 60_000;
const longestPause = 30_000;
const longestWait = 60_000;

function current(identity: AwsCredentialIdentity, now: number): Current {
  const expiresAt = identity.expiration?.getTime() ?? Number.POSITIVE_INFINITY;
  const lifetime = Math.max(0, expiresAt - now);
  return {
    identity,
    expiresAt,
    refreshAt: expiresAt - Math.min(earliest, lifetime / 4),
    waitAt: expiresAt - Math.min(longestWait, lifetime / 20),
    pause: Math.min(longestPause, lifetime / 20),
  };
}

/**
 * Credentials that are fetched again in the last quarter of their life (the last 15 minutes of a long one), once for all
 * users and beside the work that goes on. A refresh that fails is repeated while the old credentials hold.
 * The SDK asks for them at every request: its own memory of credentials would refuse to use a valid one whose refresh fails.
 */
export function refreshing(
  fetch: () => Promise<AwsCredentialIdentity>,
  options: RefreshOptions = {},
): AwsCredentialIdentityProvider {
  const { now = Date.now, patience = 60_000 } = options;
  let held: Current | undefined;
  let pending: Promise<AwsCredentialIdentity> | undefined;

  const fetchOnce = () => {
    pending ??= withinPatience(fetch, patience)
      .then((identity) => {
        const fetched = current(identity, now());
        // A source with a memory of its own may give the same ones again for a while.
        if (held !== undefined && fetched.expiresAt <= held.expiresAt) fetched.refreshAt = now() + fetched.pause;
        held = fetched;
        return identity;
      })
      .catch((error) => {
        if (held === undefined || now() >= held.expiresAt) throw error;
        held.refreshAt = now() + held.pause;
        options.onFailure?.(error, held.expiresAt - now());
        return held.identity;
      })
      .finally(() => {
        pending = undefined;
      });
    return pending;
  };

  const provider = async (properties?: { readonly forceRefresh?: boolean }) => {
    const time = now();
    if (held === undefined || time >= held.expiresAt || properties?.forceRefresh === true) return fetchOnce();
    if (time < held.refreshAt) return held.identity;
    if (time >= held.waitAt) return fetchOnce();
    // A failure shows when the old ones have run out, to whoever needs them then.
    void fetchOnce().catch(() => undefined);
    return held.identity;
  };
  return Object.assign(provider, { memoized: true });
}

/** A source may hang: a process, a metadata service behind a firewall. Nobody who needs credentials could go on then. */
async function withinPatience<T>(fetch: () => Promise<T>, ms: number): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const problem = `the source of the AWS credentials did not answer within ${ms / 1000} s`;
    late.reject(Object.assign(new Error(problem), { name: "TimeoutError" }));
  }, ms);
  try {
    return await Promise.race([fetch(), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
