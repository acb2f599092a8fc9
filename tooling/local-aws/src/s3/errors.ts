import { AwsError, type ErrorDetail } from "../aws-error.ts";

const error =
  (status: number, code: string, message: string) =>
  (fields: ErrorDetail["fields"] = {}, headers: ErrorDetail["headers"] = {}): AwsError =>
    new AwsError(status, code, message, { fields, headers });

export const noSuchBucket = (name: string): AwsError =>
  error(404, "NoSuchBucket", "The specified bucket does not exist")({ BucketName: name });
export const noSuchKey = (key: string, headers: ErrorDetail["headers"] = {}): AwsError =>
  error(404, "NoSuchKey", "The specified key does not exist.")({ Key: key }, headers);
export const noSuchVersion = (key: string, versionId: string): AwsError =>
  error(404, "NoSuchVersion", "The specified version does not exist.")({ Key: key, VersionId: versionId });
export const noSuchUpload = (id: string): AwsError =>
  error(
    404,
    "NoSuchUpload",
    "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.",
  )({ UploadId: id });
export const accessDenied = (message = "Access Denied"): AwsError => error(403, "AccessDenied", message)();
export const malformedXml = error(
  400,
  "MalformedXML",
  "The XML you provided was not well-formed or did not validate against our published schema",
);
export const invalidArgument = (name: string, value: string, message: string): AwsError =>
  error(400, "InvalidArgument", message)({ ArgumentName: name, ArgumentValue: value });
export const preconditionFailed = (condition: string): AwsError =>
  error(
    412,
    "PreconditionFailed",
    "At least one of the pre-conditions you specified did not hold",
  )({
    Condition: condition,
  });
export const invalidRange = (range: string, size: number): AwsError =>
  error(
    416,
    "InvalidRange",
    "The requested range is not satisfiable",
  )({ RangeRequested: range, ActualObjectSize: String(size) }, { "content-range": `bytes */${size}` });
export const invalidObjectState = (storageClass: string): AwsError =>
  error(
    403,
    "InvalidObjectState",
    "The operation is not valid for the object's storage class",
  )({
    StorageClass: storageClass,
  });
export const permanentRedirect = (bucket: string, region: string): AwsError =>
  error(
    301,
    "PermanentRedirect",
    "The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint.",
  )({ Endpoint: `${bucket}.s3.${region}.amazonaws.com`, Bucket: bucket }, { "x-amz-bucket-region": region });
