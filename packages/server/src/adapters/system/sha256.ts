import { hash } from 'node:crypto'

/**
 * SHA-256 of a text's UTF-8. One call for each hash: a Hash object costs more than the hashing, and so does a buffer
 * for the result, which the garbage collector has to take apart again.
 */
export function sha256(text: string): string {
  return hash('sha256', text, 'latin1')
}
