import { AwsError, notImplemented } from "../aws-error.ts";
import { childrenOf, childText, type XmlElement, type XmlValue } from "../xml.ts";

export interface NotificationConfiguration {
  readonly queues: readonly QueueNotification[];
  readonly eventBridge: boolean;
}

export interface QueueNotification {
  readonly id: string;
  readonly queueArn: string;
  /** s3:ObjectCreated:*, … */
  readonly events: readonly string[];
  readonly prefix?: string | undefined;
  readonly suffix?: string | undefined;
}

export const noNotifications: NotificationConfiguration = { queues: [], eventBridge: false };

/** @throws AwsError */
export function readNotificationConfiguration(root: XmlElement, newId: () => string): NotificationConfiguration {
  const other = root.children.find(({ name }) => !["QueueConfiguration", "EventBridgeConfiguration"].includes(name));
  if (other !== undefined) throw notImplemented(`${other.name} of bucket notifications`);
  return {
    eventBridge: childrenOf(root, "EventBridgeConfiguration").length > 0,
    queues: childrenOf(root, "QueueConfiguration").map((element) => {
      const queueArn = childText(element, "Queue") ?? "";
      const events = childrenOf(element, "Event").map(({ text }) => text);
      if (!/^arn:[^:]+:sqs:[^:]+:\d{12}:.+$/.test(queueArn)) {
        throw new AwsError(400, "InvalidArgument", "The ARN is not well formed", {
          fields: { ArgumentName: "Queue", ArgumentValue: queueArn },
        });
      }
      if (events.length === 0 || !events.every((event) => /^s3:\w+:[\w*]+$/.test(event))) {
        throw new AwsError(400, "InvalidArgument", "The event is not supported for notifications");
      }
      return { id: childText(element, "Id") ?? newId(), queueArn, events, ...readFilter(element) };
    }),
  };
}

function readFilter(element: XmlElement): Pick<QueueNotification, "prefix" | "suffix"> {
  const [filter] = childrenOf(element, "Filter");
  const rules = childrenOf(childrenOf(filter, "S3Key")[0], "FilterRule");
  const rule = (name: string) =>
    childText(
      rules.find((element) => childText(element, "Name")?.toLowerCase() === name),
      "Value",
    );
  return { prefix: rule("prefix"), suffix: rule("suffix") };
}

export function renderNotificationConfiguration({ queues, eventBridge }: NotificationConfiguration): XmlValue {
  return {
    QueueConfiguration: queues.map(({ id, queueArn, events, prefix, suffix }) => ({
      Id: id,
      Queue: queueArn,
      Event: events,
      ...((prefix ?? suffix) !== undefined && {
        Filter: {
          S3Key: {
            FilterRule: [
              ...(prefix === undefined ? [] : [{ Name: "Prefix", Value: prefix }]),
              ...(suffix === undefined ? [] : [{ Name: "Suffix", Value: suffix }]),
            ],
          },
        },
      }),
    })),
    ...(eventBridge && { EventBridgeConfiguration: "" }),
  };
}

export function concernsEvent(notification: QueueNotification, event: string, key: string): boolean {
  const { events, prefix = "", suffix = "" } = notification;
  return (
    key.startsWith(prefix) &&
    key.endsWith(suffix) &&
    events.some((wanted) => wanted === event || (wanted.endsWith("*") && event.startsWith(wanted.slice(0, -1))))
  );
}
