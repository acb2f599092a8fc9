import type { Issue, Settings } from "@threatlockdown/ossec-config";

/** The manager's side: its configuration, and where the subscriber keeps what it has to. */
export interface Manager {
  readonly file: string;
  readonly settings: Settings;
  readonly issues: readonly Issue[];
  /** Folder of dead letters; it need not be there yet. */
  readonly state: string;
  /** Asked before each request to the indexer; undefined where no user is set. */
  readonly indexerUser?: { readonly username: string; readonly password: string };
}
