import { fileSource, open, ParquetError, type ParquetFile } from "@threatlockdown/parquet-reader";
import { exitCode, Failure } from "../exit-code.ts";
import { unreadable } from "../unreadable.ts";

/**
 * Opens the one file that is named, hands it on, and closes it.
 *
 * @throws Failure with file, offset, column and cause where it cannot be read
 */
export async function withParquetFile<T>(
  positionals: readonly string[],
  use: (file: ParquetFile) => Promise<T>,
): Promise<T> {
  const [path, ...more] = positionals;
  if (path === undefined || more.length > 0) {
    throw new Failure(
      exitCode.usage,
      `Give one Parquet FILE; ${positionals.length === 0 ? "none was" : `${positionals.length} were`} given. See --help.`,
    );
  }
  try {
    const source = await fileSource(path);
    try {
      return await use(await open(source));
    } finally {
      await source.close();
    }
  } catch (error) {
    if (error instanceof ParquetError)
      throw new Failure(exitCode.unknown, `${path}: ${error.message}`, { cause: error });
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (code === undefined || syscall === undefined) throw error;
    const line = unreadable("The Parquet file", path, error as NodeJS.ErrnoException, "correct the path");
    throw new Failure(exitCode.unknown, line, { cause: error });
  }
}
