export type EngineErrorCode =
  | 'missing_tool'
  | 'command_failed'
  | 'port_taken'
  | 'folder_unusable'
  | 'already_running'
  | 'needs_ordinary_user'
  | 'died'
  | 'not_ready'
  | 'not_stopped'

/** What keeps an engine from being built, started or stopped; its message is one sentence that says what to do, perhaps with a log's end. */
export class EngineError extends Error {
  readonly code: EngineErrorCode

  constructor(code: EngineErrorCode, message: string) {
    super(message)
    this.name = 'EngineError'
    this.code = code
  }
}
