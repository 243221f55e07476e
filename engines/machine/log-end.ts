import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

const BYTES_MAX = 8_192 // a stack trace for each of two hundred threads helps nobody
const LINES_MAX = 15

/** The last lines of a log, indented, and where it is: for the end of an error's message. */
export function logEnd(log: string): string {
  const lines = tail(log).trimEnd().split('\n').slice(-LINES_MAX)
  return [`The end of ${log}:`, ...lines.map((line) => `  ${line}`)].join('\n')
}

function tail(log: string): string {
  try {
    const file = openSync(log, 'r')
    try {
      const { size } = fstatSync(file)
      const bytes = Buffer.alloc(Math.min(size, BYTES_MAX))
      readSync(file, bytes, 0, bytes.length, size - bytes.length)
      return bytes.toString()
    } finally {
      closeSync(file)
    }
  } catch {
    return '(there is no log)'
  }
}
