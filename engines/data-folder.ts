import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { EngineName } from './engine.ts'
import { EngineError } from './errors.ts'
import type { Ports } from './machine/ports.ts'

const MARKER = 'engine.json'

/** What is kept beside an engine's data: whose they are, and the ports it had. */
interface Marker {
  readonly engine: EngineName
  readonly ports: Ports
}

/** Makes the folder, or finds it as this engine left it, with the ports it had. Nothing is put between other things. */
export function openDataFolder(folder: string, engine: EngineName): Ports | undefined {
  try {
    mkdirSync(folder, { recursive: true })
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new EngineError('folder_unusable', `${folder} cannot be used (${why}): name another.`)
  }
  const marker = readMarker(folder)
  if (marker === undefined && readdirSync(folder).length > 0)
    throw new EngineError(
      'folder_unusable',
      `${folder} holds other things: name an empty folder, or one that ${engine} has used.`,
    )
  if (marker !== undefined && marker.engine !== engine)
    throw new EngineError(
      'folder_unusable',
      `${folder} holds the data of ${marker.engine}: name another folder for ${engine}.`,
    )
  return marker?.ports
}

export function markDataFolder(folder: string, marker: Marker): void {
  writeFileSync(join(folder, MARKER), `${JSON.stringify(marker)}\n`)
}

function readMarker(folder: string): Marker | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, MARKER), 'utf8')) as Marker
  } catch {
    return undefined
  }
}
