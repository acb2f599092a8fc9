/** A policy document that IAM would not take; the message is IAM's reason. */
export class PolicyError extends Error {
  override readonly name = "PolicyError";
}
