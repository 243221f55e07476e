/** Told of every answer; telemetry implements it. */
export interface ApiObserver {
  /** `route` is the path's pattern, or `unknown`; never what a caller wrote. */
  answered(method: string, route: string, status: number, ms: number): void
}
