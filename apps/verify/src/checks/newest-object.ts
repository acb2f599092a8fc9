import type { AnnouncedObject } from "@threatlockdown/pipeline";
import { isDenied } from "../administrator.ts";
import { type AnnouncedSources, announcedSources, unannounced } from "../announced.ts";
import { type Check, couldNotCheck, type Finding } from "../check.ts";
import type { Lake } from "../lake.ts";
import { newestObject } from "../newest.ts";
import { readObject } from "../object-read.ts";
import { type Received, receiveOne } from "../received.ts";
import { span } from "../time.ts";

export const newestObjectCheck: Check = {
  id: "newest-object",
  title: "The newest object can be read",
  explain:
    "Reading an object needs s3:GetObject on its source, kms:Decrypt where the lake has a key of its own, and a file that is sound.",
  needs: ["queue"],
  effect:
    "receives one message and gives it back at once (its receive count grows by one); nothing is deleted. --no-receive does without",
  async run(lake, signal) {
    const { url } = await lake.queue();
    const found: Received | Finding = lake.announced.get(url) ?? (await receiveOne(lake, signal));
    if ("state" in found) return found;
    lake.announced.set(url, found);
    const { object, remark } = await newestOf(lake, found.object, signal);
    const { account } = found.object;
    const [newest, announced] = await Promise.all([
      readObject(lake, object, signal, account),
      object.key === found.object.key ? undefined : readObject(lake, found.object, signal, account),
    ]);
    // Which message comes is chance: an older object that is broken is met now and then; one that is gone is told.
    const isGone = newest.state === "ok" && announced?.state === "warning";
    const read = isGone ? announced : newest;
    const seen = [read.seen, isGone ? undefined : remark, `announced by ${found.form}`, found.remark]
      .filter((part) => part !== undefined)
      .join("; ");
    return { ...read, seen };
  },
};

/** The same without its effect: the bucket is asked for its newest object, by whoever may. */
export const newestObjectUntouched: Check = {
  ...newestObjectCheck,
  async run(lake, signal) {
    const { s3 } = await lake.clients();
    const admin = await lake.admin?.();
    const announced = await announcedTo(lake);
    const nothing = announced && unannounced(announced);
    if (nothing !== undefined) return nothing;
    const places: readonly Place[] =
      announced?.map(({ bucket: { name: bucket }, sources: folders }) => ({ bucket, folders })) ??
      lake.buckets.map((bucket) => ({ bucket }));
    for (const client of admin === undefined ? [s3] : [s3, admin.s3]) {
      try {
        for (const { bucket, folders } of places) {
          const { newest } = await newestObject(client, bucket, signal, folders && { folders });
          if (newest === undefined) continue;
          const read = await readObject(lake, { bucket, key: newest.key, size: newest.size }, signal);
          return folders === undefined && read.state === "failed" ? ofWhom(read) : read;
        }
      } catch (error) {
        if (!isDenied(error)) throw error;
      }
    }
    return couldNotCheck({
      because: "no message was received, as asked for, and no object could be found without one",
      rights: ["s3:ListAllMyBuckets", "s3:ListBucket", "s3:GetBucketNotification", "events:ListRules"],
      how: "run it with --admin-profile, or without --no-receive",
    });
  },
};

/** Where the newest object is looked for: in all of a bucket, or in folders of sources. */
interface Place {
  readonly bucket: string;
  readonly folders?: readonly string[];
}

/** Undefined where nobody may see it. A source of others is no matter of this role. */
async function announcedTo(lake: Lake): Promise<readonly AnnouncedSources[] | undefined> {
  if (lake.admin === undefined) return undefined;
  return announcedSources(lake).catch((error: unknown) => {
    if (isDenied(error)) return undefined;
    throw error;
  });
}

function ofWhom({ seen }: Finding): Finding {
  return couldNotCheck({
    because: `it is not known whether this object is of a source of this subscriber's: ${seen}`,
    how: "run it with --admin-profile, or without --no-receive",
  });
}

/** What the bucket holds that is newer than the announced object, which is any of those that wait. */
async function newestOf(
  lake: Lake,
  announced: AnnouncedObject,
  signal: AbortSignal,
): Promise<{ readonly object: AnnouncedObject; readonly remark?: string }> {
  const { bucket } = announced;
  const known = await sourcesBeside(lake, bucket);
  const [folders, all] =
    known === undefined ? [[sourceOf(announced.key)], "its source"] : [known, "the sources that are announced"];
  for (const open of [lake.clients, ...(lake.admin === undefined ? [] : [lake.admin])]) {
    try {
      const { newest, complete } = await newestObject((await open()).s3, bucket, signal, { folders });
      if (newest === undefined) return { object: announced };
      const { key, size, modified } = newest;
      const remark = `the newest of ${complete ? "" : "a part of "}${all}, written ${span(Date.now() - modified.getTime())} ago`;
      return { object: { bucket, key, size }, remark };
    } catch (error) {
      signal.throwIfAborted();
      // Whatever keeps an administrator from looking, the message is there.
      if (open === lake.clients && !isDenied(error)) throw error;
    }
  }
  return {
    object: announced,
    remark: `taken from a message, since ${lake.admin === undefined ? "the role may not list the bucket, as is usual" : "nobody here may list the bucket"}`,
  };
}

/** All sources of a bucket that are announced, where that can be seen: which of them a message is of is chance. */
async function sourcesBeside(lake: Lake, name: string): Promise<readonly string[] | undefined> {
  const announced = await announcedTo(lake).catch(() => undefined);
  const sources = announced?.find(({ bucket }) => bucket.name === name)?.sources ?? [];
  return sources.length === 0 ? undefined : sources;
}

/** Keys are `<source>/<version>/region=…`. */
function sourceOf(key: string): string {
  return /^.*?\/(?=region=)/i.exec(key)?.[0] ?? key.slice(0, key.lastIndexOf("/") + 1);
}
