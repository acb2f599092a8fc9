import { Ajv2020 } from "ajv/dist/2020.js";

/** What is wrong with a value by a JSON Schema, which has to be right itself. */
export function faultsOf(value: unknown, schema: string): readonly unknown[] {
  const validate = new Ajv2020({ strict: true, allErrors: true }).compile(JSON.parse(schema));
  validate(value);
  return validate.errors ?? [];
}
