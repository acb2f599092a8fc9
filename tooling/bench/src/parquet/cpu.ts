/** Milliseconds of CPU, user and system, that the process spends on the work: all its threads. */
export async function cpu(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}
