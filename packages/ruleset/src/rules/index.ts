import type { RuleSource } from "../rule.ts";
import cloudtrail from "./cloudtrail.json" with { type: "json" };
import eks from "./eks.json" with { type: "json" };
import findings from "./findings.json" with { type: "json" };
import network from "./network.json" with { type: "json" };
import ocsf from "./ocsf.json" with { type: "json" };
import waf from "./waf.json" with { type: "json" };

/** Findings first, whatever product they are of; then the sources that AWS writes; then every class, by category. */
export const stockRules: readonly RuleSource[] = [findings, cloudtrail, network, eks, waf, ocsf].flatMap(
  (file) => file.rules as readonly RuleSource[],
);
