import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, join, relative, sep } from 'node:path'
import type { Edit, Mutant } from './mutant.ts'

/** The source as it stands: what of it is copied, and from where. */
export interface Tree {
  readonly root: string
  /** Copied whole, but for what is built or installed in them; so are the files beside them. */
  readonly folders: readonly string[]
}

/** An edit that does not fit the source any more: the mutant has to be written anew. */
export class NoLongerApplies extends Error {}

/**
 * A copy of the source that may be broken. Its `node_modules` has links to the packages that the real one has, but the project's own
 * packages are the copy's: whoever imports them in here, in whatever process or thread, runs the copy.
 */
export class Copy {
  readonly folder: string

  constructor(tree: Tree, folder: string) {
    const root = realpathSync(tree.root)
    mkdirSync(folder)
    this.folder = realpathSync(folder)
    for (const name of readdirSync(root))
      if (tree.folders.includes(name) || statSync(join(root, name)).isFile())
        cpSync(join(root, name), join(this.folder, name), { recursive: true, verbatimSymlinks: true, filter: isSource })
    linkPackages(root, this.folder)
  }

  /** Applies the mutant while `work` runs; then the copy is as it was. */
  async with<T>(mutant: Mutant, work: () => Promise<T>): Promise<T> {
    const mutated = edited(this.folder, mutant)
    const originals = new Map([...mutated.keys()].map((file) => [file, readFileSync(file, 'utf8')]))
    write(mutated)
    try {
      return await work()
    } finally {
      write(originals)
    }
  }
}

/** The files that a mutant changes, as they are then. Throws `NoLongerApplies`. */
export function edited(root: string, { name, edits }: Pick<Mutant, 'name' | 'edits'>): ReadonlyMap<string, string> {
  const texts = new Map<string, string>()
  for (const edit of edits) {
    const file = join(root, edit.file)
    if (!existsSync(file)) throw new NoLongerApplies(`${name} no longer applies: there is no ${edit.file}`)
    texts.set(file, replaced(name, texts.get(file) ?? readFileSync(file, 'utf8'), edit))
  }
  return texts
}

function replaced(name: string, text: string, { file, find, replace }: Edit): string {
  const pieces = text.split(find)
  if (pieces.length === 2) return pieces.join(replace)
  const times = pieces.length === 1 ? 'does not stand' : `stands ${pieces.length - 1} times`
  throw new NoLongerApplies(`${name} no longer applies: this ${times} in ${file}:\n${find}`)
}

function write(texts: ReadonlyMap<string, string>): void {
  for (const [file, text] of texts) writeFileSync(file, text)
}

function isSource(path: string): boolean {
  return !['node_modules', 'dist'].includes(basename(path))
}

function linkPackages(root: string, copy: string): void {
  const [from, to] = [join(root, 'node_modules'), join(copy, 'node_modules')]
  mkdirSync(to)
  for (const name of readdirSync(from)) {
    // Its links are relative: copied as they are, they lead to the packages beside them.
    if (name === '.bin') cpSync(join(from, name), join(to, name), { recursive: true, verbatimSymlinks: true })
    else if (!name.startsWith('@')) link(root, copy, name)
    else {
      mkdirSync(join(to, name))
      for (const inner of readdirSync(join(from, name))) link(root, copy, join(name, inner))
    }
  }
}

function link(root: string, copy: string, name: string): void {
  const real = realpathSync(join(root, 'node_modules', name))
  const place = relative(root, real)
  const isOurs = !place.startsWith('..') && !place.split(sep).includes('node_modules')
  symlinkSync(isOurs ? join(copy, place) : real, join(copy, 'node_modules', name))
}
