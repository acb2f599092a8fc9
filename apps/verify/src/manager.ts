import type { Issue, Settings } from "@threatlockdown/ossec-config";

/** The manager's side: its configuration, and where the subscriber keeps what it has to. */
export interface Manager {
  readonly file: string;
  readonly settings: Settings;
  readonly issues: readonly Issue[];
  /** Folder of dead letters; it need not be there yet. */
  readonly state: string;
  /** Of this machine; the dashboard chooses documents by it. */
  readonly hostname?: string;
  /** Where the files of the machine are, `/` as a rule; undefined: they are not looked at. */
  readonly root?: string;
}
