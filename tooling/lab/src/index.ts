export { createLab, type Lab, type LabOptions, type LakeFile } from "./lab.ts";
export { generatedSamples, realSamples, type Sample } from "./samples.ts";
export { until } from "./until.ts";
export { startWodle, type Wodle } from "./wodle.ts";
