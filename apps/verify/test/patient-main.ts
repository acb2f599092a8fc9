/** The program, with the limits of a machine that is busy with other things. */
import { program } from "../src/program.ts";
import { patience, patientLimits } from "./patience.ts";

await program({ limits: patientLimits, surroundings: { patience } });
