import type { AuthenticationTrouble } from "../authenticate.ts";
import { AwsError, notImplemented } from "../aws-error.ts";
import type { HttpRequest } from "../request.ts";
import type { Call, Reply, Service } from "../service.ts";
import { timestamp } from "../sigv4.ts";
import type { World } from "../world.ts";
import { xmlDocument } from "../xml.ts";
import { bucketOf } from "./access.ts";
import { readAddress } from "./address.ts";
import { bucketOperations, serviceOperations } from "./bucket-operations.ts";
import { accessDenied } from "./errors.ts";
import { listOperations } from "./listing.ts";
import { multipartOperations } from "./multipart-operations.ts";
import { objectOperations, type S3Operation } from "./object-operations.ts";
import { operationOf } from "./operation.ts";

const operations: Readonly<Record<string, S3Operation>> = {
  ...bucketOperations,
  ...listOperations,
  ...objectOperations,
  ...multipartOperations,
};

/** S3 by its REST protocol. */
export function createS3(world: World): Service {
  return {
    name: "s3",
    takesUnsigned: () => true,
    clockSkew: 15 * 60_000,

    identify(request) {
      const address = readAddress(request);
      return { operation: operationOf(request, address), ...address };
    },

    knows: (operation) => Object.hasOwn(serviceOperations, operation) || Object.hasOwn(operations, operation),

    perform(call) {
      const { operation, key = "" } = call.intent;
      refuseUnknown(call);
      const early = serviceOperations[operation];
      if (early !== undefined) return early(world, call);
      const perform = operations[operation] as S3Operation;
      return perform({ world, call, bucket: bucketOf(world, call), key });
    },

    refuse,
    distrust,
  };
}

const knownParameters = new Set([
  ...["x-id", "list-type", "prefix", "delimiter", "max-keys", "continuation-token", "start-after", "fetch-owner"],
  ...["encoding-type", "marker", "versions", "key-marker", "version-id-marker", "versionId", "uploads", "uploadId"],
  ...["partNumber", "delete", "restore", "location", "versioning", "policy", "notification", "encryption"],
  ...["requestPayment", "max-buckets", "bucket-region"],
]);

const knownHeaders =
  /^x-amz-(date|content-sha256|security-token|user-agent|request-payer|expected-bucket-owner|decoded-content-length|trailer|sdk-checksum-algorithm|checksum-.+|meta-.+|storage-class|server-side-encryption(-aws-kms-key-id|-bucket-key-enabled)?|mp-object-size)$/;

/** What would change the meaning of a call must not be passed over in silence. */
function refuseUnknown({ request }: Call): void {
  for (const name of request.query.keys()) {
    if (!knownParameters.has(name)) throw notImplemented(`the parameter ${name} of S3`);
  }
  if (request.method === "GET" && request.query.has("partNumber")) throw notImplemented("GetObject by part number");
  for (const name of Object.keys(request.headers)) {
    if (name.startsWith("x-amz-") && !knownHeaders.test(name)) throw notImplemented(`the header ${name} of S3`);
  }
}

function refuse(error: AwsError, requestId: string, request: HttpRequest): Reply {
  const headers = { ...error.detail.headers, "x-amz-request-id": requestId };
  if (request.method === "HEAD" || error.status === 304) return { status: error.status, headers };
  return {
    status: error.status,
    headers: { ...headers, "content-type": "application/xml" },
    body: xmlDocument("Error", undefined, {
      Code: error.code,
      Message: error.message,
      ...error.detail.fields,
      Resource: request.path,
      RequestId: requestId,
      HostId: "local",
    }),
  };
}

function distrust(trouble: AuthenticationTrouble): AwsError {
  switch (trouble.kind) {
    case "unsigned":
      return accessDenied();
    case "malformed":
      return new AwsError(
        400,
        "AuthorizationHeaderMalformed",
        "The authorization header is malformed; it must be an AWS4-HMAC-SHA256 signature for s3.",
      );
    case "unknown-key":
      return new AwsError(
        403,
        "InvalidAccessKeyId",
        "The AWS Access Key Id you provided does not exist in our records.",
      );
    case "wrong-token":
      return new AwsError(400, "InvalidToken", "The provided token is malformed or otherwise invalid.");
    case "expired":
      return new AwsError(400, "ExpiredToken", "The provided token has expired.");
    case "signature":
      return new AwsError(
        403,
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
      );
    case "clock":
      return new AwsError(
        403,
        "RequestTimeTooSkewed",
        "The difference between the request time and the current time is too large.",
        {
          fields: {
            RequestTime: Number.isNaN(trouble.signedAt) ? "" : timestamp(trouble.signedAt),
            ServerTime: new Date(trouble.now).toISOString(),
            MaxAllowedSkewMilliseconds: String(trouble.limit),
          },
        },
      );
  }
}
