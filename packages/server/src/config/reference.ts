import type { Table } from './kinds.ts'
import { allNamed, type Named } from './names.ts'
import { GROUPS, SETTINGS } from './settings.ts'

export interface SettingGroup {
  readonly name: string
  /** A sentence. */
  readonly about: string
  readonly settings: readonly Named[]
}

/** Every setting there is, with its names, by group: for flags, help and reference. */
export function settingGroups(): readonly SettingGroup[] {
  return Object.entries<Table>(SETTINGS).map(([name, table]) => ({
    name,
    about: GROUPS[name as keyof typeof SETTINGS],
    settings: allNamed({ [name]: table }),
  }))
}

/** The default as it would be written; undefined where there is none. */
export function defaultOf({ setting }: Named): string | undefined {
  const { default: initial } = setting
  const text = Array.isArray(initial) ? initial.join(',') : initial
  return text === undefined || text === '' ? undefined : String(text)
}

/** Every setting as a table in Markdown, one for each group. */
export function settingsReference(): string {
  return settingGroups()
    .map(
      ({ name, about, settings }) =>
        `## ${name}\n\n${about}\n\n| setting | flag | variable | value | default | why |\n|---|---|---|---|---|---|\n${settings.map(row).join('\n')}\n`,
    )
    .join('\n')
}

function row(named: Named): string {
  const { path, flag, variable, setting } = named
  const initial = defaultOf(named)
  const cells = [
    `\`${path}\``,
    flag === undefined ? '–' : `\`--${flag}\``,
    `\`${variable}\``,
    setting.type,
    initial === undefined ? '–' : `\`${initial}\``,
    setting.why,
  ]
  return `| ${cells.join(' | ')} |`
}
