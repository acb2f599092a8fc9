import { queueAddress } from "@threatlockdown/sqs-consumer";
import { quote } from "./command.ts";
import type { DeadLetterFile } from "./dead-letters.ts";

/** What is known of the queues beside their names. */
export interface Known {
  /** As the configuration has them: names, URLs, ARNs. */
  readonly queues: readonly string[];
  readonly region: string | undefined;
}

/** A script that sends each message into the queue that it came from; a body may have line breaks, a file a torn line. */
export function resendText(files: readonly DeadLetterFile[], { queues, region }: Known): string {
  const addresses = queues.map(queueAddress);
  const names = [...new Set(files.flatMap(({ messagesOf }) => [...messagesOf]))];
  return names
    .map((name) => {
      const address = addresses.find((one) => one.name === name);
      const place = address?.region ?? region;
      const inRegion = place === undefined ? "" : ` --region ${quote(place)}`;
      const url =
        address?.url === undefined
          ? `"$(aws sqs get-queue-url --queue-name ${quote(name)}${inRegion} --query QueueUrl --output text)"`
          : quote(address.url);
      const own = files.filter(({ messagesOf }) => messagesOf.has(name)).map(({ path }) => quote(path));
      const bodies = `fromjson? | select(.kind == "message" and .queue == ${JSON.stringify(name)}) | .body | @base64`;
      return `url=${url}
cat ${own.join(" ")} | jq -rR ${quote(bodies)} |
  while IFS= read -r body; do
    aws sqs send-message --queue-url "$url"${inRegion} --message-body "$(printf %s "$body" | base64 -d)" </dev/null || echo "not sent: $body"
  done
`;
    })
    .join("");
}
