const time = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' })
const weekday = new Intl.DateTimeFormat(undefined, { weekday: 'long' })
const day = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' })
const dayOfYear = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'long', year: 'numeric' })
const shortDay = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' })
const shortDayOfYear = new Intl.DateTimeFormat(undefined, { year: 'numeric', month: 'short', day: 'numeric' })
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'medium' })
const number = new Intl.NumberFormat()

/** Equal for two moments of the same day where the reader is. */
export function dayOf(at: number): string {
  const date = new Date(at)
  return `${date.getFullYear()}-${date.getMonth() + 1}-${date.getDate()}`
}

export function timeName(at: number): string {
  return time.format(at)
}

export function momentName(at: number): string {
  return full.format(at)
}

export function numberName(value: number): string {
  return number.format(value)
}

/** "Today", "Yesterday", a weekday within the last week, else the date. */
export function dayName(at: number, now: number): string {
  const days = daysBetween(at, now)
  if (days === 0) return 'Today'
  if (days === 1) return 'Yesterday'
  if (days > 1 && days < 7) return weekday.format(at)
  return isSameYear(at, now) ? day.format(at) : dayOfYear.format(at)
}

/** The same for the narrow column of a list: the time, when it is today's. */
export function shortName(at: number, now: number): string {
  const days = daysBetween(at, now)
  if (days === 0) return time.format(at)
  if (days === 1) return 'Yesterday'
  return isSameYear(at, now) ? shortDay.format(at) : shortDayOfYear.format(at)
}

function isSameYear(at: number, now: number): boolean {
  return new Date(at).getFullYear() === new Date(now).getFullYear()
}

function daysBetween(at: number, now: number): number {
  return Math.round((midnight(now) - midnight(at)) / 86_400_000)
}

function midnight(at: number): number {
  return new Date(at).setHours(0, 0, 0, 0)
}
