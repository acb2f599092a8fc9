import { userInfo } from "node:os";

/** One line on a file that cannot be read: what it is to the user, which, why, and what to do. */
export function unreadable(what: string, file: string, { code }: NodeJS.ErrnoException, fix: string): string {
  return `${what} ${file} cannot be read (${code}): ${reasonOf(code, fix)}.`;
}

function reasonOf(code: string | undefined, fix: string): string {
  switch (code) {
    case "ENOENT":
      return `there is no such file; ${fix}`;
    case "ENOTDIR":
      return `a part of its path is no folder; ${fix}`;
    case "EISDIR":
      return `it is a folder; ${fix}`;
    case "EACCES":
      return `user ${user()} may not read it; let this user read it and look into its folders, or run as one who may`;
    default:
      return fix;
  }
}

/** The number where the machine has no name for it, as in containers. */
function user(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.());
  }
}
