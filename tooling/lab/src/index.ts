export { createLab, type Lab, type LabOptions, type LakeFile } from "./lab.ts";
export { startWodle, type Wodle } from "./wodle.ts";
