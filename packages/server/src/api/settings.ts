/** The settings of the HTTP API; config/settings.ts says which failure each prevents. */
export interface ApiSettings {
  readonly outcomeWaitMsMax: number
  readonly requestMsMax: number
  readonly idleMsMax: number
  readonly closeMsMax: number
  readonly slowRequestMsMin: number
  readonly roomsPerPageMax: number
  readonly membersPerPageMax: number
  readonly lettersPerPageMax: number
  readonly queryBytesMax: number
  readonly signInTokenMs: number
}

/** The settings of the alert webhook. */
export interface AlertSettings {
  readonly attemptMsMax: number
  readonly triesMax: number
  readonly backoffMsMin: number
  readonly backoffMsMax: number
  readonly queueAlertsMax: number
}
