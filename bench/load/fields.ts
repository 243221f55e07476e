/**
 * Reads a number out of a frame without parsing it. Frames of one kind have the field at the same place nearly always, so the
 * last place is looked at first.
 */
export class NumberField {
  private readonly name: Buffer
  private place = 0

  constructor(name: string) {
    this.name = Buffer.from(`"${name}":`)
  }

  /** The field's value; -1 where the frame has none. */
  read(bytes: Buffer, start: number, end: number): number {
    let at = start + this.place
    if (!this.isAt(bytes, at, end)) {
      at = bytes.indexOf(this.name, start)
      if (at < 0 || at >= end) return -1
      this.place = at - start
    }
    let value = 0
    for (let i = at + this.name.length; i < end; i++) {
      const digit = (bytes[i] ?? 0) - 48
      if (digit < 0 || digit > 9) break
      value = value * 10 + digit
    }
    return value
  }

  private isAt(bytes: Buffer, at: number, end: number): boolean {
    const { name } = this
    if (at + name.length >= end) return false
    for (let i = 0; i < name.length; i++) if (bytes[at + i] !== name[i]) return false
    return true
  }
}

/** Writes `value` in exactly `width` decimal digits. */
export function writeDigits(bytes: Buffer, at: number, width: number, value: number): void {
  let rest = value
  for (let i = at + width - 1; i >= at; i--) {
    const next = Math.floor(rest / 10)
    bytes[i] = 48 + (rest - next * 10)
    rest = next
  }
}
