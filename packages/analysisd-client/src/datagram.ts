import { AnalysisdError } from "./errors.ts";

/** What the engine reads of a datagram; the rest is cut off without a word, and the event is lost. */
const maxDatagramBytes = 65_535;

/** Queue id of a local log, and the location that the events get. Source: Wazuh's queue protocol, `<id>:<location>:<log>`. */
const prefix: Uint8Array = new TextEncoder().encode("1:Wazuh-AWS:");

/** The longest event, in bytes of JSON: 65,523. */
export const maxEventBytes: number = maxDatagramBytes - prefix.byteLength;

/** Puts each event behind the prefix, in one buffer for all of them: valid until the next one is framed. */
export function createFrame(): (event: Uint8Array) => Uint8Array {
  const buffer = new Uint8Array(maxDatagramBytes);
  buffer.set(prefix);
  return (event) => {
    if (event.byteLength > maxEventBytes) throw tooLarge(event.byteLength);
    buffer.set(event, prefix.byteLength);
    return buffer.subarray(0, prefix.byteLength + event.byteLength);
  };
}

function tooLarge(byteLength: number): AnalysisdError {
  return new AnalysisdError(
    "EVENT_TOO_LARGE",
    `an event of ${byteLength} bytes is longer than the ${maxEventBytes} that the engine reads: shorten it`,
  );
}
