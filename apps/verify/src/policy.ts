/** A policy that allows the actions, ready to paste. */
export function allow(actions: readonly string[], ...resources: readonly string[]): object {
  return { Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: actions, Resource: resources }] };
}
