/** Resolves when the condition holds; rejects when it does not within so many seconds. */
export async function until(condition: () => boolean | Promise<boolean>, seconds = 30): Promise<void> {
  const end = performance.now() + seconds * 1000;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`the condition did not come true within ${seconds} s`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
