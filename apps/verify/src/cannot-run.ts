/** Told as one line; nothing was checked. */
export class CannotRun extends Error {}
