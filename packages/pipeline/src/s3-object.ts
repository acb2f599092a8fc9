import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { GetObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { type ByteSource, bufferSource } from "@threatlockdown/parquet-reader";
import { beginDownload, checkContinuation, type Download, LargerThanAnnounced, readBody, restOf } from "./download.ts";
import type { AnnouncedObject } from "./notification.ts";
import { type ObjectKey, parseObjectKey } from "./object-key.ts";
import { createPace } from "./pace.ts";
import { allowanceOf, readAhead } from "./read-ahead.ts";
import { BrokenBody, explainS3, isSlowDown, nameOf, ObjectGone, redirectOf } from "./s3-error.ts";

/** An object of the lake, open for reading. Ids and index names of its events depend on this and on the events alone. */
export interface LakeObject {
  readonly bucket: string;
  readonly key: string;
  /** Without quotes. */
  readonly etag: string;
  readonly lastModified: Date;
  readonly origin: ObjectKey;
  readonly source: ByteSource;
}

/** Ends what is on its way for the object when it is disposed of. */
export interface OpenObject extends LakeObject, Disposable {}

export interface ObjectsOptions {
  /** Bytes. Objects up to this size are read by one request and held whole; larger ones by ranges. Default 8 MiB. */
  readonly wholeUpTo?: number;
  /**
   * Bytes of large objects that are fetched before they are asked for, those of all objects together. Default 32 MiB; with 0
   * each range is fetched when the one before it has been read.
   */
  readonly readAhead?: number;
  /**
   * How often in all a missing object is asked for, a request that S3 asks to slow down for, or one whose body breaks off;
   * a body that goes on in between is read further for as long as it does. Default 3.
   */
  readonly tries?: number;
  /** Milliseconds without a byte after which a body is taken to have broken off. Default 30 s. */
  readonly stall?: number;
  /**
   * Account (12 digits) to which the buckets must belong. Default: the one that the notification names as the bucket's
   * owner, so that a bucket that was deleted and made again by somebody else is not read. Where that is not enough, since
   * others may send to the queue, it is the lake's account.
   */
  readonly owner?: string;
  /** Agrees to pay for requests to buckets that let requesters pay. Default false. */
  readonly requesterPays?: boolean;
  /** A client like the one at hand for another region. Default: one with its credentials, endpoint and ways of sending. */
  readonly inRegion?: (region: string) => S3Client;
  /** Milliseconds for which a prefix rests at first when S3 asks for fewer requests. Default 500. */
  readonly firstPause?: number;
}

export interface OpenObjectOptions extends ObjectsOptions {
  readonly signal?: AbortSignal;
}

/** The objects of S3. What was learnt of buckets and prefixes holds for all that are opened. */
export interface Objects {
  /**
   * Opens the announced version of an object: by its version id where there is one, else only while its ETag is the
   * announced one. It is to be disposed of after the last slice.
   *
   * @throws ObjectGone, ObjectDenied, BrokenBody, and errors of the AWS SDK, which has retried what it thinks worth it
   */
  open(announced: AnnouncedObject, signal?: AbortSignal): Promise<OpenObject>;
}

/** The footers of real objects have 8 to 23 KB; this much of a large object's end is read at once. */
const tailBytes = 256 * 1024;
/** Longer slices are fetched in parts of this size side by side. */
const partBytes = 4 * 1024 * 1024;
/** Bytes that a broken body has to have brought for the next try to be the first again. */
const progressBytes = 64 * 1024;

/**
 * Keeps the SDK from checking the body of an answer: it can only check one that comes in one piece. `download.ts` checks
 * the bytes of all answers together.
 */
function leaveBodyUnchecked({ middlewareStack }: GetObjectCommand): void {
  middlewareStack.add((next) => (args) => next({ ...args, input: { ...args.input, ChecksumMode: undefined } }), {
    step: "build",
    name: "leaveBodyUnchecked",
  });
}

/** One object, by a client that remembers nothing of others. @see Objects.open */
export function openObject(
  s3: S3Client,
  announced: AnnouncedObject,
  { signal, ...options }: OpenObjectOptions = {},
): Promise<OpenObject> {
  return createObjects(s3, options).open(announced, signal);
}

export function createObjects(s3: S3Client, options: ObjectsOptions = {}): Objects {
  const { wholeUpTo = 8 * 1024 * 1024, tries = 3, stall = 30_000, owner, requesterPays = false } = options;
  const pace = createPace(options.firstPause ?? 500);
  const allowance = allowanceOf(options.readAhead ?? 32 * 1024 * 1024);
  const clients = regionalClients(s3, options.inRegion);

  async function request(object: AnnouncedObject, range: string | undefined, signal: AbortSignal) {
    const asked = { owner: owner ?? object.account, requesterPays };
    const command = new GetObjectCommand({
      Bucket: object.bucket,
      Key: object.key,
      ...(object.versionId !== undefined
        ? { VersionId: object.versionId }
        : object.etag !== undefined && { IfMatch: `"${object.etag}"` }),
      ...(range !== undefined && { Range: range }),
      ...(asked.owner !== undefined && { ExpectedBucketOwner: asked.owner }),
      ...(requesterPays && { RequestPayer: "requester" as const }),
      ChecksumMode: "ENABLED",
    });
    leaveBodyUnchecked(command);
    const { client, region } = clients.of(object.bucket);
    try {
      return await unlessAborted(client.send(command, { abortSignal: signal }), signal);
    } catch (error) {
      const to = redirectOf(error);
      if (to === undefined || to === region) throw explainS3(error, object, asked);
      clients.move(object.bucket, to);
      return request(object, range, signal);
    }
  }

  /** One answer, or the rest of one. */
  async function receive(
    object: AnnouncedObject,
    range: string | undefined,
    begun: { download?: Download },
    room: Uint8Array | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Download> {
    await pace.wait(prefixOf(object), signal);
    const watch = watchdog(stall, signal);
    try {
      const rest = begun.download?.filled ? restOf(begun.download) : range;
      const output = await request(object, rest, watch.signal);
      pace.answered(prefixOf(object), false);
      const body = output.Body as Readable | undefined;
      if (body === undefined) throw new BrokenBody(`${nameOf(object)}: S3 sent no body`);
      // A connection may still fail when nobody reads any more; without a listener that would end the process.
      body.on("error", () => {});
      watch.signal.addEventListener("abort", () => body.destroy(), { once: true });
      try {
        if (begun.download?.filled) checkContinuation(begun.download, output, object);
        else begun.download = beginDownload(output, object, Math.max(wholeUpTo, tailBytes, partBytes), room);
        await readBody(body, begun.download as Download, object, watch.alive);
      } finally {
        body.destroy();
      }
      return begun.download as Download;
    } catch (error) {
      if (watch.stalled() && !(error instanceof BrokenBody)) {
        throw new BrokenBody(`${nameOf(object)}: S3 sent nothing for ${stall / 1000} s`, { cause: error });
      }
      throw error;
    } finally {
      watch.end();
    }
  }

  /** Asks again where that can help, and for what is missing only. The bytes are written to `room` where they fit it. */
  async function get(
    announced: AnnouncedObject,
    range: string | undefined,
    signal: AbortSignal | undefined,
    room?: Uint8Array,
  ): Promise<Download> {
    const begun: { download?: Download } = {};
    for (let failures = 1, mark = 0; ; failures++) {
      try {
        const { download } = begun;
        const object = download ? { ...announced, etag: download.etag } : announced;
        return await receive(object, range, begun, room, signal);
      } catch (error) {
        signal?.throwIfAborted();
        const slowDown = isSlowDown(error);
        if (slowDown) pace.answered(prefixOf(announced), true);
        const filled = begun.download?.filled ?? 0;
        if (filled - mark >= progressBytes) failures = 1;
        mark = filled;
        if (failures >= tries || !(slowDown || worthAnotherTry(error))) throw error;
        if (!slowDown) await delay(100 * 4 ** (failures - 1), undefined, signal && { signal });
      }
    }
  }

  return {
    async open(announced, signal) {
      // Without a range S3 sends a checksum along.
      const small = announced.size !== undefined && announced.size <= wholeUpTo;
      const suffix = announced.size === undefined ? wholeUpTo : tailBytes;
      const whole = small ? await get(announced, undefined, signal).catch(largerThanAnnounced) : undefined;
      const part = whole ?? (await get(announced, `bytes=-${suffix}`, signal));
      const lake = {
        bucket: announced.bucket,
        key: announced.key,
        etag: part.etag,
        lastModified: part.lastModified,
        origin: parseObjectKey(announced.key),
      };
      if (part.start === 0) return { ...lake, source: bufferSource(part.bytes), [Symbol.dispose]() {} };
      const closed = new AbortController();
      const wanted = AbortSignal.any(signal === undefined ? [closed.signal] : [signal, closed.signal]);
      const pinned = { ...announced, etag: part.etag };
      const ranged = rangedSource(part, (start, end, room) => get(pinned, rangeOf(start, end), wanted, room));
      const source = readAhead(ranged, allowance);
      return {
        ...lake,
        source,
        [Symbol.dispose]() {
          closed.abort(new Error(`${nameOf(announced)} is closed`));
          source[Symbol.dispose]();
        },
      };
    },
  };
}

type Fetch = (start: number, end: number, room?: Uint8Array) => Promise<Download>;

/** Serves the end that is at hand, and fetches the rest by ranges, several of a long slice at a time. */
function rangedSource(end: Download, fetch: Fetch): ByteSource {
  const cut = async (from: number, to: number, room?: Uint8Array): Promise<Uint8Array> => {
    const { bytes } = await fetch(from, to, room);
    if (bytes.length === to - from) return bytes;
    throw new BrokenBody(`S3 sent ${bytes.length} of the ${to - from} bytes from ${from}`);
  };
  return {
    byteLength: end.total,
    slice(from, to) {
      if (from >= end.start) return end.bytes.subarray(from - end.start, to - end.start);
      if (to - from <= partBytes) return cut(from, to);
      return sideBySide(from, to, cut);
    },
  };
}

async function sideBySide(
  start: number,
  end: number,
  cut: (start: number, end: number, room: Uint8Array) => Promise<Uint8Array>,
): Promise<Uint8Array> {
  const whole = new Uint8Array(end - start);
  const count = Math.ceil(whole.length / partBytes);
  await Promise.all(
    Array.from({ length: count }, (_, index) => {
      const from = index * partBytes;
      const to = Math.min(whole.length, from + partBytes);
      return cut(start + from, start + to, whole.subarray(from, to));
    }),
  );
  return whole;
}

/** As HTTP counts: the last byte belongs to the range. */
function rangeOf(start: number, end: number): string {
  return `bytes=${start}-${end - 1}`;
}

/** The size that a notification tells may be wrong; version id and ETag say that the object is the right one. */
function largerThanAnnounced(error: unknown): undefined {
  if (!(error instanceof LargerThanAnnounced)) throw error;
}

function worthAnotherTry(error: unknown): boolean {
  // Credentials that ran out on the way are new ones at the next try.
  return error instanceof BrokenBody || error instanceof ObjectGone || (error as Error).name === "ExpiredToken";
}

/** S3 counts requests by prefixes of its own choice; the folder of an object is its day, account, region and source. */
function prefixOf({ bucket, key }: AnnouncedObject): string {
  return `${bucket}/${key.slice(0, key.lastIndexOf("/") + 1)}`;
}

interface RegionalClients {
  /** The client for a bucket; `region` where it is not the one at hand. */
  of(bucket: string): { readonly client: S3Client; readonly region?: string };
  /** Remembers the region of a bucket. */
  move(bucket: string, region: string): void;
}

/**
 * The SDK's own `followRegionRedirects` asks the wrong region first each time, and fails now and then where several
 * requests are redirected at once, since it changes the client for the time of each (aws-sdk-js-v3 #5554).
 */
function regionalClients(home: S3Client, inRegion: ((region: string) => S3Client) | undefined): RegionalClients {
  const regions = new Map<string, string>();
  const clients = new Map<string, S3Client>();
  const make = inRegion ?? ((region: string) => elsewhere(home, region));
  return {
    of(bucket) {
      const region = regions.get(bucket);
      if (region === undefined) return { client: home };
      const client = clients.get(region) ?? make(region);
      clients.set(region, client);
      return { client, region };
    },
    move: (bucket, region) => void regions.set(bucket, region),
  };
}

function elsewhere({ config }: S3Client, region: string): S3Client {
  const { credentials, requestHandler, endpoint, forcePathStyle, maxAttempts } = config;
  const { useFipsEndpoint, useDualstackEndpoint, responseChecksumValidation } = config;
  return new S3Client({
    region,
    credentials,
    requestHandler,
    ...(endpoint !== undefined && { endpoint }),
    forcePathStyle,
    maxAttempts,
    useFipsEndpoint,
    useDualstackEndpoint,
    responseChecksumValidation,
  });
}

/** While it waits for credentials the SDK listens to no signal. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

interface Watchdog {
  readonly signal: AbortSignal;
  alive(): void;
  stalled(): boolean;
  end(): void;
}

/** Aborts a request that brings nothing for so long, or that nobody wants any more. */
function watchdog(ms: number, outer: AbortSignal | undefined): Watchdog {
  const controller = new AbortController();
  let stalled = false;
  const timer = setTimeout(() => {
    stalled = true;
    controller.abort();
  }, ms);
  const abort = () => controller.abort(outer?.reason);
  if (outer?.aborted) abort();
  outer?.addEventListener("abort", abort, { once: true });
  return {
    signal: controller.signal,
    alive: () => void timer.refresh(),
    stalled: () => stalled,
    end() {
      clearTimeout(timer);
      outer?.removeEventListener("abort", abort);
    },
  };
}
