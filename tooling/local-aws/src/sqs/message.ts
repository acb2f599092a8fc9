import { hash } from "node:crypto";

export interface MessageAttribute {
  readonly DataType: string;
  readonly StringValue?: string;
  /** Base64. */
  readonly BinaryValue?: string;
}

export interface Message {
  readonly id: string;
  readonly body: string;
  readonly md5: string;
  readonly attributes: Readonly<Record<string, MessageAttribute>>;
  readonly attributesMd5: string | undefined;
  readonly traceHeader: string | undefined;
  readonly senderId: string;
  /** ms since the epoch */
  readonly sentAt: number;
  firstReceivedAt: number | undefined;
  receiveCount: number;
  deadLetterSource: string | undefined;
  state: "delayed" | "visible" | "in flight" | "gone";
  /** When it was last handed out. */
  receivedAt: number;
  /** Counts every change of state, so that what was planned for an earlier one can be told. */
  generation: number;
  /** Of the latest receive. */
  receipt: number;
}

export function md5(data: string | Uint8Array): string {
  return hash("md5", data, "hex");
}

/** Source: SQS Developer Guide, "Calculating the MD5 message digest for message attributes". */
export function attributesMd5(attributes: Readonly<Record<string, MessageAttribute>>): string | undefined {
  const names = Object.keys(attributes).sort();
  if (names.length === 0) return undefined;
  const parts = names.flatMap((name) => {
    const { DataType, StringValue, BinaryValue } = attributes[name] as MessageAttribute;
    const binary = DataType.startsWith("Binary");
    const value = binary ? Buffer.from(BinaryValue ?? "", "base64") : Buffer.from(StringValue ?? "");
    return [...sized(Buffer.from(name)), ...sized(Buffer.from(DataType)), Buffer.of(binary ? 2 : 1), ...sized(value)];
  });
  return md5(Buffer.concat(parts));
}

function sized(data: Buffer): [Buffer, Buffer] {
  const size = Buffer.alloc(4);
  size.writeUInt32BE(data.length);
  return [size, data];
}
