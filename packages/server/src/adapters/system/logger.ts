import { type DestinationStream, destination, type Level, pino, stdSerializers } from 'pino'
import type { Logger } from '../../ports/system.ts'

export type LogLevel = Extract<Level, 'debug' | 'info' | 'warn' | 'error'> | 'silent'

export interface LoggerOptions {
  readonly level: LogLevel
  /** A stream of the process, or whatever takes lines. */
  readonly to: 'stderr' | 'stdout' | DestinationStream
  /** Fields of every line: the role, the build. */
  readonly fields?: object
}

/**
 * Structured lines of JSON, one for each event, with `level` as a word and `time` in ISO 8601.
 * Written at once: the last lines before a crash are those that somebody will look for.
 */
export function createLogger({ level, to, fields = {} }: LoggerOptions): Logger {
  const stream = typeof to === 'object' ? to : destination({ dest: to === 'stderr' ? 2 : 1, sync: true })
  const logger = pino(
    {
      level,
      base: { ...fields },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: stdSerializers.err, cause: stdSerializers.err },
    },
    stream,
  )
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
  }
}
