import { hash } from 'node:crypto'

/** SHA-256 of a text's UTF-8, as 32 bytes. One call for each hash: a Hash object costs more than the hashing. */
export function sha256(text: string): Uint8Array {
  return hash('sha256', text, 'buffer')
}
