/** Milliseconds of a check and of a run that a test sees to its end, on however slow a machine. */
export const patientLimits = { timeout: 60_000, total: 120_000 };

/** The same of a request to AWS. */
export const patience = { connectionTimeout: 60_000, requestTimeout: 60_000 };
