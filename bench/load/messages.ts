import { writeDigits } from './fields.ts'
import { headBytes, textFrame } from './socket.ts'

export const TEXT_BYTES = 150
const REF_DIGITS = 10
const REF_FIRST = 1_000_000_000
const NUMBER_DIGITS = 12
const TIME_DIGITS = 12

/** The `send` frames of one room, numbered from 0. */
export interface Frames {
  /** The frames of the messages from `first` on, in one piece; the reply to each names `refOf` its number. */
  frames(first: number, count: number): Buffer
}

/**
 * The `send` frames of one room, cut from one template: for each message only the digits that differ are written.
 * Client ids are UUIDv7, as the SDK's are; `scattered` ones are like an import's, whose entries get ids all over the key space.
 */
export class Messages implements Frames {
  private readonly template: Buffer
  private readonly refAt: number
  private readonly textAt: number
  private readonly timeAt: number
  private readonly idAt: number
  private readonly ids: Ids

  constructor(room: string, ids: Ids = 'uuidv7') {
    this.ids = ids
    const clientId =
      ids === 'uuidv7'
        ? `${zeros(8)}-${zeros(4)}-7000-8000-${zeros(NUMBER_DIGITS)}`
        : `import:bench:${zeros(NUMBER_DIGITS)}`
    const text = textOf(0)
    const payload = Buffer.from(
      `{"type":"send","ref":${REF_FIRST},"clientId":"${clientId}","room":${JSON.stringify(room)},"text":"${text}"}`,
    )
    this.template = textFrame(payload)
    const place = (part: string) => headBytes(payload.length) + payload.indexOf(part)
    this.refAt = place(String(REF_FIRST))
    this.textAt = place(text) + TEXT_HEAD.length
    this.timeAt = place(clientId)
    this.idAt = place(clientId) + clientId.length - NUMBER_DIGITS
  }

  get frameBytes(): number {
    return this.template.length
  }

  frames(first: number, count: number): Buffer {
    const size = this.template.length
    const frames = Buffer.allocUnsafe(size * count)
    const time =
      this.ids === 'uuidv7' ? Buffer.from(Date.now().toString(16).padStart(TIME_DIGITS, '0'), 'latin1') : undefined
    for (let i = 0; i < count; i++) {
      const at = i * size
      this.template.copy(frames, at)
      writeDigits(frames, at + this.refAt, REF_DIGITS, refOf(first + i))
      writeDigits(frames, at + this.idAt, NUMBER_DIGITS, first + i)
      writeDigits(frames, at + this.textAt, NUMBER_DIGITS, first + i)
      if (time !== undefined) writeTime(frames, at + this.timeAt, time)
    }
    return frames
  }
}

export type Ids = 'uuidv7' | 'scattered'

/** The `ref` of a message, always as long as any other. */
export function refOf(number: number): number {
  return REF_FIRST + number
}

/** Which message a reply's `ref` belongs to. */
export function numberOf(ref: number): number {
  return ref - REF_FIRST
}

/** The text of a message: it holds its number, so that history can be checked message by message. */
export function textOf(number: number): string {
  return `${TEXT_HEAD}${String(number).padStart(NUMBER_DIGITS, '0')}`.padEnd(
    TEXT_BYTES,
    ' of the benchmark, in words as long as people use',
  )
}

const TEXT_HEAD = 'message '

/** The first 48 bits of a UUIDv7 are its time: eight digits, a dash, four digits. */
function writeTime(frames: Buffer, at: number, time: Buffer): void {
  time.copy(frames, at, 0, 8)
  time.copy(frames, at + 9, 8, TIME_DIGITS)
}

function zeros(count: number): string {
  return '0'.repeat(count)
}
