import type { ErrorCode } from '@holdfast/protocol'
import type { ClaimDocument, EntryDocument, LetterDocument } from '../ports/store.ts'
import type { Command } from './command.ts'
import type { Doubt } from './decide.ts'

/** Every command of a batch ends in one of these, and one switch in worker/settle.ts says what each owes. */
export type Outcome =
  /** The entry is durable: written now, or adopted from an earlier time. */
  | { readonly end: 'stored'; readonly entry: EntryDocument }
  /** A rule's final answer, claimed. */
  | { readonly end: 'refused'; readonly claim: ClaimDocument }
  /** The same id with other content: refused, touching neither the entry nor the claim that has the id. */
  | { readonly end: 'reused'; readonly command: Command }
  /** It could not be processed: claimed, with a dead letter. */
  | { readonly end: 'dead'; readonly claim: ClaimDocument; readonly letter: LetterDocument }
  /** Not ended: its lane waits. */
  | { readonly end: 'waiting'; readonly doubt: Doubt | 'behind' }

/** Why a command is dead. */
export interface Death {
  readonly class: LetterDocument['class']
  readonly code: ErrorCode
  readonly reason: string
}
