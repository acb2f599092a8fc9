export { maxEventBytes } from "./datagram.ts";
export { AnalysisdError, type AnalysisdErrorCode } from "./errors.ts";
export { type Pace, pacedBy, steadyPace } from "./pace.ts";
export { openQueue, type Queue, type QueueOptions } from "./queue.ts";
export { type Shortened, shorten } from "./shorten.ts";
export { datagramsUnavailable } from "./socket.ts";
export { getStats, type Stats } from "./stats.ts";
