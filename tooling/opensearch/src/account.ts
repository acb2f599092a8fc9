/** Who runs the servers; empty for whoever runs this process. */
export interface Account {
  readonly uid?: number;
  readonly gid?: number;
}

/** OpenSearch refuses to run as root; there it gets the number that systems keep for nobody. */
export function serverAccount(): Account {
  return process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
}
