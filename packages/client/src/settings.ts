/** The limits and times of one client. Each is named with its unit last. */
export interface Settings {
  /** Commands without an end; beyond it a send is refused with OVERLOADED, so that a page without a network does not fill memory. */
  readonly commandsMax: number
  /** The same in bytes of their JSON. */
  readonly commandBytesMax: number
  /** Commands of one room sent and not yet accepted: what one failure makes us send once more. */
  readonly windowMax: number
  /** Pages asked for and not answered; beyond it `page` is refused with OVERLOADED. */
  readonly pagesMax: number
  /** Entries held for a `for await` that is slow; what comes beyond is paged when its turn comes. */
  readonly readerEntriesMax: number
  /** Token, socket and `hello` of one try to connect. */
  readonly connectMsMax: number
  /** A command without any answer on a live connection: the connection is given up, and the command sent again on the next. */
  readonly answerMsMax: number
  /** Nothing heard for so long: ask, and give the connection up when that is not answered either. */
  readonly silenceMsMax: number
  /** The back-off between two tries is full jitter under a ceiling that doubles from the first to the second of these. */
  readonly backoffMsMin: number
  readonly backoffMsMax: number
  /** A connection that lived so long was a good one: the next failure starts the back-off anew. */
  readonly stableMs: number
  /** A new token is asked for so long before the old one expires (or in the last fifth of a shorter life). */
  readonly refreshAheadMs: number
}

export const DEFAULTS: Settings = {
  commandsMax: 10_000,
  commandBytesMax: 16 << 20,
  windowMax: 256,
  pagesMax: 1_000,
  readerEntriesMax: 400,
  connectMsMax: 20_000,
  answerMsMax: 15_000,
  silenceMsMax: 45_000,
  backoffMsMin: 250,
  backoffMsMax: 15_000,
  stableMs: 5_000,
  refreshAheadMs: 60_000,
}
